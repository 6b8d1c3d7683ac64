"""What is odd, and no error: told by checks, not by runs, and never about a playbook that is in order."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.errors import Severity
from runner.inventory import load_inventory
from runner.plan import check_playbook
from runner.rules import Rule
from tests.unit.test_plan import Bench, tasks, told


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def advised(bench: Bench, text: str) -> list[str]:
    """The warnings of a check; a run has none of them."""
    path = bench.write("play.yml", text)
    found = check_playbook(path, load_inventory([bench.directory / "inventory.yml"]))
    assert {problem.severity for problem in found} <= {Severity.WARNING}
    assert bench.plan(text).warnings == ()
    return [told(problem).replace(f"{bench.directory}/", "") for problem in found]


def test_variables_that_nothing_reads_are_named(bench: Bench) -> None:
    bench.write("vars/more.yml", "from_file: 1\nread_elsewhere: 2\n")
    bench.write("other.yml", "- hosts: db\n  tasks: [{debug: {msg: '{{ read_elsewhere }}'}}]\n")
    text = tasks(
        "{command: ls, register: listed, vars: {own: 1}}",
        "{set_fact: {computed: 1}}",
        "{block: [{debug: }], vars: {inner: 1}}",
        head="  vars: {spare: 1}\n  vars_files: [vars/more.yml]\n",
    )
    assert advised(bench, text) == [
        "2:10 nothing reads 'spare'",
        "5:31 nothing reads 'listed', which is registered here",
        "5:46 nothing reads 'own'",
        "6:19 nothing reads 'computed'",
        "7:35 nothing reads 'inner'",
        "1:1 nothing reads 'from_file'",
    ]


@pytest.mark.parametrize(
    "text",
    [
        tasks("{debug: {msg: '{{ used }}'}}", head="  vars: {used: 1}\n"),
        tasks("{debug: {msg: '{{ a }}'}}", head="  vars: {a: '{{ b.c }}', b: {c: 1}}\n"),
        tasks("{debug: {var: used}}", head="  vars: {used: 1}\n"),
        tasks("{assert: {that: used == 1}}", head="  vars: {used: 1}\n"),
        tasks("{debug: , when: used}", head="  vars: {used: true}\n"),
        tasks("{command: ls, register: used, until: used.rc == 0}"),
        tasks("{command: ls, register: used}", "{debug: {msg: \"{{ hostvars['db1'].used.rc }}\"}}"),
        tasks("{command: ls, register: used}", "{debug: {msg: \"{{ hostvars['db1']['used'] }}\"}}"),
        tasks("{debug: {msg: \"{{ lookup('vars', 'used') }}\"}}", head="  vars: {used: 1}\n"),
        tasks("{debug: {msg: \"{{ lookup('vars', 'us' ~ inventory_hostname[:2]) }}\"}}", head="  vars: {usdb: 1}\n"),
        tasks("{template: {src: t.j2, dest: /x}}", head="  vars: {in_template: 1, in_included: 2}\n"),
        tasks("{debug: {msg: '{{ shared }}'}}", head="  vars: {for_shared: 1}\n"),
        tasks("{command: ls}", head="  vars: {_spare: 1, ansible_user: me}\n"),
    ],
)
def test_what_is_read_anywhere_is_not_named(bench: Bench, text: str) -> None:
    bench.write("templates/t.j2", "{{ in_template }}{% include 'inner.j2' %}")
    bench.write("templates/inner.j2", "{{ in_included }}")
    bench.write(
        "inventory.yml",
        "all: {vars: {shared: '{{ for_shared | default(1) }}'}, hosts: {db1: }}\ndb: {hosts: {db1: }}\n",
    )
    assert advised(bench, text) == []


def test_without_an_inventory_nobody_knows_what_it_reads(bench: Bench) -> None:
    path = bench.write("play.yml", tasks("{debug: }", head="  vars: {perhaps: 1}\n"))
    assert check_playbook(path, None) == []


def test_a_variable_that_hides_another_is_told_with_both_places(bench: Bench) -> None:
    bench.write("more.yml", "twice: 2\n")
    text = tasks(
        "{debug: {msg: '{{ twice }} {{ shared }} {{ groups }} {{ mine }}'}}",
        "{command: ls, register: mine}",
        "{debug: {msg: '{{ item }}'}, loop: [1]}",
        head="  vars: {twice: 1, shared: 2, groups: 3, mine: 4, item: 5}\n  vars_files: [more.yml]\n",
    )
    assert advised(bench, text) == [
        "2:10 'twice' never has this value: that in more.yml:1:8 always wins",
        "2:20 'shared' hides the inventory's in inventory.yml:3:18, which never has an effect in this play",
        "2:31 'groups' always has a value of its own: what is set here never has an effect",
        "6:31 the result overwrites the variable 'mine' of play.yml:2:48",
        "7:42 the loop's variable 'item' hides that of play.yml:2:57",
    ]


@pytest.mark.parametrize(
    "text",
    [
        tasks("{debug: {msg: '{{ path }}'}, vars: {path: 1}}", hosts="web"),
        tasks("{debug: {msg: '{{ a }}'}, vars: {a: 1}}", "{debug: {msg: '{{ a }}'}}", head="  vars: {a: 2}\n"),
        tasks("{set_fact: {count: '{{ count + 1 }}'}}", head="  vars: {count: 0}\n"),
        tasks("{debug: {msg: '{{ shared }}'}}", head="  vars: {shared: 1}\n"),
        tasks("{command: ls, register: a}", "{command: ls, register: a}", "{debug: {msg: '{{ a.rc }}'}}"),
    ],
)
def test_a_variable_that_has_an_effect_somewhere_is_not_told(bench: Bench, text: str) -> None:
    assert advised(bench, text) == []


def test_tasks_that_are_never_reached_are_told(bench: Bench) -> None:
    text = tasks(
        "{debug: , when: false}",
        "{block: [{fail: }, {debug: }, {debug: }], rescue: [{debug: }]}",
        "{debug: , when: [true, 'false']}",
        "{fail: }",
        "{command: ls}",
    )
    assert advised(bench, text) == [
        "3:23 this is never done: its condition is always false",
        "4:26 this is never reached: the task in line 4 always fails",
        "5:30 this is never done: its condition is always false",
        "7:7 this is never reached: the task in line 6 always fails",
    ]


@pytest.mark.parametrize(
    "lines",
    [
        ("{fail: , when: inventory_hostname == 'db1'}", "{debug: }"),
        ("{fail: , ignore_errors: true}", "{debug: }"),
        ("{fail: , tags: [never]}", "{debug: }"),
        ("{fail: }", "{debug: , tags: [only]}"),
        ("{block: [{fail: }, {debug: }], ignore_errors: true}",),
        ("{block: [{fail: }], rescue: [{debug: }]}", "{debug: }"),
    ],
)
def test_a_task_that_may_be_reached_is_not_told(bench: Bench, lines: tuple[str, ...]) -> None:
    assert advised(bench, tasks(*lines)) == []


def test_what_is_only_odd_is_told_when_nothing_is_wrong(bench: Bench) -> None:
    path = bench.write("play.yml", tasks("{debug: , when: false}", "{debug: {mgs: x}}", head="  vars: {spare: 1}\n"))
    (problem,) = check_playbook(path, load_inventory([bench.directory / "inventory.yml"]))
    assert problem.rule is Rule.UNKNOWN_ARGUMENT
