"""Each trap that was met with Fabric, paramiko and SSH has a test that fails if it comes back.

Quoting, standard input, big output, deadlines and interruption are the contract's (tests/contracts/test_hosts.py).
"""

from __future__ import annotations

import io
import os
import secrets
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.demo.keeper import is_running
from runner.errors import ConnectionLost, HostUnreachable, Interrupted, SentraPlayError, TimedOut
from runner.hosts.contract import Become, Pipeline, Script, TcpAddress, UnixAddress, command
from runner.hosts.local import open_local
from runner.hosts.ssh import SshLine
from runner.hosts.ssh_connection import dial
from runner.hosts.ssh_keys import SshFiles
from runner.secret import Secret
from tests.contracts.host_kinds import opened, settings
from tests.support.accounts import Account
from tests.support.proxy import Fault, FaultProxy
from tests.support.sshd import PASSPHRASE, SshHost, SshServer, make_key, public_key
from tests.support.workplace import Workplace, wait_until

pytestmark = pytest.mark.live

Proxies = Callable[..., FaultProxy]


def through(proxy: FaultProxy, host: SshHost) -> dict[str, object]:
    """Settings for the same host behind a proxy, its key pinned."""
    return {"address": proxy.host, "port": proxy.port, "host_key": host.host_key}


def refused(host: SshHost, **changes: object) -> HostUnreachable:
    """The error of a host that must not be reached."""
    with opened(host, **changes) as reached, pytest.raises(HostUnreachable) as caught:
        reached.run(command("true"), timeout=30)
    assert not isinstance(caught.value, ConnectionLost)
    return caught.value


def wait_for_pid(path: Path) -> int:
    wait_until(f"a pid in {path}", lambda: path.exists() and path.read_text().endswith("\n"), 15)
    return int(path.read_text())


def gone(pid: int, seconds: float = 15) -> None:
    wait_until(f"the end of process {pid}", lambda: not is_running(pid), seconds)


# --- host keys


def test_an_unknown_host_is_refused_and_the_error_shows_its_key(sshd: SshServer, tmp_path: Path) -> None:
    error = refused(sshd.host(), known_hosts_file=tmp_path / "none")
    assert "is not known" in error.message
    assert sshd.host_key in error.hint
    assert not (tmp_path / "none").exists()


def test_a_changed_key_is_refused_in_every_mode(sshd: SshServer, tmp_path: Path) -> None:
    host, other = sshd.host(), public_key(make_key(tmp_path / "other"))
    known = tmp_path / "known_hosts"
    known.write_text(f"[{host.address}]:{host.port} {other}\n")
    for mode in ("strict", "accept-new"):
        error = refused(host, known_hosts_file=known, host_key_checking=mode)
        assert "is not the one that is known" in error.message
    assert "is not the one" in refused(host, host_key=other).message
    assert host.host_key not in known.read_text()


def test_a_pinned_key_needs_no_known_hosts(sshd: SshServer, tmp_path: Path) -> None:
    with opened(sshd.host(), host_key=sshd.host_key, known_hosts_file=tmp_path / "none") as host:
        assert host.run(command("echo", "in")).stdout == "in\n"


def test_a_pinned_key_that_is_no_key_is_said_to_be_none(sshd: SshServer) -> None:
    assert "is not a public key" in refused(sshd.host(), host_key="ssh-ed25519 garbage").message


def test_accept_new_trusts_once_and_writes_it_down(sshd: SshServer, tmp_path: Path) -> None:
    known = tmp_path / "sub" / "known_hosts"
    with opened(sshd.host(), known_hosts_file=known, host_key_checking="accept-new") as host:
        assert host.run(command("true")).ok
    assert sshd.host_key in known.read_text()
    with opened(sshd.host(), known_hosts_file=known) as host:
        assert host.run(command("true")).ok


def test_hashed_and_wildcard_names_and_revoked_keys_are_understood(sshd: SshServer, tmp_path: Path) -> None:
    host, known = sshd.host(), tmp_path / "known_hosts"
    known.write_text(f"[{host.address}]:{host.port} {host.host_key}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(known)], check=True, capture_output=True)
    assert host.address not in known.read_text()
    with opened(host, known_hosts_file=known) as reached:
        assert reached.run(command("true")).ok
    known.write_text(f"[127.0.0.*]:{host.port} {host.host_key}\n")
    with opened(host, known_hosts_file=known) as reached:
        assert reached.run(command("true")).ok
    with known.open("a") as more:
        more.write(f"@revoked * {host.host_key}\n")
    assert "has been revoked" in refused(host, known_hosts_file=known).message


def test_ssh_config_cannot_switch_checking_off(sshd: SshServer, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("Host *\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n")
    error = refused(sshd.host(), ssh_config_file=config, known_hosts_file=tmp_path / "none")
    assert "is not known" in error.message


def test_ssh_config_names_hosts_users_ports_and_keys(sshd: SshServer, tmp_path: Path) -> None:
    host, config = sshd.host(), tmp_path / "config"
    config.write_text(
        f"Host alias\n  HostName {host.address}\n  Port {host.port}\n  User {host.user}\n"
        f"  IdentityFile {host.key}\n  UserKnownHostsFile {host.known_hosts}\n"
    )
    plain = {"port": None, "user": None, "private_key_file": None, "known_hosts_file": None}
    with opened(host, address="alias", ssh_config_file=config, **plain) as reached:
        assert reached.run(command("echo", "in")).stdout == "in\n"


# --- gateways


@pytest.mark.parametrize("said_in", ["inventory", "ssh_config"])
def test_a_gateway_must_be_known_too(
    sshd: SshServer, own_sshd: Callable[..., SshServer], tmp_path: Path, said_in: str
) -> None:
    gateway = own_sshd(["127.0.0.51"])
    gateway.authorize(sshd.host().user, gateway.keys.good, sshd.keys.good)
    jump = f"{gateway.host().user}@127.0.0.51:{gateway.port}"
    config = tmp_path / "config"
    config.write_text(f"Host 127.0.0.11\n  ProxyJump {jump}\n" if said_in == "ssh_config" else "")
    said = {"ssh_config_file": config} | ({"proxy_jump": jump} if said_in == "inventory" else {})
    error = refused(sshd.host(), **said)
    assert "127.0.0.51" in error.message
    assert "is not known" in error.message
    both = tmp_path / "known_hosts"
    both.write_text(sshd.known_hosts.read_text() + gateway.known_hosts.read_text())
    with opened(sshd.host(), known_hosts_file=both, **said) as host:
        assert host.run(command("echo", "through")).stdout == "through\n"
        assert len(gateway.sessions()) > 0


# --- what can be wrong, each with its own words


def test_nothing_listens(sshd: SshServer) -> None:
    error = refused(sshd.host(), port=1)
    assert "nothing listens at 127.0.0.11:1" in error.message
    assert "ansible_port" in error.hint


def test_a_name_that_does_not_resolve(sshd: SshServer) -> None:
    assert "cannot be resolved" in refused(sshd.host(), address="no-such-host.invalid").message


def test_a_key_nobody_authorized(sshd: SshServer) -> None:
    error = refused(sshd.host(), private_key_file=sshd.keys.stranger)
    assert "does not let" in error.message
    assert "authorized_keys" in error.hint


def test_a_locked_key_and_its_passphrase(sshd: SshServer) -> None:
    host = sshd.host()
    assert "locked by a passphrase" in refused(host, private_key_file=sshd.keys.locked).message
    wrong = refused(host, private_key_file=sshd.keys.locked, private_key_passphrase=Secret("wrong"))
    assert "passphrase does not open it" in wrong.message
    right = {"private_key_file": sshd.keys.locked, "private_key_passphrase": Secret(PASSPHRASE)}
    with opened(host, **right) as reached:
        assert reached.run(command("true")).ok


def test_a_key_file_that_is_missing_or_none(sshd: SshServer, tmp_path: Path) -> None:
    assert "No such file" in refused(sshd.host(), private_key_file=tmp_path / "none").message
    (tmp_path / "text").write_text("hello")
    assert "cannot be used" in refused(sshd.host(), private_key_file=tmp_path / "text").message


def test_passwords(sshd: SshServer, no_sudo: Account) -> None:
    host = sshd.host(0, no_sudo.name)
    with opened(host, private_key_file=None, password=Secret(no_sudo.password)) as reached:
        assert reached.run(command("id", "-un")).stdout == f"{no_sudo.name}\n"
    error = refused(host, private_key_file=None, password=Secret("wrong-password"))
    assert "does not let" in error.message
    assert "wrong-password" not in repr(error)


# --- other users


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


# --- links that break


def test_a_cut_link_is_connection_lost_and_the_host_kills_what_ran(
    sshd: SshServer, fault_proxy: Proxies, tmp_path: Path
) -> None:
    host = sshd.host()
    proxy = fault_proxy((host.address, host.port))
    with opened(host, **through(proxy, host)) as reached:
        threading.Thread(target=lambda: (wait_for_pid(tmp_path / "pid"), proxy.cut_now())).start()
        with pytest.raises(ConnectionLost, match="the connection was lost while 'sh' ran"):
            reached.run(Script('sleep 1000 & echo $! >"$1"; wait', (str(tmp_path / "pid"),)))
        gone(wait_for_pid(tmp_path / "pid"))
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
        threading.Thread(target=lambda: (wait_for_pid(tmp_path / "pid"), proxy.stall_now())).start()
        started = time.monotonic()
        with pytest.raises(ConnectionLost, match="has said nothing for"):
            reached.run(Script('echo $$ >"$1"; sleep 1000', (str(tmp_path / "pid"),)))
        assert time.monotonic() - started < 15
    proxy.close()
    gone(wait_for_pid(tmp_path / "pid"))


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
            wait_for_pid(tmp_path / "pid")
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
    pid = wait_for_pid(tmp_path / "pid")
    os.kill(controller.pid, signal.SIGKILL)
    controller.wait(10)
    gone(pid)


# --- many, fast, forwarded


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
    pid = wait_for_pid(tmp_path / "pid")
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
