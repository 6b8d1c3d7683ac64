"""Encrypted variables through the command line: where keys come from, and what is said without one."""

from __future__ import annotations

from pathlib import Path

import pyrage
import pytest

from runner.vault.age import seal_value
from tests.cli.program import Program
from tests.cli.test_secrets import forms

VAULTED = Path(__file__).parent.parent / "vaulted"
SECRET = "Tr0ub4dor&3"
PLAY = """
- hosts: localhost
  vars_files: [values.yml]
  tasks:
    - shell: printf '%s\\n' {{ db_password | quote }} >copied
      args: {chdir: "{{ playbook_dir }}"}
    - debug: {msg: "it is {{ db_password }} and {{ db_password | b64encode }}"}
"""


@pytest.fixture
def vaulted(sentraplay: Program) -> Program:
    """A playbook with values for two passwords, each in a file."""
    sentraplay.write("play.yml", PLAY)
    sentraplay.write("values.yml", (VAULTED / "values.yml").read_text())
    sentraplay.write("one", "correct horse\n")
    sentraplay.write("two", "battery staple")
    return sentraplay


def program(sentraplay: Program, name: str, text: str) -> None:
    sentraplay.write(name, f"#!/bin/sh\n{text}\n").chmod(0o700)


def check_it_worked(sentraplay: Program, *argv: str, stdin: str = "") -> None:
    ended = sentraplay("run", "play.yml", "-vv", *argv, stdin=stdin)
    assert ended.code == 0, ended.everything
    assert (sentraplay.directory / "copied").read_text() == f"{SECRET}\n"
    assert "it is *** and ***" in ended.out
    check_nothing_leaked(sentraplay, ended.everything)


def check_nothing_leaked(sentraplay: Program, shown: str) -> None:
    journal = b"".join(path.read_bytes() for path in sentraplay.state.rglob("*") if path.is_file())
    for form in forms(SECRET):
        assert form not in shown
        assert form.encode() not in journal


def test_passwords_come_from_files_by_id(vaulted: Program) -> None:
    check_it_worked(vaulted, "--vault-password-file", "one", "--vault-id", "dev@two")


def test_passwords_are_asked_for_in_order(vaulted: Program) -> None:
    check_it_worked(vaulted, "--vault-id", "dev@prompt", "--ask-vault-pass", stdin="battery staple\ncorrect horse\n")


def test_passwords_come_from_programs_and_a_client_is_told_the_id(vaulted: Program) -> None:
    program(vaulted, "keyring-client", '[ "$1 $2" = "--vault-id dev" ] && echo "battery staple"')
    program(vaulted, "keyring", '[ $# = 0 ] && echo "correct horse"')
    check_it_worked(vaulted, "--vault-id", "dev@keyring-client", "--vault-id", "keyring")


def test_a_program_that_fails_is_told_and_nothing_runs(vaulted: Program) -> None:
    program(vaulted, "keyring", "echo no agent >&2; exit 3")
    ended = vaulted("run", "play.yml", "--vault-password-file", "keyring")
    assert ended.code == 5
    assert "the vault password program keyring failed" in ended.err
    assert not (vaulted.directory / "copied").exists()


def test_the_environment_names_a_password_file_only_by_our_own_name(
    vaulted: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", "one")
    assert vaulted("run", "play.yml", "--vault-id", "dev@two").code == 6
    monkeypatch.setenv("SENTRAPLAY_VAULT_PASSWORD_FILE", "one")
    vaulted.write("values.yml", (VAULTED / "values.yml").read_text().split("api_token")[0])
    check_it_worked(vaulted)


def test_without_keys_every_place_is_named_at_once_and_nothing_is_touched(vaulted: Program) -> None:
    vaulted.write("inventory.yml", "all: {hosts: {localhost: {ansible_connection: local}}}\n")
    vaulted.write("group_vars/all.yml", (VAULTED / "whole.yml").read_text())
    ended = vaulted("run", "play.yml")
    assert ended.code == 6
    assert [line.split(": ")[0] for line in ended.err.splitlines() if ".yml:" in line] == [
        "group_vars/all.yml:1:1",
        *(f"values.yml:{place}" for place in ("2:14", "10:12", "18:7", "30:17")),
    ]
    assert "nothing was touched" in ended.err
    assert not (vaulted.directory / "copied").exists()


def test_without_keys_validate_checks_everything_else(vaulted: Program) -> None:
    assert vaulted("validate", "play.yml").out == "play.yml: valid\n"
    vaulted.write("play.yml", PLAY.replace("db_password", "db_pasword"))
    ended = vaulted("validate", "play.yml")
    assert ended.code == 6
    assert "'db_pasword' is undefined" in ended.err
    assert "did you mean 'db_password'?" in ended.err
    assert "encrypted" not in ended.err


def test_with_a_wrong_key_validate_tells_it(vaulted: Program) -> None:
    ended = vaulted("validate", "play.yml", "--vault-password-file", "two")
    assert ended.code == 6
    assert "values.yml:2:14: 'db_password': no vault password that was given opens this" in ended.err
    assert "api_token" not in ended.err


def test_what_is_wrong_inside_an_encrypted_file_is_told_without_showing_its_line(vaulted: Program) -> None:
    vaulted.write("play.yml", "- hosts: all\n  tasks: [debug: {msg: x}]\n")
    vaulted.write("group_vars/all.yml", (VAULTED / "wrong.yml").read_text())
    vaulted.write("inventory.yml", "all: {hosts: {localhost: {ansible_connection: local}}}\n")
    ended = vaulted("validate", "play.yml", "-i", "inventory.yml", "--vault-password-file", "one")
    assert ended.code == 6
    assert "group_vars/all.yml:2:1: the key 'whole_password' stands here a second time" in ended.err
    assert "a-secret" not in ended.err
    assert " | " not in ended.err


def test_an_encrypted_file_of_extra_variables_is_read(vaulted: Program) -> None:
    vaulted.write("play.yml", "- hosts: localhost\n  tasks: [debug: {msg: 'it is {{ whole_password }}'}]\n")
    vaulted.write("more.yml", (VAULTED / "whole.yml").read_text())
    ended = vaulted("run", "play.yml", "-e", "@more.yml", "--vault-password-file", "one")
    assert ended.code == 0, ended.everything
    assert "it is ***" in ended.out


def test_encrypted_extra_variables_without_a_key_are_an_error(vaulted: Program) -> None:
    vaulted.write("play.yml", "- hosts: localhost\n  tasks: [debug: {msg: hello}]\n")
    ended = vaulted("run", "play.yml", "-e", "@values.yml")
    assert ended.code == 6
    assert "values.yml:2:14: 'db_password' is encrypted, and no vault password was given" in ended.err


def test_a_whole_inventory_and_its_files_can_be_encrypted(vaulted: Program) -> None:
    vaulted.write("play.yml", "- hosts: all\n  tasks: [debug: {msg: 'it is {{ whole_password }}'}]\n")
    vaulted.write("inventory.yml", "all: {hosts: {localhost: {ansible_connection: local}}}\n")
    vaulted.write("group_vars/all/vault.yml", (VAULTED / "whole.yml").read_text())
    assert vaulted("validate", "play.yml", "-i", "inventory.yml").code == 0
    ended = vaulted("run", "play.yml", "--vault-password-file", "one")
    assert ended.code == 0, ended.everything
    assert "it is ***" in ended.out


@pytest.fixture
def aged(sentraplay: Program) -> Program:
    """A playbook with an age value, and its identity in the file `key`."""
    made = pyrage.x25519.Identity.generate()
    sentraplay.write("key", f"{made}\n").chmod(0o600)
    sealed = seal_value("db_password", SECRET, [str(made.to_public())])
    lines = "".join(f"  {line}\n" for line in sealed.splitlines())
    sentraplay.write("values.yml", f"db_password: !age |\n{lines}")
    sentraplay.write("play.yml", PLAY)
    return sentraplay


def test_an_identity_is_given_named_by_the_environment_or_in_its_usual_place(
    aged: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_it_worked(aged, "--identity", "key")
    monkeypatch.setenv("SENTRAPLAY_IDENTITY", "key")
    check_it_worked(aged)
    monkeypatch.delenv("SENTRAPLAY_IDENTITY")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    assert aged("run", "play.yml").code == 6
    aged.write(".config/sentraplay/identity", (aged.directory / "key").read_text()).chmod(0o600)
    check_it_worked(aged)


def test_an_identity_others_can_read_is_refused(aged: Program) -> None:
    (aged.directory / "key").chmod(0o644)
    ended = aged("run", "play.yml", "--identity", "key")
    assert ended.code == 5
    assert "the identity key is not yours alone (mode 0644)" in ended.err
    assert "chmod 600 key" in ended.err


def test_a_value_moved_to_another_variable_is_refused_before_anything_is_done(aged: Program) -> None:
    moved = (aged.directory / "values.yml").read_text().replace("db_password:", "motd:")
    aged.write("values.yml", f"{moved}db_password: x\n")
    ended = aged("run", "play.yml", "--identity", "key")
    assert ended.code == 6
    assert "values.yml:1:7: 'motd': this value was encrypted for the variable 'db_password'" in ended.err
    assert not (aged.directory / "copied").exists()


def test_a_run_is_resumed_with_keys_given_again(aged: Program) -> None:
    aged.write("play.yml", f"{PLAY}    - command: test -e goes-on\n      args: {{chdir: '{{{{ playbook_dir }}}}'}}\n")
    assert aged("run", "play.yml", "--identity", "key").code == 2
    aged.write("goes-on", "")
    assert aged("resume").code == 6
    ended = aged("resume", "--identity", "key")
    assert ended.code == 0, ended.everything


FILES = """
- hosts: localhost
  tasks:
    - copy: {src: whole.yml, dest: "{{ playbook_dir }}/opened", mode: "0600"}
    - copy: {src: whole.yml, dest: "{{ playbook_dir }}/closed", decrypt: false}
    - template: {src: secret.j2, dest: "{{ playbook_dir }}/rendered"}
    - debug: {msg: "it is {{ (lookup('file', 'whole.yml') | from_yaml).whole_password }}"}
"""


def test_encrypted_files_are_copied_and_rendered_decrypted_and_never_shown(vaulted: Program) -> None:
    vaulted.write("play.yml", FILES)
    for name in ("files/whole.yml", "templates/secret.j2"):
        vaulted.write(name, (VAULTED / "whole.yml").read_text())
    vaulted.write("opened", "an older secret\n")
    ended = vaulted("run", "play.yml", "-vv", "--diff", "-e", "db_host=db1", "--vault-password-file", "one")
    assert ended.code == 0, ended.everything
    assert "whole_password: inside-the-file\n" in (vaulted.directory / "opened").read_text()
    assert "@db1/db" in (vaulted.directory / "rendered").read_text()
    assert (vaulted.directory / "closed").read_text() == (VAULTED / "whole.yml").read_text()
    assert "it is ***" in ended.out
    assert "(secret: not shown)" in ended.out
    for secret in ("inside-the-file", "in-the-dsn", "an older secret"):
        assert secret not in ended.everything


def test_encrypted_files_without_a_key_are_told_before_anything_is_done(vaulted: Program) -> None:
    vaulted.write("play.yml", FILES)
    for name in ("files/whole.yml", "templates/secret.j2"):
        vaulted.write(name, (VAULTED / "whole.yml").read_text())
    assert vaulted("validate", "play.yml").code == 0
    ended = vaulted("run", "play.yml", "-e", "db_host=db1")
    assert ended.code == 6
    assert "play.yml:4:19: 'whole.yml': the file is encrypted, and no vault password was given" in ended.err
    assert "play.yml:6:23: 'secret.j2': the file is encrypted, and no vault password was given" in ended.err
    assert "play.yml:5:" not in ended.err
    wrong = vaulted("validate", "play.yml", "--vault-password-file", "two")
    assert "'whole.yml': the file: no vault password that was given opens this" in wrong.err


def test_what_is_encrypted_for_hosts_that_are_not_worked_on_may_stay_closed(vaulted: Program) -> None:
    """Who works on staging need not have production's key."""
    vaulted.write(
        "inventory.yml",
        "all:\n  vars: {ansible_connection: local}\n  children:\n"
        "    staging: {hosts: {s1: {}, s2: {}}}\n    production: {hosts: {p1: {}}}\n",
    )
    vaulted.write("group_vars/production/whole.yml", (VAULTED / "whole_dev.yml").read_text())
    vaulted.write("group_vars/production/values.yml", (VAULTED / "values.yml").read_text())
    vaulted.write("host_vars/s1.yml", (VAULTED / "whole.yml").read_text())
    vaulted.write("play.yml", "- hosts: staging\n  tasks: [debug: {msg: 'it is {{ whole_password | default(1) }}'}]\n")
    ended = vaulted("run", "play.yml", "--vault-password-file", "one")
    assert ended.code == 0, ended.everything
    assert vaulted("run", "play.yml", "--limit", "s2").code == 0
    refused = vaulted("run", "play.yml")
    assert refused.code == 6
    assert "host_vars/s1.yml:1:1: the file is encrypted, and no key was given" in refused.err
    assert "production" not in refused.err
    vaulted.write("play.yml", "- hosts: s1\n  tasks: [debug: {var: hostvars.p1.whole_dev}]\n")
    other = vaulted("run", "play.yml", "--vault-password-file", "one")
    assert other.code == 2
    assert "group_vars/production/whole.yml:1:1: no vault password that was given opens this" in other.everything
    vaulted.write("play.yml", "- hosts: s1\n  tasks: [{command: echo x, delegate_to: p1}]\n")
    assert (
        "group_vars/production/whole.yml:1:1" in vaulted("run", "play.yml", "--vault-password-file", "one").everything
    )
    vaulted.write("play.yml", "- hosts: all\n  tasks: [debug: {msg: x}]\n")
    wrong = vaulted("run", "play.yml", "--vault-password-file", "one")
    assert wrong.code == 6
    assert (
        "group_vars/production/whole.yml:1:1: no vault password that was given opens this of the id 'dev'" in wrong.err
    )
    assert "group_vars/production/values.yml:10:12: 'api_token': no vault password that was given" in wrong.err
    listed = vaulted("inventory", "--list", "-i", "inventory.yml")
    assert "host_vars/s1.yml: warning: it is encrypted and was not opened" in listed.err


def test_hostvars_can_be_shown_whole(vaulted: Program) -> None:
    vaulted.write(
        "play.yml", "- hosts: localhost\n  vars_files: [values.yml]\n  tasks: [debug: {var: hostvars.localhost}]\n"
    )
    check = vaulted("run", "play.yml", "--vault-password-file", "one", "--vault-id", "dev@two")
    assert check.code == 0, check.everything
    assert '"db_password": "***"' in check.out
