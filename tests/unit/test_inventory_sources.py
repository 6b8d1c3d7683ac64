"""What may be given with -i: files of several forms, directories, scripts, lists of hosts; and what is beside them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.errors import InvalidInput, Problem, TimedOut
from runner.hosts.contract import Result
from runner.inventory import Inventory, beside_playbook, load_inventory, with_defaults
from runner.secret import Redactor
from runner.vault import Keys
from runner.wiring.scripts import run_script

Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def writing(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if text.startswith("#!"):
            path.chmod(0o755)
        return path

    return writing


def problems(*sources: Path | str) -> tuple[Problem, ...]:
    with pytest.raises(InvalidInput) as caught:
        load_inventory(sources, run_script=run_script)
    return caught.value.problems


def script(write: Write, answer: object, *, name: str = "inv", then: str = "") -> Path:
    text = answer if isinstance(answer, str) else json.dumps(answer)
    return write(name, f"#!/bin/sh\ncat <<'END'\n{text}\nEND\n{then}\n")


def loaded(path: Path) -> Inventory:
    return load_inventory([path], run_script=run_script)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("hosts", "[web]\nh\n"),
        ("hosts", "# only a comment before\n\n[web] # and one behind\nh\n"),
        ("hosts.ini", "h\n[web]\nh\n"),
        ("hosts.yml", "[web]\nh\n"),
        ("hosts", "web:\n  hosts:\n    h:\n"),
        ("hosts", "---\nweb: {hosts: {h: }}\n"),
        ("hosts", '{"web": {"hosts": {"h": null}}}'),
        ("hosts.json", '{"web": {"hosts": {"h": null}}}'),
        ("hosts.prod", '"web":\n  hosts: {h: }\n'),
        ("hosts", "h:22\n[web]\nh\n"),
    ],
)
def test_the_form_of_a_file_shows_in_its_name_or_first_line(write: Write, name: str, text: str) -> None:
    assert load_inventory([write(name, text)]).groups["web"] == ("h",)


def test_a_file_system_that_calls_all_executable_makes_no_scripts(write: Write) -> None:
    path = write("hosts", "[web]\nh\n")
    path.chmod(0o755)
    assert load_inventory([path]).groups["web"] == ("h",)


def test_hosts_can_be_listed_without_a_file() -> None:
    inventory = load_inventory(["web1, web2:2222 ,"])
    assert inventory.groups["ungrouped"] == ("web1", "web2")
    assert inventory.hosts["web2"].variables["ansible_port"] == 2222


def test_a_wrong_name_in_a_list_has_its_column() -> None:
    (problem,) = problems("web1,we*b,")
    assert str(problem.location) == "-i web1,we*b,:1:6"


def test_a_file_with_a_comma_in_its_name_is_a_file(write: Write) -> None:
    assert load_inventory([write("a,b", "[web]\nh\n")]).groups["web"] == ("h",)


def test_a_directory_is_all_its_inventories_in_order_of_names(write: Write) -> None:
    write("i/20.yml", "web: {hosts: {h: {a: 20}}}\n")
    write("i/10", "[web]\nh a=10 b=10\n")
    write("i/sub/30.ini", "[db]\nh c=30\n")
    for name in (".x", "a~", "a.bak", "a.cfg", "a.md", "a.orig", "a.pyc", "a.retry", "a.rst", "a.swp", "a.txt"):
        write(f"i/{name}", "{ this is none")
    directory = write("i/group_vars/db", "d: 4\n").parent.parent
    host = load_inventory([directory]).hosts["h"]
    assert [host.variables[name] for name in "abcd"] == [20, 10, 30, 4]


def test_what_is_wrong_in_one_file_of_a_directory_is_told_with_the_others(write: Write) -> None:
    write("i/a", "h x\n")
    write("i/b.yml", "web: 1\n")
    assert len(problems(write("i/c", "[web\n").parent)) == 3


def test_variables_too_deep_in_a_directory_are_told(write: Write) -> None:
    write("i/sub/hosts", "[web]\nh\n")
    path = write("i/sub/group_vars/web", "a: 1\n").parent.parent.parent
    (warning,) = load_inventory([path]).warnings
    assert "these variables are not used" in warning.message
    assert warning.hint.endswith(f"add -i {path}/sub")


def test_hosts_know_the_source_they_were_first_met_in(write: Write, tmp_path: Path) -> None:
    hosts = load_inventory([write("i/sub/hosts", "h\n").parent.parent, "h,g,"]).hosts
    assert hosts["h"].variables["inventory_file"] == str(tmp_path / "i/sub/hosts")
    assert hosts["h"].variables["inventory_dir"] == str(tmp_path / "i/sub")
    assert hosts["g"].variables["inventory_file"] == "h,g,"
    assert hosts["g"].variables["inventory_dir"] is None
    assert "inventory_dir" not in hosts["localhost"].variables


def test_of_two_files_for_one_group_only_the_first_would_be_read_so_it_is_an_error(write: Write) -> None:
    path = write("hosts", "[web]\nh\n")
    write("group_vars/web/a.yml", "a: 1\n")
    other = write("group_vars/web.yml", "a: 2\n")
    (problem,) = problems(path)
    assert problem.location is not None
    assert problem.location.file == str(other)


def test_a_priority_in_a_file_of_variables_has_no_effect_and_is_told(write: Write) -> None:
    path = write("hosts", "[a]\nh\n[b]\nh\n[a:vars]\nx=a\n[b:vars]\nx=b\n")
    write("group_vars/a", "ansible_group_priority: 9\n")
    inventory = load_inventory([path])
    assert inventory.hosts["h"].variables["x"] == "b"
    assert "has no effect" in inventory.warnings[0].message


class TestBesideThePlaybook:
    def test_group_vars_and_host_vars_win_over_those_beside_the_inventory(self, write: Write, tmp_path: Path) -> None:
        path = write("i/hosts", "[web]\nh inline=line\n")
        for place in ("i", "p"):
            write(f"{place}/group_vars/all.yml", f"a: {place} all\nb: {place} all\n")
            write(f"{place}/group_vars/web.yml", f"b: {place} web\n")
            write(f"{place}/host_vars/h.json", f'{{"c": "{place} host", "inline": "{place}"}}')
        inventory, wrong = beside_playbook(load_inventory([path]), tmp_path / "p", Keys(Redactor()))
        assert wrong == ()
        variables = inventory.hosts["h"].variables
        assert [variables[name] for name in ("a", "b", "c", "inline")] == ["p all", "p web", "p host", "p"]
        assert inventory.hosts["localhost"].variables["a"] == "p all"

    def test_files_for_groups_of_other_inventories_are_no_warning_but_slips_are(
        self, write: Write, tmp_path: Path
    ) -> None:
        path = write("hosts", "[databases]\nh\n")
        write("p/group_vars/staging", "a: 1\n")
        write("p/group_vars/databses", "a: 1\n")
        inventory, _ = beside_playbook(load_inventory([path]), tmp_path / "p", Keys(Redactor()))
        assert [warning.hint for warning in inventory.warnings] == ["did you mean 'databases'?"]

    def test_what_is_wrong_in_them_is_told(self, write: Write, tmp_path: Path) -> None:
        write("p/group_vars/all", "ansible_prot: 1\n")
        _, (problem,) = beside_playbook(load_inventory(["h,"]), tmp_path / "p", Keys(Redactor()))
        assert problem.hint == "did you mean 'ansible_port'?"


def test_defaults_count_where_nobody_says_anything(write: Write) -> None:
    path = write("hosts", "[web]\na\nb x=own\n[web:vars]\ny=group\n")
    hosts = with_defaults(load_inventory([path]), {"x": "default", "y": "default"}).hosts
    assert (hosts["a"].variables["x"], hosts["b"].variables["x"], hosts["a"].variables["y"]) == (
        "default",
        "own",
        "group",
    )
    assert hosts["localhost"].variables["x"] == "default"


class TestScripts:
    def test_a_program_prints_groups_and_the_variables_of_their_hosts(self, write: Write) -> None:
        inventory = loaded(
            script(
                write,
                {
                    "web": {"hosts": ["a", "b"], "vars": {"x": "{{ y }}"}, "children": ["deep"]},
                    "deep": {"hosts": ["c"]},
                    "_meta": {"hostvars": {"a": {"y": {"z": [1]}}}},
                },
            )
        )
        assert inventory.groups["web"] == ("a", "b", "c")
        assert inventory.hosts["a"].variables["y"] == {"z": [1]}
        assert inventory.hosts["c"].variables["x"] == "{{ y }}"

    def test_without_meta_it_is_asked_for_each_host(self, write: Write) -> None:
        path = write(
            "inv", '#!/bin/sh\n[ "$1" = --list ] && echo \'{"web": ["a", "b"]}\' || echo "{\\"me\\": \\"$2\\"}"\n'
        )
        hosts = loaded(path).hosts
        assert (hosts["a"].variables["me"], hosts["b"].variables["me"]) == ("a", "b")

    def test_it_runs_in_the_current_directory_with_the_environment(
        self, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("REGION", "eu")
        answer = '{"all": {"vars": {"at": "%s"}}, "_meta": {"hostvars": {}}}'
        path = write("inv", f"#!/bin/sh\nprintf '{answer}' \"$PWD $REGION\"\n")
        assert loaded(Path(path.name)).hosts["localhost"].variables["at"] == f"{tmp_path} eu"

    def test_one_that_fails_is_told_with_what_it_said(self, write: Write) -> None:
        path = write("inv", "#!/bin/sh\necho no such region >&2\nexit 3\n")
        (problem,) = problems(path)
        assert problem.message == "the inventory script ended with status 3:\n    no such region"
        assert str(problem.location) == f"{path} --list:1:1"

    def test_what_it_says_beside_its_inventory_is_a_warning(self, write: Write) -> None:
        path = script(write, {"web": ["a"], "_meta": {"hostvars": {}}}, then="echo slow >&2")
        (warning,) = loaded(path).warnings
        assert warning.message.endswith(":\n    slow")

    @pytest.mark.parametrize(
        ("printed", "place", "said"),
        [
            ('{"web": [}', "1:10", "what is no JSON"),
            ('{"web":\n  {"hosts": [1]}}', "2:14", "must be a list of names"),
            ('{"web": {"hosts": {"a": {}}}}', "1:19", "must be a list of names"),
            ('{"web": {"host": []}}', "1:10", "unknown key 'host'"),
            ('{"web": 1}', "1:9", "must be an object"),
            ('{"we*b": []}', "1:2", "cannot be the name of a group"),
            ('{"web": ["a b"]}', "1:10", "cannot be the name of a host"),
            ("[]", "1:1", "an object of groups"),
            ('{"_meta": {}}', "1:11", "must hold 'hostvars'"),
            ('{"web": ["a"], "_meta": {"hostvars": {"a": {"ansible_prot": 1}}}}', "1:45", "ansible_prot"),
            ('{"web": ["a"], "web": ["b"], "_meta": {"hostvars": {}}}', "1:16", "a second time"),
            ('{"web": {"children": ["db"]}, "db": {"children": ["web"]}, "_meta": {"hostvars": {}}}', "1:23", "itself"),
        ],
    )
    def test_what_is_no_inventory_is_told_with_its_place_in_the_output(
        self, write: Write, printed: str, place: str, said: str
    ) -> None:
        path = script(write, printed)
        first = problems(path)[0]
        assert str(first.location) == f"{path} --list:{place}"
        assert said in first.message

    def test_one_that_prints_nothing_is_an_error(self, write: Write) -> None:
        (problem,) = problems(write("inv", "#!/bin/sh\n"))
        assert "printed nothing" in problem.message

    def test_variables_of_hosts_that_no_group_has_are_told(self, write: Write) -> None:
        path = script(write, {"web": ["host1"], "_meta": {"hostvars": {"hots1": {}}}})
        (warning,) = loaded(path).warnings
        assert warning.hint == "did you mean 'host1'?"

    def test_one_that_hangs_is_stopped_with_everything_it_started(self, write: Write) -> None:
        path = write("inv", "#!/bin/sh\nsleep 600 & sleep 600\n")
        begun = time.monotonic()
        with pytest.raises(TimedOut):
            run_script((str(path), "--list"), 0.5)
        assert time.monotonic() - begun < 30

    def test_all_its_calls_share_the_time_it_has(self, write: Write) -> None:
        given: list[float] = []

        def run(argv: tuple[str, ...], seconds: float) -> Result:
            given.append(seconds)
            return Result(argv, 0, '{"web": ["a", "b"]}' if argv[1] == "--list" else "{}", "", 0.1)

        load_inventory([script(write, {})], run_script=run)
        assert given == sorted(given, reverse=True)
        assert len(given) == 3

    def test_one_that_cannot_be_started_is_told(self, write: Write) -> None:
        (problem,) = problems(write("inv", "#!/no/such/interpreter\n"))
        assert "the inventory script ended with status 12" in problem.message

    def test_it_is_not_run_where_nobody_runs_scripts(self, write: Write) -> None:
        with pytest.raises(InvalidInput, match="not run here"):
            load_inventory([script(write, {})])
