"""Each trap that was met with Fabric, paramiko and SSH has a test that fails if it comes back: here those of sessions,
forwards and shells; the others are in test_ssh_login.py, test_ssh_sudo.py, test_ssh_links.py.

Quoting, standard input, big output, deadlines and interruption are the contract's (tests/contracts).
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from runner.demo.keeper import is_running
from runner.errors import TimedOut
from runner.hosts.contract import Script, TcpAddress, UnixAddress, command
from runner.hosts.local import open_local
from runner.hosts.ssh import SshLine
from runner.hosts.ssh_connection import dial
from runner.hosts.ssh_keys import SshFiles
from runner.secret import Secret
from tests.contracts.host_kinds import opened, settings
from tests.support.sshd import SshHost, SshServer
from tests.support.workplace import Workplace, pid_in

pytestmark = pytest.mark.live


def test_more_callers_than_sessions_wait_for_their_turn(sshd: SshServer) -> None:
    with opened(sshd.host()) as host:
        results: list[str] = []

        def work() -> None:
            results.append(host.run(Script("sleep 0.1; echo x"), timeout=60).stdout)

        threads = [threading.Thread(target=work) for _ in range(25)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert results == ["x\n"] * 25


def test_a_session_that_still_counts_on_the_server_is_waited_for(sshd: SshServer) -> None:
    line = SshLine(settings(sshd.host()), SshFiles)
    wires = [line.start(["sh", "-c", "cat"], time.monotonic() + 20) for _ in range(10)]  # MaxSessions

    def let_go() -> None:
        for wire in wires:
            wire.close()

    threading.Timer(0.7, let_go).start()
    started = time.monotonic()
    line.start(["sh", "-c", "cat"], time.monotonic() + 20).close()
    assert time.monotonic() - started > 0.5
    line.close()


def test_waiting_for_a_session_has_a_deadline(sshd: SshServer) -> None:
    with opened(sshd.host()) as host:
        busy = [threading.Thread(target=lambda: host.run(command("sleep", "4"))) for _ in range(8)]
        for thread in busy:
            thread.start()
        time.sleep(1.5)
        with pytest.raises(TimedOut, match="no free session"):
            host.run(command("true"), timeout=0.5)
        for thread in busy:
            thread.join(30)


def test_small_messages_are_sent_at_once(sshd: SshServer) -> None:
    with dial(sshd.host().address, sshd.port, 5.0) as sock:
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


def test_a_unix_socket_is_forwarded_privately(sshd: SshServer, workplace: Workplace) -> None:
    path = workplace.directory("sock") / ".s.PGSQL.5432"
    with socket.socket(socket.AF_UNIX) as server, opened(sshd.host()) as host:
        server.bind(str(path))
        server.listen(2)
        with host.forward(UnixAddress(str(path))) as local:
            assert isinstance(local, UnixAddress)
            assert Path(local.path).name == ".s.PGSQL.5432"
            assert Path(local.path).parent.stat().st_mode & 0o777 == 0o700
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(10)
                client.connect(local.path)
                client.sendall(b"ping")
                accepted, _ = server.accept()
                with accepted:
                    assert accepted.recv(10) == b"ping"
                    accepted.sendall(b"pong")
                    assert client.recv(10) == b"pong"
        assert not Path(local.path).exists()


def test_a_forward_to_nothing_is_closed_at_once(sshd: SshServer) -> None:
    with opened(sshd.host()) as host, host.forward(TcpAddress("127.0.0.1", 1)) as local:
        assert isinstance(local, TcpAddress)
        with socket.create_connection((local.host, local.port), timeout=10) as client:
            assert client.recv(10) == b""


def test_a_login_shell_that_talks_disturbs_nothing(sshd: SshServer) -> None:
    account = sshd.account("none", "/bin/bash")
    (account.home / ".bashrc").write_text("echo hello from bashrc; echo and from stderr >&2\n")
    with opened(sshd.host(0, account.name)) as host:
        result = host.run(Script("echo out; echo err >&2"))
        assert (result.stdout, result.stderr) == ("out\n", "err\n")


def test_leaving_background_shells_of_this_machine_alone(tmp_path: Path) -> None:
    host = open_local()
    host.run(Script('sleep 30 >/dev/null 2>&1 & echo $! >"$1"', (str(tmp_path / "pid"),)))
    pid = pid_in(tmp_path / "pid")
    host.close()
    assert is_running(pid)
    os.kill(pid, signal.SIGKILL)


def test_importing_the_ssh_host_loads_no_ssh_library() -> None:
    program = (
        "import sys, runner.hosts.ssh; print([m for m in ('paramiko', 'fabric', 'cryptography') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_settings_never_show_a_password() -> None:
    host = SshHost("h", "a", 1, "u", Path("k"), "", Path("kh"))
    assert "hunter2" not in repr(settings(host, password=Secret("hunter2")))
