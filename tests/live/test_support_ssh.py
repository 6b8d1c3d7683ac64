"""The harness's SSH servers are real ones, strict, and leave nothing."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace

import pytest

from runner.demo.keeper import is_running
from tests.support.accounts import Account
from tests.support.sshd import SshHost, SshServer, wait_for_end

pytestmark = pytest.mark.live


def run(host: SshHost, *remote: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        host.command(*remote, options=options), capture_output=True, text=True, timeout=30, check=False, input=""
    )


def test_every_address_answers_as_a_host_of_its_own(ssh_hosts: tuple[SshHost, ...]) -> None:
    seen = {run(host, "set -- $SSH_CONNECTION; echo $3").stdout.strip() for host in ssh_hosts}
    assert seen == {host.address for host in ssh_hosts}


def test_a_key_nobody_authorized_is_rejected(sshd: SshServer) -> None:
    done = run(replace(sshd.host(), key=sshd.keys.stranger), "true")
    assert (done.returncode, "Permission denied" in done.stderr) == (255, True)


def test_a_locked_key_cannot_be_used_without_its_passphrase(sshd: SshServer) -> None:
    assert run(replace(sshd.host(), key=sshd.keys.locked), "true").returncode == 255


def test_a_server_of_ones_own_has_another_host_key(sshd: SshServer, own_sshd: Callable[..., SshServer]) -> None:
    other = own_sshd(["127.0.0.31"])
    impostor = replace(other.host(), known_hosts=sshd.known_hosts)
    assert run(other.host(), "echo in").stdout == "in\n"
    assert "Host key verification failed" in run(impostor, "true", options=("StrictHostKeyChecking=yes",)).stderr


def test_stopping_ends_sessions_and_what_daemonized_itself(own_sshd: Callable[..., SshServer]) -> None:
    server = own_sshd(["127.0.0.31"])
    daemon = int(run(server.host(), "setsid sleep 1000 </dev/null >/dev/null 2>&1 & echo $!").stdout)
    assert is_running(daemon)
    server.stop()
    assert not is_running(daemon)
    server.start()
    assert run(server.host(), "echo back").stdout == "back\n"


def test_killed_sessions_are_cut_and_the_server_goes_on(own_sshd: Callable[..., SshServer]) -> None:
    server = own_sshd(["127.0.0.31"])
    client = subprocess.Popen(server.host().command("echo ready; cat"), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with client:
        assert client.stdout is not None
        assert client.stdout.readline() == b"ready\n"
        cut = server.sessions()
        server.kill_sessions()
        assert client.wait(timeout=20) == 255
    assert wait_for_end(cut) == []
    assert run(server.host(), "echo on").stdout == "on\n"


def test_sudo_asks_for_a_password_where_it_should(
    sshd: SshServer, sudo_free: Account, sudo_password: Account, no_sudo: Account
) -> None:
    whoami = {
        account: run(sshd.host(user=account.name), "sudo -n id -u") for account in (sudo_free, sudo_password, no_sudo)
    }
    assert [done.stdout.strip() for done in whoami.values()] == ["0", "", ""]
    asked = subprocess.run(
        sshd.host(user=sudo_password.name).command("sudo -k -S -p '' id -u"),
        input=sudo_password.password + "\n",
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert asked.stdout.strip() == "0"
