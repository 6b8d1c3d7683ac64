"""Every kind of host the contract is held against."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runner.errors import ConnectionLost, HostUnreachable
from runner.hosts.contract import Become, Host, command
from runner.hosts.local import open_local
from runner.hosts.ssh import Ssh
from runner.hosts.ssh_settings import SshSettings
from runner.secret import Secret
from tests.support.capabilities import require
from tests.support.sshd import SshHost, SshServer, start_sshd
from tests.support.workplace import Workplace


def settings(host: SshHost, **changes: object) -> SshSettings:
    """Settings that reach a host of the tests' server."""
    said: dict[str, object] = {
        "name": host.name,
        "address": host.address,
        "port": host.port,
        "user": host.user,
        "private_key_file": host.key,
        "known_hosts_file": host.known_hosts,
        "ssh_config_file": Path("/dev/null"),
        **changes,
    }
    return SshSettings(**said)  # type: ignore[arg-type]  # given by name, checked by the dataclass


@contextmanager
def opened(host: SshHost, **changes: object) -> Iterator[Host]:
    """That host, closed at the end."""
    reached = Ssh().open(settings(host, **changes))
    try:
        yield reached
    finally:
        reached.close()


def refused(host: SshHost, **changes: object) -> HostUnreachable:
    """The error of a host that must not be reached."""
    with opened(host, **changes) as reached, pytest.raises(HostUnreachable) as caught:
        reached.run(command("true"), timeout=30)
    assert not isinstance(caught.value, ConnectionLost)
    return caught.value


def path_with_shell(workplace: Workplace, shell: str) -> str:
    """A PATH in which `sh` is another shell; with busybox, everything else is busybox, too."""
    directory = workplace.directory(shell)
    if shell == "busybox":
        program = shutil.which("busybox")
        assert program is not None
        for applet in subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout.split():
            (directory / applet).symlink_to(program)
        if not (directory / "su").exists():  # some builds leave it out
            (directory / "su").symlink_to("/bin/su")
        return str(directory)
    program = shutil.which(shell)
    assert program is not None
    (directory / "sh").symlink_to(program)
    return f"{directory}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


Maker = Callable[[Workplace, SshServer], Iterator[Host]]


def _local(workplace: Workplace, server: SshServer) -> Iterator[Host]:
    host = open_local()
    yield host
    host.close()


def _local_as_other(workplace: Workplace, server: SshServer) -> Iterator[Host]:
    require("users")
    account = server.account()
    host = open_local()
    yield host.view(become=Become(account.name))
    host.close()


def _ssh(workplace: Workplace, server: SshServer) -> Iterator[Host]:
    with opened(server.host()) as host:
        yield host


def _sudo(workplace: Workplace, server: SshServer) -> Iterator[Host]:
    require("users")
    account = server.account("free")
    with opened(server.host(1, account.name)) as host:
        yield host.view(become=Become("root"))


def _sudo_with_password(workplace: Workplace, server: SshServer) -> Iterator[Host]:
    require("users")
    account, other = server.account("password"), server.account()
    with opened(server.host(2, account.name)) as host:
        yield host.view(become=Become(other.name, Secret(account.password)))


def _with_shell(shell: str) -> Maker:
    def make(workplace: Workplace, server: SshServer) -> Iterator[Host]:
        if shutil.which(shell) is None:
            require("busybox")
        other = start_sshd(workplace, ["127.0.0.41"], environment={"PATH": path_with_shell(workplace, shell)})
        try:
            with opened(other.host()) as host:
                yield host
        finally:
            other.stop()

    return make


KINDS: dict[str, Maker] = {
    "local": _local,
    "local as another user": _local_as_other,
    "ssh": _ssh,
    "ssh with sudo": _sudo,
    "ssh with sudo and password": _sudo_with_password,
    "ssh to busybox": _with_shell("busybox"),
    "ssh to bash": _with_shell("bash"),
}
