from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runner.errors import InvalidInput, Problem, Severity
from runner.inventory import load_inventory
from runner.plan import Options, Plan, check_playbook, make_plan, selected
from runner.plan.batches import batches
from runner.secret import Redactor
from runner.template import Templar

INVENTORY = """
all:
  vars: {shared: 1}
  children:
    web: {hosts: {"web[1:4]": }}
    db: {hosts: {db1: {path: /a, mode: "0644"}, db2: {path: /b}}}
"""


class Bench:
    """Plans playbooks written into a directory of their own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.redactor = Redactor()
        self.write("inventory.yml", INVENTORY)

    def write(self, name: str, text: str) -> Path:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def plan(self, text: str, **options: Any) -> Plan:
        playbook = self.write("play.yml", text)
        templar = Templar([self.directory], self.redactor)
        return make_plan(playbook, load_inventory([self.directory / "inventory.yml"]), Options(**options), templar)

    def problems(self, text: str, **options: Any) -> list[str]:
        return [told(problem) for problem in self.found(text, **options)]

    def found(self, text: str, **options: Any) -> tuple[Problem, ...]:
        """The errors of a playbook, whole."""
        try:
            self.plan(text, **options)
        except InvalidInput as error:
            return error.problems
        return ()


def told(problem: Problem) -> str:
    where = f"{problem.location.line}:{problem.location.column} " if problem.location else ""
    return f"{where}{problem.message}"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def tasks(*lines: str, hosts: str = "db", head: str = "") -> str:
    body = "".join(f"    - {line}\n" for line in lines)
    return f"- hosts: {hosts}\n{head}  tasks:\n{body}"


@pytest.mark.parametrize(
    ("serial", "sizes"),
    [((), [10]), ((3,), [3, 3, 3, 1]), ((1, 5), [1, 5, 4]), (("30%",), [3, 3, 3, 1]), ((1, "50%"), [1, 5, 4]),
     (("1%",), [1] * 10), ((100,), [10]), (("100%",), [10]), (("4",), [4, 4, 2])],
)  # fmt: skip
def test_serial_cuts_hosts_into_batches(serial: tuple[int | str, ...], sizes: list[int]) -> None:
    hosts = [f"h{n}" for n in range(10)]
    cut = batches(hosts, serial)
    assert [len(batch) for batch in cut] == sizes
    assert [host for batch in cut for host in batch] == hosts


def test_no_hosts_make_no_batch() -> None:
    assert batches([], (2,)) == ()


@pytest.mark.parametrize(
    ("own", "tags", "skip", "done"),
    [
        ("", "", "", True), ("a", "", "", True), ("a", "a", "", True), ("a", "b", "", False), ("", "a", "", False),
        ("always", "b", "", True), ("never", "", "", False), ("never a", "a", "", True), ("never", "never", "", True),
        ("a", "", "a", False), ("always", "", "always", False), ("always a", "a", "a", False), ("a", "all", "", True),
        ("never", "all", "", False), ("a", "tagged", "", True), ("", "tagged", "", False), ("", "untagged", "", True),
        ("a", "untagged", "", False), ("a", "", "tagged", False), ("", "", "untagged", False),
        ("always", "", "all", True),
        ("a", "", "all", False), ("never a", "tagged", "", False), ("a b", "b", "c", True),
    ],
)  # fmt: skip
def test_tags_choose_as_in_ansible(own: str, tags: str, skip: str, done: bool) -> None:
    options = Options(tags=tuple(tags.split()), skip_tags=tuple(skip.split()))
    assert selected(own.split(), options) is done


def test_a_plan_has_each_play_with_its_hosts_and_batches(bench: Bench) -> None:
    plan = bench.plan("- hosts: web\n  serial: 3\n  tasks: []\n- hosts: db:web1\n  tasks: []\n", limit="!web2")
    assert [play.hosts for play in plan.plays] == [("web1", "web3", "web4"), ("db1", "db2", "web1")]
    assert plan.plays[0].batches == (("web1", "web3", "web4"),)
    assert plan.warnings == ()


def test_hosts_may_come_from_an_extra_variable(bench: Bench) -> None:
    text = "- hosts: \"{{ target | default('web') }}\"\n  tasks: []\n"
    assert bench.plan(text).plays[0].hosts == ("web1", "web2", "web3", "web4")
    assert bench.plan(text, extra_vars={"target": "db"}).plays[0].hosts == ("db1", "db2")
    assert bench.problems('- hosts: "{{ target }}"\n  tasks: []\n') == ["1:10 'target' is undefined"]


def test_a_limit_that_leaves_nobody_is_refused_but_one_play_may_be_left_out(bench: Bench) -> None:
    text = "- hosts: web\n  tasks: []\n- hosts: db\n  tasks: []\n"
    assert [play.hosts for play in bench.plan(text, limit="db1").plays] == [(), ("db1",)]
    (problem,) = bench.problems("- hosts: web\n  tasks: []\n", limit="db")
    assert "leaves no host" in problem
    (problem,) = bench.problems(text, limit="dbs")
    assert problem.startswith("--limit: there is no host or group 'dbs'")


def test_tags_nobody_has_are_refused(bench: Bench) -> None:
    text = tasks("{debug: , tags: [slow, fast]}")
    assert bench.problems(text, tags=("slow",), skip_tags=("fast", "never")) == []
    assert bench.problems(text, tags=("slwo",)) == [f"--tags: no task of {bench.directory}/play.yml has the tag 'slwo'"]
    assert bench.problems(text, skip_tags=("fsat",)) == [
        f"--skip-tags: no task of {bench.directory}/play.yml has the tag 'fsat'"
    ]


def test_extra_variables_define_and_win_and_may_be_templates(bench: Bench) -> None:
    text = tasks("{wait_for: {port: '{{ port }}'}}")
    assert bench.problems(text) == ["3:25 'port' is undefined"]
    assert bench.problems(text, extra_vars={"port": 80}) == []
    assert bench.problems(text, extra_vars={"port": "{{ shared + 1 }}"}) == []
    assert "rendered" in bench.problems(text, extra_vars={"port": "x"})[0]


@pytest.mark.parametrize(
    "task",
    [
        "{command: 'ls {{ path }}'}",
        "{command: 'ls {{ item }}', loop: [1]}",
        "{command: 'ls {{ own }}', vars: {own: 1}}",
        "{command: 'ls {{ gone | default(1) }}'}",
        "{command: 'ls {{ gone }}', when: gone is defined}",
        "{command: 'ls {{ gone }}', when: false}",
        "{command: 'ls {{ gone }}', when: inventory_hostname == 'x'}",
        "{block: [{command: 'ls {{ gone }}'}], when: [shared == 2]}",
        "{block: [{command: 'ls {{ own }}'}], vars: {own: 1}}",
        "{block: [{debug: }], rescue: [{debug: {msg: '{{ ansible_failed_result.msg }}'}}]}",
        "{debug: {msg: '{{ hostvars.web1.gone }}'}}",
        "{debug: {msg: '{{ x.y }}'}, vars: {x: {y: 1, z: '{{ gone }}'}}}",
        "{debug: {msg: '{{ x.y.z }} {{ x | length }}'}, vars: {x: {y: {z: 1}, w: '{{ gone }}'}}}",
        "{debug: {msg: '{{ x[item] }}'}, loop: [y], vars: {x: {y: 1, z: '{{ gone }}'}}}",
        "{debug: {msg: '{{ x.url }}'}, vars: {x: {name: n, url: '{{ x.name }}'}}}",
        "{debug: {msg: \"{{ groups['web'][0] }} {{ group_names }} {{ playbook_dir }} {{ run.id }} {{ omit }}\"}}",
        "{debug: {msg: '{{ mode }}'}, when: inventory_hostname == 'db1'}",
        "{debug: {msg: '{{ mode }}'}, when: mode is defined}",
        "{debug: {msg: \"{{ mode if inventory_hostname == 'db1' else 'none' }}\"}}",
        "{debug: {msg: \"{{ inventory_hostname == 'db1' and mode }}\"}}",
        "{debug: {msg: '{{ earlier.stdout }}'}}",
        "{debug: {msg: '{{ mode }}'}, when: earlier.rc == 0}",
    ],
)
def test_what_may_be_there_when_the_task_is_due_is_not_refused(bench: Bench, task: str) -> None:
    assert bench.problems(tasks("{command: ls, register: earlier}", task)) == []


@pytest.mark.parametrize(
    ("task", "problem"),
    [
        ("{command: 'ls {{ paht }}'}", "3:17 'paht' is undefined"),
        ("{command: ls, when: gone}", "3:27 'gone' is undefined"),
        ("{command: ls, when: [later.rc == 0, gone]}", "3:43 'gone' is undefined"),
        ("{debug: {msg: '{{ mode }}'}}", "3:21 'mode' is undefined for db2"),
        ("{command: ls, when: mode == '0644'}", "3:27 'mode' is undefined for db2"),
        ("{debug: {msg: '{{ gone }}'}, when: earlier.rc == 0}", "3:21 'gone' is undefined"),
        ("{command: ls, register: x, until: y.rc == 0}", "3:41 'y' is undefined"),
        ("{debug: {msg: '{{ item }}'}, loop: [1], loop_control: {loop_var: x}}", "3:21 'item' is undefined"),
        ("{debug: {msg: '{{ x.y }}'}, vars: {x: {y: '{{ gone }}'}}}", "3:45 'gone' is undefined, which 'x' needs"),
        ("{debug: {msg: '{{ x }}'}, vars: {x: {y: '{{ gone }}'}}}", "3:43 'gone' is undefined, which 'x' needs"),
        ("{debug: , environment: {A: '{{ gone }}'}}", "3:34 'gone' is undefined"),
        ("{debug: , become: true, become_user: '{{ gone }}'}", "3:44 'gone' is undefined"),
    ],
)
def test_what_cannot_be_there_is_refused_at_its_place(bench: Bench, task: str, problem: str) -> None:
    assert problem in [*bench.problems(tasks(task, "{command: ls, register: later}"))]


def test_an_inventory_variable_that_cannot_be_rendered_is_refused_in_its_own_line(bench: Bench) -> None:
    path = bench.write("group_vars/db.yml", "url: 'http://{{ hots }}/'\n")
    with pytest.raises(InvalidInput) as caught:
        bench.plan(tasks("{uri: {url: '{{ url }}'}}"))
    (problem,) = caught.value.problems
    assert (str(problem.location), problem.message) == (f"{path}:1:6", "'hots' is undefined, which 'url' needs")


def test_what_connecting_needs_is_checked_for_the_hosts_of_the_play_only(bench: Bench) -> None:
    bench.write("host_vars/db2.yml", "ansible_password: \"{{ lookup('env', 'SENTRAPLAY_NOT_SET') }}\"\n")
    assert bench.problems(tasks("{debug: }", hosts="db1")) == []
    (problem,) = bench.problems(tasks("{debug: }"))
    assert problem == "1:19 the environment variable SENTRAPLAY_NOT_SET is not set, which 'ansible_password' needs"


def test_a_missing_environment_variable_is_only_a_warning_while_a_playbook_is_checked(bench: Bench) -> None:
    text = tasks("{debug: {msg: \"{{ lookup('env', 'SENTRAPLAY_NOT_SET') }}\"}}")
    assert len(bench.problems(text)) == 1
    inventory = load_inventory([bench.directory / "inventory.yml"])
    (warning,) = check_playbook(bench.directory / "play.yml", inventory)
    assert warning.severity is Severity.WARNING


def test_files_of_variables_define_for_the_play_that_reads_them(bench: Bench) -> None:
    bench.write("vars/db1.yml", "from_file: 1\n")
    bench.write("vars/db2.yml", "from_file: 1\nother: 2\n")
    bench.write("vars/one.yml", "from_file: '{{ gone }}'\n")
    use = "{debug: {msg: '{{ from_file }}'}}"
    assert bench.problems(tasks(use, head="  vars_files: [vars/db1.yml]\n")) == []
    assert bench.problems(tasks(use, head='  vars_files: ["vars/{{ inventory_hostname }}.yml"]\n')) == []
    assert bench.problems(tasks(use, head="  vars_files: vars/one.yml\n")) == [
        "1:12 'gone' is undefined, which 'from_file' needs"
    ]
    assert (
        "there is no file of variables"
        in bench.problems(tasks(use, hosts="web", head='  vars_files: ["vars/{{ inventory_hostname }}.yml"]\n'))[0]
    )


def test_a_play_that_works_on_localhost_is_checked_without_an_inventory(bench: Bench) -> None:
    path = bench.write("local.yml", tasks("{debug: {msg: '{{ gone }}'}}", hosts="localhost"))
    assert [problem.message for problem in check_playbook(path, None)] == ["'gone' is undefined"]
    path = bench.write("other.yml", tasks("{debug: {msg: '{{ gone }}'}}", "{command: ls, notify: x}", hosts="site"))
    assert [problem.message for problem in check_playbook(path, None)] == ["there is no handler 'x'"]


def test_nothing_is_looked_up_while_a_plan_is_made(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTRAPLAY_SET", "state-of-this-moment")
    assert bench.problems(tasks("{wait_for: {port: \"{{ lookup('env', 'SENTRAPLAY_SET') }}\"}}")) == []


def test_secrets_are_masked_in_problems(bench: Bench) -> None:
    text = tasks("{wait_for: {port: '{{ db_password }}'}}", head="  vars: {db_password: hunter22}\n")
    with pytest.raises(InvalidInput) as caught:
        bench.plan(text)
    assert "hunter22" not in str([(problem.message, problem.hint) for problem in caught.value.problems])


def test_literal_secrets_are_known_before_the_first_task(bench: Bench) -> None:
    bench.write("host_vars/db1.yml", "login: {api_token: tok-1234, name: scan}\n")
    bench.plan(tasks("{debug: }"), extra_vars={"other_secret": "extra-5678"})
    assert bench.redactor.text("tok-1234 scan extra-5678") == "*** scan ***"


def fingerprint(bench: Bench, text: str, **options: Any) -> str:
    return bench.plan(text, **options).fingerprint


def test_the_fingerprint_tells_playbooks_apart_by_what_they_do(bench: Bench) -> None:
    text = tasks("{command: ls}")
    same = "# a comment\n" + text.replace("{command: ls}", "command: 'ls'")
    assert fingerprint(bench, text) == fingerprint(bench, same)
    assert fingerprint(bench, text) != fingerprint(bench, text.replace("ls", "df"))


@pytest.mark.parametrize("options", [{"limit": "db1"}, {"check": True}, {"tags": ("all",)}, {"extra_vars": {"a": 1}}])
def test_the_fingerprint_differs_with_options_that_decide_what_is_done(
    bench: Bench, options: Mapping[str, object]
) -> None:
    text = tasks("{command: ls}")
    assert fingerprint(bench, text) != fingerprint(bench, text, **options)


def test_the_fingerprint_stays_with_options_that_decide_nothing_and_with_secrets(bench: Bench) -> None:
    text = tasks("{command: ls}")
    assert fingerprint(bench, text) == fingerprint(bench, text, forks=3, diff=True)
    one = fingerprint(bench, text, extra_vars={"db_password": "a"})
    assert one == fingerprint(bench, text, extra_vars={"db_password": "b"})


def test_the_fingerprint_covers_files_of_variables(bench: Bench) -> None:
    text = tasks("{debug: }", head="  vars_files: v.yml\n")
    bench.write("v.yml", "a: 1\n")
    before = fingerprint(bench, text)
    bench.write("v.yml", "a: 2\n")
    assert fingerprint(bench, text) != before


def test_warnings_of_the_inventory_are_in_the_plan(bench: Bench) -> None:
    bench.write("group_vars/dbs.yml", "a: 1\n")
    (warning,) = bench.plan(tasks("{debug: }")).warnings
    assert "dbs" in warning.message


def test_problems_are_told_once_and_in_order_of_place(bench: Bench) -> None:
    text = tasks("{command: 'ls {{ gone }} {{ gone }}'}", "{comand: ls}") + tasks(
        "{command: 'ls {{ gone }}'}", hosts="wbe"
    )
    assert [line.split()[0] for line in bench.problems(text)] == ["3:17", "4:8", "5:10"]


def test_the_same_plan_is_made_for_equal_input(bench: Bench) -> None:
    text = tasks("{command: ls}")
    one, two = bench.plan(text), bench.plan(text)
    assert replace(one, inventory=two.inventory) == two


def test_what_is_wrong_for_many_hosts_is_told_once(bench: Bench) -> None:
    text = tasks("{wait_for: {port: '{{ inventory_hostname }}'}}", hosts="web:db")
    (problem,) = bench.found(text)
    assert "expected a whole number, got 'web1'" in problem.message
    some = tasks("{file: {path: /x, mode: \"{{ (mode | default('0644')) if inventory_hostname != 'db1' else 5 }}\"}}")
    (problem,) = bench.found(some)
    assert problem.hint.endswith("so it is for db1")


def test_each_host_renders_its_own_template_file(bench: Bench) -> None:
    bench.write("templates/db1.j2", "{{ mode }}")
    bench.write("templates/db2.j2", "{{ gone }}")
    text = tasks("{template: {src: '{{ inventory_hostname }}.j2', dest: /x}}")
    assert bench.problems(text) == ["1:1 'gone' is undefined"]


def test_an_unknown_host_is_told_although_only_the_run_knows_what_is_included(bench: Bench) -> None:
    text = tasks("{include_tasks: '{{ inventory_hostname }}.yml'}", hosts="dbx")
    (problem,) = bench.found(text)
    assert problem.message.startswith("there is no host or group 'dbx'")


def test_an_include_that_names_nothing_is_told_and_no_more(bench: Bench) -> None:
    assert bench.problems(tasks("{include_role: {tasks_from: x}}")) == ["3:8 the argument 'name' is missing"]
