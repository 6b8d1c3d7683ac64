"""`sentraplay run` against a real SSH server: connection variables, passwords, sudo."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from tests.cli.program import Program
from tests.support.accounts import Account
from tests.support.sshd import SshHost, SshServer

pytestmark = pytest.mark.live

PLAY = (
    "- hosts: all\n  tasks:\n    - command: whoami\n      register: who\n    - debug: {msg: 'I am {{ who.stdout }}'}\n"
)
BECOME = PLAY.replace("hosts: all", "hosts: all\n  become: true")


def inventory(sentraplay: Program, **hosts: dict[str, object]) -> None:
    sentraplay.write("inventory.yml", json.dumps({"all": {"hosts": hosts}}))


def test_a_playbook_runs_on_several_hosts_over_ssh(sentraplay: Program, ssh_hosts: tuple[SshHost, ...]) -> None:
    inventory(sentraplay, **{f"db{n}": host.variables() for n, host in enumerate(ssh_hosts[:3])})
    sentraplay.write("play.yml", PLAY)
    ended = sentraplay("run", "play.yml", "-i", "inventory.yml")
    assert ended.code == 0, ended.everything
    recaps = [line for line in ended.out.splitlines() if " : ok=" in line]
    assert recaps == [f"db{n} : ok=2 changed=1 unreachable=0 failed=0 skipped=0 rescued=0 ignored=0" for n in range(3)]


def test_the_sudo_password_is_asked_for_and_shown_nowhere(
    sentraplay: Program, sshd: SshServer, sudo_password: Account
) -> None:
    inventory(sentraplay, db1=sshd.host(user=sudo_password.name).variables())
    sentraplay.write("play.yml", BECOME)
    ended = sentraplay("run", "play.yml", "-i", "inventory.yml", "-K", "-vv", stdin=f"{sudo_password.password}\n")
    assert ended.code == 0, ended.everything
    assert "I am root" in ended.out
    assert sudo_password.password not in ended.everything
    for path in sentraplay.state.rglob("*"):
        assert not path.is_file() or sudo_password.password.encode() not in path.read_bytes()


@pytest.mark.parametrize("given", ["", "wrong-password-1\n"], ids=["none", "wrong"])
def test_sudo_that_refuses_is_exit_4_with_a_hint(
    sentraplay: Program, sshd: SshServer, sudo_password: Account, given: str
) -> None:
    inventory(sentraplay, db1=sshd.host(user=sudo_password.name).variables())
    sentraplay.write("play.yml", BECOME)
    ended = sentraplay("run", "play.yml", "-i", "inventory.yml", *(["-K"] if given else []), stdin=given)
    assert ended.code == 4, ended.everything
    assert "hint: " in ended.out
    assert "wrong-password-1" not in ended.everything


def test_a_host_whose_key_is_not_known_is_not_spoken_to(sentraplay: Program, sshd: SshServer) -> None:
    unknown = {name: value for name, value in sshd.host().variables().items() if name != "host_key"}
    inventory(sentraplay, db1={**unknown, "known_hosts_file": str(sentraplay.directory / "empty")})
    sentraplay.write("play.yml", PLAY)
    sentraplay.write("empty", "")
    ended = sentraplay("run", "play.yml", "-i", "inventory.yml")
    assert ended.code == 4, ended.everything
    assert "unreachable: [db1] => " in ended.out


@pytest.mark.parametrize(("connection", "code"), [("local", 0), ("ssh", 99)])
def test_what_ssh_needs_is_loaded_only_for_hosts_reached_by_it(sentraplay: Program, connection: str, code: int) -> None:
    sentraplay.write("early/fabric.py", "import os\nos._exit(99)\n")
    host = {"ansible_connection": connection, "ansible_host": "127.0.0.1", "ansible_port": 9}
    sentraplay.write("inventory.yml", json.dumps({"all": {"hosts": {"a": host}}}))
    sentraplay.write("play.yml", "- hosts: a\n  gather_facts: false\n  tasks:\n    - command: 'true'\n")
    environment = sentraplay.environment
    environment["PYTHONPATH"] = f"{sentraplay.directory / 'early'}{os.pathsep}{environment['PYTHONPATH']}"
    argv = sentraplay.argv("run", "play.yml", "-i", "inventory.yml")
    done = subprocess.run(argv, cwd=sentraplay.directory, env=environment, capture_output=True, timeout=60, check=False)
    assert done.returncode == code
