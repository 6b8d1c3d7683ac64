"""Links that are cut or fall silent: told as what they are, and nothing goes on behind them."""

from __future__ import annotations

import io
import os
import secrets
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.demo.keeper import is_running
from runner.errors import ConnectionLost, Interrupted, SentraPlayError
from runner.hosts.contract import Script, command
from tests.contracts.host_kinds import opened, refused
from tests.support.proxy import Fault, FaultProxy
from tests.support.sshd import SshHost, SshServer
from tests.support.workplace import pid_in, wait_until

pytestmark = pytest.mark.live


Proxies = Callable[..., FaultProxy]


def through(proxy: FaultProxy, host: SshHost) -> dict[str, object]:
    """Settings for the same host behind a proxy, its key pinned."""
    return {"address": proxy.host, "port": proxy.port, "host_key": host.host_key}


def gone(pid: int, seconds: float = 15) -> None:
    wait_until(f"the end of process {pid}", lambda: not is_running(pid), seconds)


def test_a_cut_link_is_connection_lost_and_the_host_kills_what_ran(
    sshd: SshServer, fault_proxy: Proxies, tmp_path: Path
) -> None:
    host = sshd.host()
    proxy = fault_proxy((host.address, host.port))
    with opened(host, **through(proxy, host)) as reached:
        threading.Thread(target=lambda: (pid_in(tmp_path / "pid"), proxy.cut_now())).start()
        with pytest.raises(ConnectionLost, match="the connection was lost while 'sh' ran"):
            reached.run(Script('sleep 1000 & echo $! >"$1"; wait', (str(tmp_path / "pid"),)))
        gone(pid_in(tmp_path / "pid"))
        assert reached.run(command("echo", "back")).stdout == "back\n"


def test_a_lost_link_is_never_an_exit_status(own_sshd: Callable[..., SshServer]) -> None:
    server = own_sshd(["127.0.0.52"])
    with opened(server.host()) as host:
        host.run(command("true"))
        threading.Timer(0.3, server.kill_sessions).start()
        with pytest.raises(ConnectionLost):
            host.run(command("sleep", "30"), check=False)
        with pytest.raises(ConnectionLost), host.stream(command("sleep", "30")) as stream:
            threading.Timer(0.3, server.kill_sessions).start()
            stream.stdout.read()


def test_a_black_hole_is_noticed_while_a_command_runs(sshd: SshServer, fault_proxy: Proxies, tmp_path: Path) -> None:
    host = sshd.host()
    proxy = fault_proxy((host.address, host.port))
    with opened(host, **through(proxy, host), dead_after=2.0) as reached:
        threading.Thread(target=lambda: (pid_in(tmp_path / "pid"), proxy.stall_now())).start()
        started = time.monotonic()
        with pytest.raises(ConnectionLost, match="has said nothing for"):
            reached.run(Script('echo $$ >"$1"; sleep 1000', (str(tmp_path / "pid"),)))
        assert time.monotonic() - started < 15
    proxy.close()
    gone(pid_in(tmp_path / "pid"))


def test_a_black_hole_while_connecting_ends_at_the_limit(sshd: SshServer, fault_proxy: Proxies) -> None:
    host = sshd.host()
    for fault in (Fault(stall_down=0), Fault(stall_down=21), Fault(stall_down=1500)):
        proxy = fault_proxy((host.address, host.port), fault)
        started = time.monotonic()
        error = refused(host, **through(proxy, host), connect_timeout=1.0)
        assert time.monotonic() - started < 10
        assert error.message


def test_the_deadline_covers_opening_a_session(sshd: SshServer, fault_proxy: Proxies) -> None:
    host = sshd.host()
    proxy = fault_proxy((host.address, host.port))
    with opened(host, **through(proxy, host)) as reached:
        reached.run(command("true"))
        proxy.stall_now()
        started = time.monotonic()
        with pytest.raises(SentraPlayError), reached.stream(command("true"), timeout=1.0) as stream:
            stream.finish()
        assert time.monotonic() - started < 10


def test_interrupt_does_not_wait_for_a_dead_link(sshd: SshServer, fault_proxy: Proxies, tmp_path: Path) -> None:
    host = sshd.host()
    proxy = fault_proxy((host.address, host.port))
    with opened(host, **through(proxy, host)) as reached:

        def break_and_interrupt() -> None:
            pid_in(tmp_path / "pid")
            proxy.stall_now()
            reached.interrupt()

        threading.Thread(target=break_and_interrupt).start()
        started = time.monotonic()
        with pytest.raises(Interrupted, match="not known"):
            reached.run(Script('echo $$ >"$1"; sleep 1000', (str(tmp_path / "pid"),)))
        assert time.monotonic() - started < 25


def test_a_link_cut_in_mid_put_leaves_no_half_file(sshd: SshServer, fault_proxy: Proxies, tmp_path: Path) -> None:
    host = sshd.host()
    proxy = fault_proxy((host.address, host.port), Fault(cut_up=3_000_000))
    target = tmp_path / "target"
    target.write_bytes(b"old")
    with opened(host, **through(proxy, host)) as reached, pytest.raises(ConnectionLost):
        reached.put(io.BytesIO(secrets.token_bytes(8_000_000)), str(target))
    wait_until("the temporary file to go", lambda: [path.name for path in tmp_path.iterdir()] == ["target"], 10)
    assert target.read_bytes() == b"old"


def test_a_link_cut_in_mid_get_is_an_error(sshd: SshServer, fault_proxy: Proxies, tmp_path: Path) -> None:
    host = sshd.host()
    (tmp_path / "big").write_bytes(secrets.token_bytes(8_000_000))
    proxy = fault_proxy((host.address, host.port), Fault(cut_down=3_000_000))
    with opened(host, **through(proxy, host)) as reached, pytest.raises(ConnectionLost):
        reached.get(str(tmp_path / "big"), io.BytesIO())


def test_a_private_directory_goes_with_the_link(sshd: SshServer, fault_proxy: Proxies) -> None:
    host = sshd.host()
    proxy = fault_proxy((host.address, host.port))
    with (
        opened(host, **through(proxy, host)) as reached,
        pytest.raises(ConnectionLost),
        reached.private_directory() as directory,
    ):
        Path(directory, "file").write_text("secret")
        proxy.cut_now()
    wait_until("the directory to go", lambda: not Path(directory).exists(), 10)


@pytest.mark.parametrize("kind", ["ssh", "local", "stream"])
def test_a_controller_killed_with_sigkill_leaves_nothing_running(sshd: SshServer, tmp_path: Path, kind: str) -> None:
    host = sshd.host()
    program = f"""
        from pathlib import Path
        from runner.hosts.contract import Script
        from runner.hosts.local import open_local
        from runner.hosts.ssh import open_ssh
        from runner.hosts.ssh_settings import SshSettings
        host = open_local() if {kind!r} == "local" else open_ssh(SshSettings("h", {host.address!r}, {host.port},
            {host.user!r}, private_key_file=Path({str(host.key)!r}), known_hosts_file=Path({str(host.known_hosts)!r})))
        script = Script('sleep 1000 & echo $! >"$1"; wait', ({str(tmp_path / "pid")!r},))
        if {kind!r} == "stream":
            with host.stream(script) as stream:
                stream.stdout.read()
        host.run(script)
    """
    controller = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)])
    pid = pid_in(tmp_path / "pid")
    os.kill(controller.pid, signal.SIGKILL)
    controller.wait(10)
    gone(pid)
