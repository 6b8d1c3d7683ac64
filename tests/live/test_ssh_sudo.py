"""Becoming another user over SSH."""

from __future__ import annotations

import time

import pytest

from runner.errors import HostUnreachable
from runner.hosts.contract import Become, Pipeline, Script, command
from runner.secret import Secret
from tests.contracts.host_kinds import opened
from tests.support.accounts import Account
from tests.support.sshd import SshServer

pytestmark = pytest.mark.live


def test_a_whole_pipeline_runs_as_the_other_user(sshd: SshServer, sudo_free: Account) -> None:
    with opened(sshd.host(0, sudo_free.name)) as host:
        root = host.view(become=Become("root"))
        who = Script("cat; id -un")
        assert root.run(Pipeline((who, who, who))).stdout == "root\n" * 3
        assert host.run(command("id", "-un")).stdout == f"{sudo_free.name}\n"


def test_a_wrong_sudo_password_is_told_at_once(sshd: SshServer, sudo_password: Account) -> None:
    with opened(sshd.host(0, sudo_password.name)) as host:
        started = time.monotonic()
        with pytest.raises(HostUnreachable, match="privilege escalation failed.*not accepted"):
            host.view(become=Become("root", Secret("wrong"))).run(command("true"))
        assert time.monotonic() - started < 15
        with pytest.raises(HostUnreachable, match="privilege escalation failed"):
            host.view(become=Become("root")).run(command("true"))
        right = host.view(become=Become("root", Secret(sudo_password.password)))
        assert right.run(command("id", "-un")).stdout == "root\n"
        with right.stream(command("id", "-un")) as stream:
            assert stream.stdout.read() == b"root\n"
            stream.finish()


def test_somebody_who_may_not_sudo_is_told(sshd: SshServer, no_sudo: Account) -> None:
    with opened(sshd.host(0, no_sudo.name)) as host:
        for password in (None, Secret(no_sudo.password)):
            with pytest.raises(HostUnreachable, match="privilege escalation failed"):
                host.view(become=Become("root", password)).run(command("true"), timeout=30)
        assert host.run(command("true")).ok


def test_a_sudo_password_nobody_asks_for_is_never_run_as_a_command(sshd: SshServer, sudo_free: Account) -> None:
    with opened(sshd.host(0, sudo_free.name)) as host:
        root = host.view(become=Become("root", Secret("touch /tmp/never")))
        result = root.run(command("id", "-un"))
        assert (result.stdout, result.stderr) == ("root\n", "")


def test_an_unknown_user_is_told(sshd: SshServer, sudo_free: Account) -> None:
    with (
        opened(sshd.host(0, sudo_free.name)) as host,
        pytest.raises(HostUnreachable, match=r"cannot become 'nobody-here'.*nobody-here"),
    ):
        host.view(become=Become("nobody-here")).run(command("true"))
