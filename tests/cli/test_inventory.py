"""`sentraplay inventory`, and the sources and limits that commands are given."""

from __future__ import annotations

import json

import pytest

from tests.cli.program import Program
from tests.cli.test_validate import loaded_by

INI = """
[web]
web1 ansible_password=hunter2 greeting=hello
web2 token=42 note='the word is hunter2'
[web:vars]
api_secret='shared one'
[databases]
db1
"""
PLAY = "- hosts: all\n  tasks: [{debug: {msg: '{{ inventory_hostname }}'}}]\n"


@pytest.fixture
def ini(sentraplay: Program) -> Program:
    sentraplay.write("hosts", INI)
    return sentraplay


def test_a_list_is_json_that_a_script_could_print(ini: Program) -> None:
    ended = ini("inventory", "-i", "hosts", "--list")
    assert (ended.code, ended.err) == (0, "")
    listed = json.loads(ended.out)
    assert listed["web"] == {"hosts": ["web1", "web2"]}
    assert listed["_meta"]["hostvars"]["web1"]["greeting"] == "hello"


def test_a_list_in_yaml_is_an_inventory_that_says_the_same(ini: Program) -> None:
    ini.write("yaml/hosts.yml", ini("inventory", "-i", "hosts", "--list", "--output", "yaml").out)
    one, two = (json.loads(ini("inventory", "-i", source, "--list").out) for source in ("hosts", "yaml/hosts.yml"))
    assert one == two


@pytest.mark.parametrize(
    "asked", [["--list"], ["--list", "--output", "yaml"], ["--graph", "--vars"], ["--host", "web2"], ["--host", "web1"]]
)
def test_no_secret_is_shown(ini: Program, asked: list[str]) -> None:
    ended = ini("inventory", "-i", "hosts", *asked)
    assert ended.code == 0
    assert "***" in ended.out
    assert not [secret for secret in ("hunter2", "42", "shared one") if secret in ended.everything]


def test_encrypted_values_are_shown_as_secrets_whether_or_not_there_is_a_key(ini: Program) -> None:
    ini.write("group_vars/web.yml", "greeting2: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  3030\n")
    ended = ini("inventory", "-i", "hosts", "--list")
    assert ended.code == 0
    assert json.loads(ended.out)["_meta"]["hostvars"]["web1"]["greeting2"] == "***"


def test_a_graph_shows_one_group_if_it_is_named_and_only_hosts_within_the_limit(ini: Program) -> None:
    assert ini("inventory", "-i", "hosts", "--graph", "web").out == "@web:\n  |--web1\n  |--web2\n"
    assert ini("inventory", "-i", "hosts", "--graph", "web", "--limit", "web2:db1").out == "@web:\n  |--web2\n"


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        ([], 5, "one of --list, --graph and --host is needed"),
        (["--list", "--graph"], 5, "one of --list, --graph and --host is needed"),
        (["--list", "--vars"], 5, "--vars goes with --graph only"),
        (["--graph", "--output", "yaml"], 5, "--output goes with --list and --host only"),
        (["--host", "web1", "--limit", "web"], 5, "--limit goes with --list and --graph only"),
        (["--host", "wbe1"], 5, "did you mean 'web1'?"),
        (["--graph", "databses"], 5, "did you mean 'databases'?"),
        (["--list", "--limit", "wbe"], 6, "did you mean 'web'?"),
        (["--list", "-i", "hots"], 5, "there is no inventory hots"),
        (["--list", "-i", "hots"], 5, "did you mean hosts?"),
    ],
)
def test_what_cannot_be_answered_is_an_error_with_the_next_step(
    ini: Program, asked: list[str], code: int, said: str
) -> None:
    ended = ini("inventory", "-i", "hosts", *asked)
    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err


def test_a_password_in_a_wrong_line_is_not_shown(sentraplay: Program) -> None:
    sentraplay.write("hosts", "web1 ansible_password=hunter2 ansible_prot=1\n")
    ended = sentraplay("inventory", "-i", "hosts", "--list")
    assert ended.code == 6
    assert "hosts:1:31" in ended.err
    assert "hunter2" not in ended.everything


def test_variables_beside_a_playbook_can_be_looked_at(ini: Program) -> None:
    ini.write("plays/group_vars/web.yml", "greeting: from the playbook\nmore: 1\n")
    found = json.loads(ini("inventory", "-i", "hosts", "--host", "web1", "--playbook-dir", "plays").out)
    assert (found["greeting"], found["more"]) == ("hello", 1)


def test_a_run_takes_what_lies_beside_its_playbook(sentraplay: Program) -> None:
    sentraplay.write("plays/group_vars/all/one.yml", "word: found\n")
    play = "- hosts: localhost\n  tasks: [{assert: {that: word == 'found'}}]\n"
    sentraplay.write("plays/play.yml", play)
    assert sentraplay("run", "plays/play.yml").code == 0
    sentraplay.write("other/play.yml", play)
    assert sentraplay("run", "other/play.yml").code == 6


def test_each_playbook_has_the_variables_beside_itself(sentraplay: Program) -> None:
    for name in ("one", "two"):
        sentraplay.write(f"{name}/host_vars/localhost", f"word: {name}\n")
        sentraplay.write(f"{name}/p.yml", f"- hosts: localhost\n  tasks: [{{assert: {{that: word == '{name}'}}}}]\n")
    assert sentraplay("run", "one/p.yml", "two/p.yml").code == 0


def test_an_imported_playbook_has_the_variables_beside_itself_and_not_those_of_the_importing(
    sentraplay: Program,
) -> None:
    sentraplay.write("group_vars/all.yml", "above: true\n")
    sentraplay.write("below/group_vars/all.yml", "below: true\n")
    for name, here, elsewhere in (("below/p.yml", "below", "above"), ("p.yml", "above", "below")):
        play = f"- hosts: localhost\n  tasks: [{{assert: {{that: [{here}, {elsewhere} is not defined]}}}}]\n"
        sentraplay.write(name, play)
    sentraplay.write("p.yml", "- import_playbook: below/p.yml\n" + (sentraplay.directory / "p.yml").read_text())
    ended = sentraplay("run", "p.yml")
    assert ended.code == 0, ended.everything
    sentraplay.write("below/group_vars/all.yml", "ansible_prot: 1\n")
    assert "below/group_vars/all.yml:1:1" in sentraplay("validate", "p.yml").err


def test_an_imported_playbook_reaches_hosts_as_the_variables_beside_it_say(sentraplay: Program) -> None:
    sentraplay.write("hosts", "[web]\nweb1 ansible_host=127.0.0.1 ansible_port=1 connect_timeout=1\n")
    sentraplay.write("below/group_vars/web.yml", "ansible_connection: local\n")
    sentraplay.write("below/p.yml", "- hosts: web\n  tasks: [{command: 'true'}]\n")
    sentraplay.write("p.yml", "- import_playbook: below/p.yml\n")
    ended = sentraplay("run", "p.yml", "-i", "hosts")
    assert ended.code == 0, ended.everything


GROWING = """
- hosts: localhost
  tasks:
    - add_host: {name: fresh, groups: new, ansible_connection: local}
    - assert: {that: [word == 'below', hostvars.fresh.word == word, "groups.new == ['fresh']"]}
- hosts: new
  tasks: [{assert: {that: word == 'below'}}]
"""


def test_an_imported_playbook_keeps_what_lies_beside_it_when_the_inventory_grows(sentraplay: Program) -> None:
    sentraplay.write("below/group_vars/all.yml", "word: below\n")
    sentraplay.write("below/p.yml", GROWING)
    after = "- hosts: new\n  tasks: [{assert: {that: word is not defined}}]\n"
    sentraplay.write("p.yml", f"- import_playbook: below/p.yml\n{after}")
    ended = sentraplay("run", "p.yml")
    assert ended.code == 0, ended.everything


def test_hosts_that_are_added_have_the_variables_that_lie_in_files_for_them(sentraplay: Program) -> None:
    adding = "- hosts: localhost\n  tasks: [{add_host: {name: fresh, groups: new, ansible_connection: local}}]\n"
    using = "- hosts: new\n  tasks: [{assert: {that: [a == 1, b == 2, c == 3]}}]\n"
    sentraplay.write("plays/p.yml", adding + using)
    sentraplay.write("i/hosts", "[web]\nweb1\n")
    sentraplay.write("i/group_vars/new.yml", "a: 1\n")
    sentraplay.write("plays/group_vars/new/main.yml", "b: 2\n")
    sentraplay.write("plays/host_vars/fresh", "c: 3\n")
    ended = sentraplay("run", "plays/p.yml", "-i", "i/hosts")
    assert (ended.code, ended.err) == (0, "")
    sentraplay.write("plays/host_vars/fresh", "ansible_prot: 3\n")
    assert "plays/host_vars/fresh:1:1" in sentraplay("run", "plays/p.yml", "-i", "i/hosts").err


def test_validate_runs_scripts_and_still_loads_nothing_that_talks_to_hosts(sentraplay: Program) -> None:
    script = sentraplay.write("inv", '#!/bin/sh\necho \'{"web": ["web1"], "_meta": {"hostvars": {}}}\'\n')
    script.chmod(0o755)
    sentraplay.write("p.yml", "- hosts: wbe\n  tasks: [{debug: {msg: x}}]\n")
    ended = sentraplay("validate", "p.yml", "-i", "inv")
    assert ended.code == 6
    assert "did you mean 'web'?" in ended.err
    sentraplay.write("p.yml", "- hosts: web\n  tasks: [{debug: {msg: x}}]\n")
    assert loaded_by(sentraplay, "validate", "p.yml", "-i", "inv") == []


def local(sentraplay: Program) -> None:
    sentraplay.write("hosts", "[web]\nweb1\nweb2\n[db]\ndb1\n[all:vars]\nansible_connection=local\n")
    sentraplay.write("p.yml", PLAY)


def hosts_of(sentraplay: Program, *argv: str) -> list[str]:
    ended = sentraplay("run", "p.yml", *argv)
    assert ended.code == 0, ended.err
    recap = ended.out.partition("PLAY RECAP")[2]
    return sorted(line.split()[0] for line in recap.splitlines() if " ok=" in line)


class TestLimits:
    def test_several_limits_add_up_and_files_hold_patterns(self, sentraplay: Program) -> None:
        local(sentraplay)
        sentraplay.write("failed", "# of yesterday\nweb2\n\n  db\n")
        assert hosts_of(sentraplay, "-i", "hosts", "-l", "web1", "-l", "db1") == ["db1", "web1"]
        assert hosts_of(sentraplay, "-i", "hosts", "--limit", "@failed") == ["db1", "web2"]
        assert hosts_of(sentraplay, "-i", "hosts", "--limit", "@failed,!db") == ["web2"]
        assert hosts_of(sentraplay, "-i", "hosts", "--limit", "web[1]") == ["web2"]

    def test_a_slip_in_a_file_has_its_place(self, sentraplay: Program) -> None:
        local(sentraplay)
        sentraplay.write("failed", "web1\n wbe2\n")
        ended = sentraplay("run", "p.yml", "-i", "hosts", "--limit", "@failed")
        assert ended.code == 6
        assert "failed:2:2: --limit: there is no host or group 'wbe2' in hosts" in ended.err
        assert "did you mean 'web2'?" in ended.err

    @pytest.mark.parametrize(
        ("limit", "said"),
        [
            ("@gone", "the file gone cannot be read"),
            ("@empty", "names no host"),
            (",", "names no host"),
            ("", "names no host"),
        ],
    )
    def test_a_limit_without_a_host_never_means_all_of_them(self, sentraplay: Program, limit: str, said: str) -> None:
        local(sentraplay)
        sentraplay.write("empty", "\n# nobody\n")
        ended = sentraplay("run", "p.yml", "-i", "hosts", "--limit", limit)
        assert (ended.code, said in ended.err) == (5, True)

    def test_hosts_can_be_given_without_a_file(self, sentraplay: Program) -> None:
        sentraplay.write("p.yml", PLAY)
        assert hosts_of(sentraplay, "-i", "one,two,", "-e", "ansible_connection=local") == ["one", "two"]


def test_a_run_is_resumed_with_the_sources_it_was_started_with(sentraplay: Program) -> None:
    sentraplay.write("inventory.yml", "all: {hosts: {not_this_one: }}\n")
    sentraplay.write("sub/hosts", "[web]\nweb1 ansible_connection=local\n")
    sentraplay.write("p.yml", f"- hosts: web1:two\n  tasks: [{{command: test -e {sentraplay.directory}/ready}}]\n")
    begun = sentraplay("run", "p.yml", "-i", "sub", "-i", "two,", "-e", "ansible_connection=local")
    assert begun.code == 2
    sentraplay.write("ready", "")
    assert sentraplay("resume", "-e", "ansible_connection=local").code == 0
