"""A planted secret goes in through every door and comes out of none."""

from __future__ import annotations

import base64
import sqlite3
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.cli.program import Ended, Program

SECRET = "Tr0ub4dor&3 'q"
HEAD = "- hosts: localhost\n  tasks:\n"


def forms(secret: str) -> list[str]:
    plain = secret.encode()
    return [secret, base64.b64encode(plain).decode(), quote(secret), quote(secret, safe="")]


def check_nothing_leaked(sentraplay: Program, *endings: Ended, inputs: tuple[str, ...] = ()) -> None:
    """Neither in what was printed nor in any file that was left, the inputs themselves excepted."""
    for ended in endings:
        for form in forms(SECRET):
            assert form not in ended.everything
    for path in sentraplay.directory.rglob("*"):
        if path.is_file() and path.name not in inputs:
            content = path.read_bytes()
            for form in forms(SECRET):
                assert form.encode() not in content, path


def journal_of(sentraplay: Program) -> Path:
    (found,) = sentraplay.state.rglob("*.sqlite3")
    return found


DOORS = {
    "a variable whose name says it": (
        f'- hosts: localhost\n  vars: {{db_password: "{SECRET}"}}\n  tasks:\n'
        "    - command: echo {{ db_password | quote }}\n"
        "    - debug: {msg: 'it is {{ db_password }}'}\n"
        "    - debug: {msg: '{{ db_password | b64encode }}'}\n",
        0,
    ),
    "a command that fails with it on standard error": (
        f'- hosts: localhost\n  vars: {{api_token: "{SECRET}"}}\n  tasks:\n'
        "    - shell: printf '%s\\n' \"$T\" >&2; exit 1\n      environment: {T: '{{ api_token }}'}\n",
        2,
    ),
    "a failure message": (
        f'- hosts: localhost\n  vars: {{api_token: "{SECRET}"}}\n'
        "  tasks: [{fail: {msg: 'no {{ api_token }}'}}]\n",
        2,
    ),
    "a loop's items": (
        f'- hosts: localhost\n  vars: {{api_token: "{SECRET}"}}\n  tasks:\n'
        "    - debug: {msg: '{{ item }}'}\n      loop: ['{{ api_token }}']\n",
        0,
    ),
    "a diff": (
        f'- hosts: localhost\n  vars: {{api_token: "{SECRET}"}}\n  tasks:\n'
        "    - copy: {content: '{{ api_token }}', dest: '{{ playbook_dir }}/copied'}\n",
        0,
    ),
    "the name of a task": (
        f'- hosts: localhost\n  vars: {{api_token: "{SECRET}"}}\n  tasks:\n'
        "    - name: Use {{ api_token }}\n      debug: {msg: x}\n",
        0,
    ),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("how", [("-vv", "--diff"), ("--output", "json"), ("--check", "--diff")], ids=" ".join)
def test_a_secret_from_the_playbook_comes_out_nowhere(sentraplay: Program, door: str, how: tuple[str, ...]) -> None:
    text, code = DOORS[door]
    sentraplay.write("play.yml", text)
    ended = sentraplay("run", "play.yml", *how)
    assert "Traceback" not in ended.everything
    if "--check" not in how:
        assert ended.code == code, ended.everything
    run = sentraplay("runs", "list").out.splitlines()[1].split()[0]
    shown = sentraplay("runs", "show", run, "-vv", "--diff")
    check_nothing_leaked(sentraplay, ended, shown, inputs=("play.yml", "copied"))


def test_a_secret_given_with_e_comes_out_nowhere(sentraplay: Program) -> None:
    sentraplay.write("play.yml", f"{HEAD}    - shell: printf '%s\\n' {{{{ my_secret | quote }}}}; exit 1\n")
    quoted = SECRET.replace("'", "'\"'\"'")
    ended = sentraplay("run", "play.yml", "-vv", "-e", f"my_secret='{quoted}'")
    assert ended.code == 2, ended.everything
    check_nothing_leaked(sentraplay, ended)


def test_passwords_asked_for_come_out_nowhere(sentraplay: Program) -> None:
    sentraplay.write("play.yml", f"{HEAD}    - debug: {{msg: 'it is {{{{ ansible_become_password }}}}'}}\n")
    ended = sentraplay("run", "play.yml", "-K", stdin=f"{SECRET}\n")
    assert ended.code == 0, ended.everything
    assert "    it is ***" in ended.out.splitlines()
    check_nothing_leaked(sentraplay, ended)


def test_no_log_hides_even_what_nobody_called_a_secret(sentraplay: Program) -> None:
    sentraplay.write("play.yml", f'{HEAD}    - shell: echo "{SECRET}"; exit 1\n      no_log: true\n')
    ended = sentraplay("run", "play.yml", "-vv")
    assert ended.code == 2
    check_nothing_leaked(sentraplay, ended, inputs=("play.yml",))


def test_the_journal_itself_was_looked_into(sentraplay: Program) -> None:
    """The checks above must be able to fail: what is no secret is found in the journal by the same search."""
    sentraplay.write("play.yml", f"{HEAD}    - debug: {{msg: not-a-secret-at-all}}\n")
    sentraplay("run", "play.yml")
    with sqlite3.connect(journal_of(sentraplay)) as database:
        bodies = "".join(body for (body,) in database.execute("SELECT body FROM events"))
    assert "not-a-secret-at-all" in bodies


def test_a_bug_of_ours_is_one_line_and_a_report_without_secrets(sentraplay: Program) -> None:
    """The bug is a module missing from the installation; nothing of the program is replaced."""
    sentraplay.write("play.yml", f"{HEAD}    - debug: {{msg: '{{{{ my_secret }}}}'}}\n")
    sentraplay.write("sabotage/sqlite3.py", f"raise RuntimeError('no database {SECRET!r}')\n".replace("\\'", "'"))
    broken = Sabotaged(sentraplay.directory)
    quoted = SECRET.replace("'", "'\"'\"'")
    ended = broken("run", "play.yml", "-e", f"my_secret='{quoted}'", "-K", stdin=f"{SECRET}\n")
    assert ended.code == 1, ended.everything
    assert "Traceback" not in ended.everything
    assert len(ended.err.splitlines()) <= 2
    (report,) = [path for path in sentraplay.directory.rglob("sentraplay-bug-*") if path.is_file()]
    assert str(report) in ended.err
    content = report.read_text()
    assert "RuntimeError" in content
    assert "-e my_secret=***" in content
    assert report.stat().st_mode & 0o077 == 0
    check_nothing_leaked(sentraplay, ended, inputs=("sqlite3.py",))


class Sabotaged(Program):
    """The program with a broken module before all others in its path."""

    @property
    def environment(self) -> dict[str, str]:
        found = dict(super().environment)
        found["PYTHONPATH"] = f"{self.directory / 'sabotage'}:{found['PYTHONPATH']}"
        found["TMPDIR"] = str(self.directory)
        return found
