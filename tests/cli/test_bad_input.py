"""Bad input of every kind: one clear message with its place, the right exit code, never a traceback."""

from __future__ import annotations

import os

import pytest

from tests.cli.program import Ended, Program

HEAD = "- hosts: localhost\n  tasks:\n"

BAD = {
    "empty file": ("", 1),
    "not YAML": ("- hosts: [\n", 2),
    "tab as indent": ("- hosts: localhost\n\ttasks: []\n", 2),
    "not a list": ("hosts: localhost\n", 1),
    "unknown play keyword": ("- hosts: localhost\n  taks: []\n", 2),
    "duplicate key": ("- hosts: localhost\n  tasks: []\n  tasks: []\n", 3),
    "YAML 1.1 boolean": (f"{HEAD}    - command: ls\n      become: yes\n", 4),
    "octal": (f"{HEAD}    - file: {{path: /tmp/x, mode: 0644}}\n", 3),
    "unknown module": (f"{HEAD}    - comand: ls\n", 3),
    "unknown argument": (f"{HEAD}    - copy: {{content: x, dets: /tmp/x}}\n", 3),
    "missing argument": (f"{HEAD}    - copy: {{content: x}}\n", 3),
    "wrong type": (f"{HEAD}    - wait_for: {{port: many}}\n", 3),
    "two modules": (f"{HEAD}    - command: ls\n      shell: ls\n", None),
    "template syntax": (f"{HEAD}    - debug: {{msg: '{{{{ x'}}\n", 3),
    "unknown filter": (f"{HEAD}    - debug: {{msg: '{{{{ 1 | shiny }}}}'}}\n", 3),
    "unknown handler": (f"{HEAD}    - command: ls\n      notify: nobody\n", 4),
    "unknown host": ("- hosts: nowhere\n  tasks: []\n", 1),
    "missing file": (f"{HEAD}    - copy: {{src: missing.txt, dest: /tmp/x}}\n", 3),
    "undefined variable": (f"{HEAD}    - debug: {{msg: '{{{{ nobody_set_this }}}}'}}\n", 3),
}


def check(ended: Ended, code: int) -> None:
    assert ended.code == code, ended.everything
    assert "Traceback" not in ended.everything
    assert ended.out == ""
    assert ended.err


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("command", ["run", "validate"])
def test_a_bad_playbook_is_refused_at_its_place(sentraplay: Program, kind: str, command: str) -> None:
    text, line = BAD[kind]
    if command == "validate" and kind == "unknown host":
        pytest.skip("without an inventory nobody knows which hosts there are")
    sentraplay.write("bad.yml", text)
    ended = sentraplay(command, "bad.yml")
    check(ended, 6)
    place = f"bad.yml:{line}:" if line else "bad.yml:"
    assert any(one.startswith(place) for one in ended.err.splitlines()), ended.err


def test_the_line_is_shown_with_a_caret_and_a_hint(sentraplay: Program) -> None:
    sentraplay.write("bad.yml", "- hosts: localhost\n  taks: []\n")
    assert sentraplay("validate", "bad.yml").err.splitlines()[:4] == [
        "bad.yml:2:3: unknown keyword 'taks' [unknown-keyword]",
        "  2 |   taks: []",
        "    |   ^",
        "  hint: did you mean 'tasks'?",
    ]


def test_every_problem_is_told_at_once(sentraplay: Program) -> None:
    sentraplay.write("bad.yml", f"{HEAD}    - comand: ls\n    - copy: {{}}\n    - debug: {{msg: '{{{{ x'}}\n")
    err = sentraplay("run", "bad.yml").err
    assert [number for number in (3, 4, 5) if f"bad.yml:{number}:" in err] == [3, 4, 5]
    assert "problems found; nothing was touched." in err


@pytest.mark.parametrize("content", [b"\xff\xfe\x00bad", b"- hosts: \x00\n", b"\x80\x81"])
def test_a_file_that_is_no_text_is_refused(sentraplay: Program, content: bytes) -> None:
    (sentraplay.directory / "bad.yml").write_bytes(content)
    check(sentraplay("run", "bad.yml"), 6)


def test_an_unreadable_file_is_one_message(sentraplay: Program) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    path = sentraplay.write("bad.yml", "[]")
    path.chmod(0)
    check(sentraplay("run", "bad.yml"), 6)


@pytest.mark.parametrize(
    "inventory",
    [
        "all: [1, 2]\n",
        "all:\n  hosts:\n    db1:\n      ansible_port: many\n",
        "all:\n  host: {}\n",
        "[web\nhost1\n",
        "",
    ],
)
def test_a_bad_inventory_is_refused_at_its_place(sentraplay: Program, inventory: str) -> None:
    sentraplay.write("play.yml", f"{HEAD}    - command: ls\n")
    sentraplay.write("inventory.yml", inventory)
    ended = sentraplay("run", "play.yml", "-i", "inventory.yml")
    check(ended, 6)
    assert ended.err.startswith("inventory.yml")


def test_a_wrong_limit_is_refused(sentraplay: Program) -> None:
    sentraplay.write("play.yml", f"{HEAD}    - command: ls\n")
    check(sentraplay("run", "play.yml", "--limit", "nowhere"), 6)


def test_a_tag_nobody_has_is_refused_or_warned_of(sentraplay: Program) -> None:
    sentraplay.write("play.yml", f"{HEAD}    - {{command: ls, tags: present}}\n")
    assert "absent" in sentraplay("run", "play.yml", "-t", "absent").err


def test_an_unreachable_host_is_exit_4(sentraplay: Program) -> None:
    sentraplay.write("play.yml", "- hosts: far\n  tasks: [{command: ls}]\n")
    sentraplay.write(
        "inventory.yml", "all:\n  hosts:\n    far: {ansible_host: 127.0.0.1, ansible_port: 1, connect_timeout: 5}\n"
    )
    ended = sentraplay("run", "play.yml", "-i", "inventory.yml")
    assert ended.code == 4, ended.everything
    assert "Traceback" not in ended.everything
    assert "unreachable: [far] => " in ended.out
    assert "far : ok=0 changed=0 unreachable=1 failed=0 skipped=0 rescued=0 ignored=0" in ended.out


def test_a_password_on_a_line_that_is_wrong_is_not_shown(sentraplay: Program) -> None:
    sentraplay.write("bad.yml", "- hosts: localhost\n  vars:\n    db_password: hunter22\n    db_password: hunter23\n")
    ended = sentraplay("validate", "bad.yml")
    check(ended, 6)
    assert "hunter2" not in ended.everything
