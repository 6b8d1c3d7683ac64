"""`sentraplay vault`: what is encrypted can be read by whom it is for, and plain text is left nowhere."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import pyrage
import pytest

from tests.cli.program import Ended, Program

SECRET = "Tr0ub4dor&3 of the vault"
VAULTED = Path(__file__).parent.parent / "vaulted"
IN_MEMORY = Path("/dev/shm")


@dataclass(frozen=True, slots=True)
class Owner(Program):
    """The program for somebody with an identity, in the file `key`, who is the usual recipient here."""

    variables: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        inherited = {key: value for key, value in Program.environment.fget(self).items() if key != "VISUAL"}  # type: ignore[attr-defined]
        return {**inherited, "SENTRAPLAY_IDENTITY": "key", **self.variables}

    def with_editor(self, script: str) -> Owner:
        """The same with an editor that does this to the file `$1`."""
        editor = self.write("editor", f"#!/bin/sh\n{script}\n")
        editor.chmod(0o700)
        return Owner(self.directory, {"EDITOR": str(editor)})

    def text(self, name: str) -> str:
        return (self.directory / name).read_text()


@pytest.fixture
def owner(tmp_path: Path) -> Owner:
    found = Owner(tmp_path)
    found.write(".age-recipients", f"# those who may read\n{identity(found, 'key')}\n")
    return found


def identity(program: Program, name: str) -> str:
    made = pyrage.x25519.Identity.generate()
    program.write(name, f"{made}\n").chmod(0o600)
    return str(made.to_public())


def ok(ended: Ended) -> Ended:
    assert ended.code == 0, ended.everything
    return ended


def plain_copies(directory: Path, *allowed: str) -> list[Path]:
    """Files that hold the secret, in the program's directory and where editors get theirs."""
    places = [path for base in (directory, IN_MEMORY) if base.is_dir() for path in base.rglob("*")]
    return [
        path
        for path in places
        if path.is_file()
        and path.name not in allowed
        and os.access(path, os.R_OK)
        and SECRET.encode() in path.read_bytes()
    ]


def test_a_value_from_standard_input_becomes_yaml_that_a_playbook_reads(owner: Owner) -> None:
    sealed = ok(owner("vault", "encrypt", "--name", "db_password", stdin=f"{SECRET}\n"))
    assert sealed.out.startswith("db_password: !age |\n  -----BEGIN AGE ENCRYPTED FILE-----\n")
    assert "encrypted for:\n  age1" in sealed.err
    owner.write("values.yml", sealed.out)
    owner.write(
        "play.yml",
        "- hosts: localhost\n  vars_files: [values.yml]\n  tasks:\n"
        f"    - debug: {{msg: found}}\n      when: db_password == '{SECRET}'\n",
    )
    assert "found" in ok(owner("run", "play.yml")).out
    assert ok(owner("vault", "view", "values.yml", "--name", "db_password")).out == SECRET
    assert plain_copies(owner.directory, "play.yml") == []


def test_nobody_to_encrypt_for_and_nothing_to_encrypt_are_errors(owner: Owner) -> None:
    (owner.directory / ".age-recipients").unlink()
    nobody = owner("vault", "encrypt", "--name", "a", stdin="x\n")
    assert (nobody.code, "nobody is named" in nobody.err) == (5, True)
    key = identity(owner, "other")
    assert "there is no value" in owner("vault", "encrypt", "--name", "a", "-r", key).err
    assert "the name of the variable is missing" in owner("vault", "encrypt", "-r", key, stdin="x").err
    refused = owner("vault", "encrypt", "--name", "a", "-r", owner.text("other").strip(), stdin="x")
    assert refused.code == 5
    assert owner.text("other").strip() not in refused.everything


def test_a_whole_file_is_encrypted_viewed_edited_and_decrypted(owner: Owner) -> None:
    owner.write("secrets.yml", f"a: {SECRET}\n")
    ok(owner("vault", "encrypt", "secrets.yml"))
    assert (owner.directory / "secrets.yml").stat().st_mode & 0o777 == 0o600
    assert ok(owner("vault", "view", "secrets.yml")).out == f"a: {SECRET}\n"
    ok(owner.with_editor('cp "$1" "$1~"; echo "b: 2" >>"$1"')("vault", "edit", "secrets.yml"))
    assert ok(owner("vault", "view", "secrets.yml")).out == f"a: {SECRET}\nb: 2\n"
    assert plain_copies(owner.directory) == []
    assert owner("vault", "decrypt", "secrets.yml").code == 5
    ok(owner("vault", "decrypt", "secrets.yml", "--output", "plain.yml"))
    assert owner.text("plain.yml") == f"a: {SECRET}\nb: 2\n"
    assert (owner.directory / "plain.yml").stat().st_mode & 0o777 == 0o600
    again = owner("vault", "encrypt", "secrets.yml")
    assert (again.code, "is encrypted already" in again.err) == (5, True)


def test_a_value_is_encrypted_and_edited_where_it_stands(owner: Owner) -> None:
    owner.write("values.yml", f"# top\nuser: app # not secret\npassword: '{SECRET}'  # secret\n")
    ok(owner("vault", "encrypt", "values.yml", "--name", "password"))
    assert owner.text("values.yml").startswith(
        "# top\nuser: app # not secret\npassword: !age |  # secret\n  -----BEGIN"
    )
    ok(owner.with_editor('printf "%s\\n" "new value" >"$1"')("vault", "edit", "values.yml", "--name", "password"))
    assert ok(owner("vault", "view", "values.yml", "--name", "password")).out == "new value"
    assert ok(owner("vault", "view", "values.yml")).out == (
        '# top\nuser: app # not secret\npassword: "new value"  # secret\n'
    )


@pytest.mark.parametrize("script", ["exit 1", "true", "kill -TERM $PPID; sleep 20"])
def test_an_edit_that_does_not_end_well_changes_nothing_and_leaves_nothing(owner: Owner, script: str) -> None:
    owner.write("secrets.yml", f"a: {SECRET}\n")
    ok(owner("vault", "encrypt", "secrets.yml"))
    before = owner.text("secrets.yml")
    ended = owner.with_editor(script)("vault", "edit", "secrets.yml")
    assert ended.code == {"exit 1": 5, "true": 0}.get(script, 130), ended.everything
    assert owner.text("secrets.yml") == before
    assert plain_copies(owner.directory) == []


def test_the_plain_text_lies_where_nobody_else_can_enter_while_it_is_edited(owner: Owner) -> None:
    owner.write("secrets.yml", f"a: {SECRET}\n")
    ok(owner("vault", "encrypt", "secrets.yml"))
    script = 'stat -c "%a %a" "$(dirname "$1")" >modes; stat -c %a "$1" >>modes; echo "$1" >>modes'
    ok(owner.with_editor(script)("vault", "edit", "secrets.yml"))
    directory, file, path = owner.text("modes").splitlines()
    assert (directory, file) == ("700 700", "600")
    assert not Path(path).parent.exists()
    if os.access(IN_MEMORY, os.W_OK):
        assert IN_MEMORY in Path(path).parents


def test_ctrl_c_in_the_editor_is_the_editors(owner: Owner) -> None:
    owner.write("secrets.yml", "a: 1\n")
    ok(owner("vault", "encrypt", "secrets.yml"))
    waiting = owner.with_editor('touch started; while [ ! -e go ]; do sleep 0.05; done; echo "b: 2" >>"$1"')
    running = waiting.start("vault", "edit", "secrets.yml")
    deadline = time.monotonic() + 30
    while not (owner.directory / "started").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    owner.write("go", "")
    assert running.wait(30) == 0
    running.communicate()
    assert ok(owner("vault", "view", "secrets.yml")).out == "a: 1\nb: 2\n"


def test_rekeying_hands_over_and_never_locks_out_who_does_it(owner: Owner) -> None:
    other = identity(owner, "other-key")
    values = ok(owner("vault", "encrypt", "--name", "a", stdin=SECRET)).out
    owner.write("values.yml", f"# kept\n{values}# kept too\n")
    owner.write("whole.yml", "w: 1\n")
    ok(owner("vault", "encrypt", "whole.yml"))
    before = owner.text("values.yml"), owner.text("whole.yml")
    refused = owner("vault", "rekey", "values.yml", "whole.yml", "-r", other)
    assert refused.code == 7
    assert "you could not read values.yml any more; it is as it was" in refused.err
    assert (owner.text("values.yml"), owner.text("whole.yml")) == before
    ok(owner("vault", "rekey", "values.yml", "whole.yml", "-r", other, "-R", ".age-recipients"))
    for key in ("key", "other-key"):
        assert ok(owner("vault", "view", "values.yml", "--identity", key)).out == f'# kept\na: "{SECRET}"\n# kept too\n'
        assert ok(owner("vault", "view", "whole.yml", "--identity", key)).out == "w: 1\n"


def test_what_ansible_vault_encrypted_is_viewed_and_rekeyed_to_age(owner: Owner) -> None:
    owner.write("values.yml", (VAULTED / "values.yml").read_text())
    owner.write("whole.yml", (VAULTED / "whole.yml").read_text())
    owner.write("one", "correct horse\n")
    owner.write("two", "battery staple\n")
    passwords = ("--vault-password-file", "one", "--vault-id", "dev@two")
    before = ok(owner("vault", "view", "values.yml", *passwords)).out
    assert 'db_password: "Tr0ub4dor&3"' in before
    assert "not_a_template" in before
    editing = owner.with_editor("true")("vault", "edit", "whole.yml", *passwords)
    assert "use ansible-vault edit" in editing.err
    ok(owner("vault", "rekey", "values.yml", "whole.yml", *passwords))
    assert "!vault" not in owner.text("values.yml")
    assert ok(owner("vault", "view", "values.yml")).out == before
    assert "whole_port: 54321" in ok(owner("vault", "view", "whole.yml")).out


@pytest.mark.skipif(shutil.which("age") is None, reason="the program age is not installed")
def test_age_itself_reads_our_files_and_we_read_its(owner: Owner) -> None:
    age = ("age", "-R", ".age-recipients", "-a", "-o", "theirs.yml")
    subprocess.run(age, input=f"a: {SECRET}\n", text=True, cwd=owner.directory, check=True, timeout=30)
    assert ok(owner("vault", "view", "theirs.yml")).out == f"a: {SECRET}\n"
    owner.write("ours.yml", f"a: {SECRET}\n")
    ok(owner("vault", "encrypt", "ours.yml"))
    read = ("age", "-d", "-i", "key", "ours.yml")
    done = subprocess.run(read, capture_output=True, text=True, cwd=owner.directory, check=True, timeout=30)
    assert done.stdout == f"a: {SECRET}\n"


def test_without_a_key_or_with_the_wrong_one_it_is_told(owner: Owner) -> None:
    owner.write("values.yml", ok(owner("vault", "encrypt", "--name", "a", stdin=SECRET)).out)
    identity(owner, "other-key")
    wrong = owner("vault", "view", "values.yml", "--identity", "other-key")
    assert wrong.code == 6
    assert "values.yml:1:4: 'a': no identity that was given opens this" in wrong.err
    none = Owner(owner.directory, {"SENTRAPLAY_IDENTITY": ""})("vault", "view", "values.yml")
    assert "'a' is encrypted, and no identity was given" in none.err
    owner.write("plain.yml", "a: 1\n")
    assert "nothing in plain.yml is encrypted" in owner("vault", "view", "plain.yml").err


def test_a_value_sealed_for_one_variable_is_not_opened_for_another(owner: Owner) -> None:
    sealed = ok(owner("vault", "encrypt", "--name", "db.password", stdin=SECRET)).out
    assert sealed.startswith("password: !age |\n")
    indented = "".join(f"  {line}\n" for line in sealed.splitlines())
    owner.write("values.yml", f"db:\n{indented}")
    assert ok(owner("vault", "view", "values.yml", "--name", "db.password")).out == SECRET
    owner.write("values.yml", f"motd:\n{indented}")
    refused = owner("vault", "view", "values.yml")
    assert refused.code == 6
    assert "values.yml:2:13: 'motd.password': this value was encrypted for the variable 'db.password'" in refused.err
