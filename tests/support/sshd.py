"""A real OpenSSH server on loopback; its several addresses are the tests' several hosts."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from runner.demo.keeper import Keeper, descendants, is_running
from tests.support.accounts import Account, Sudo, create_account
from tests.support.workplace import Workplace, answers, free_port, wait_until

PASSPHRASE: Final = "correct horse battery staple"
ADDRESSES: Final = tuple(f"127.0.0.{number}" for number in range(11, 21))

CONFIG: Final = """
{listen}
HostKey {directory}/host_key
PidFile none
AuthorizedKeysFile {directory}/authorized/%u
StrictModes no
UsePAM no
PasswordAuthentication yes
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxStartups 200:30:400
MaxSessions 10
LoginGraceTime 30
UseDNS no
PrintMotd no
PrintLastLog no
LogLevel VERBOSE
Subsystem sftp {sftp}
{extra}
"""


@dataclass(frozen=True, slots=True)
class Keys:
    """Client keys made for one server: `good` and `locked` (PASSPHRASE opens it) are authorized, `stranger` is not."""

    good: Path
    locked: Path
    stranger: Path


@dataclass(frozen=True, slots=True)
class SshHost:
    """One address of a server, as a test or an inventory sees it. `host_key` is "ssh-ed25519 AAAA…"."""

    name: str
    address: str
    port: int
    user: str
    key: Path
    host_key: str
    known_hosts: Path

    def variables(self, **more: object) -> dict[str, object]:
        """The inventory's connection variables for this host, `more` added or replacing."""
        return {
            "ansible_host": self.address,
            "ansible_port": self.port,
            "ansible_user": self.user,
            "ansible_ssh_private_key_file": str(self.key),
            "known_hosts_file": str(self.known_hosts),
            **more,
        }

    def command(self, *remote: str, options: Sequence[str] = ()) -> list[str]:
        """The OpenSSH client's words that run `remote` there, strictly and asking nothing."""
        strict = ["BatchMode=yes", f"UserKnownHostsFile={self.known_hosts}", "StrictHostKeyChecking=yes", *options]
        flags = [word for option in [*strict, "IdentitiesOnly=yes", "ConnectTimeout=10"] for word in ("-o", option)]
        return [
            "ssh",
            "-F",
            "none",
            *flags,
            "-i",
            str(self.key),
            "-p",
            str(self.port),
            f"{self.user}@{self.address}",
            *remote,
        ]


@dataclass(slots=True)
class SshServer:
    """A running sshd. `hosts` are its addresses; `stop` and `start` keep port and host key."""

    directory: Path
    port: int
    addresses: tuple[str, ...]
    keys: Keys
    host_key: str
    workplace: Workplace
    environment: Mapping[str, str] = field(default_factory=dict)
    _keeper: Keeper | None = None

    @property
    def known_hosts(self) -> Path:
        return self.directory / "known_hosts"

    @property
    def log(self) -> str:
        """What the server wrote so far (LogLevel VERBOSE)."""
        return (self.directory / "sshd.log").read_text(errors="replace")

    @property
    def hosts(self) -> tuple[SshHost, ...]:
        """host1, host2 … one per address, entered as the user the tests run as."""
        return tuple(self.host(number) for number in range(len(self.addresses)))

    def host(self, number: int = 0, user: str | None = None) -> SshHost:
        """The host at address `number`, entered as `user`."""
        return SshHost(
            name=f"host{number + 1}",
            address=self.addresses[number],
            port=self.port,
            user=user or getpass.getuser(),
            key=self.keys.good,
            host_key=self.host_key,
            known_hosts=self.known_hosts,
        )

    def account(self, sudo: Sudo = "none", shell: str = "/bin/sh") -> Account:
        """A new Unix account that may log in here with the same keys or its password. Needs root."""
        account = create_account(self.workplace, sudo, shell)
        self.authorize(account.name)
        return account

    def authorize(self, user: str, *keys: Path) -> None:
        """`user` may log in with exactly these private keys' public halves (default: `good` and `locked`)."""
        public = [Path(f"{key}.pub").read_text() for key in keys or (self.keys.good, self.keys.locked)]
        (self.directory / "authorized" / user).write_text("".join(public))

    def start(self) -> None:
        """Start listening; returns when every address answers."""
        program = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin") or "/usr/sbin/sshd"
        # What the sessions must not inherit from the tests is left out of the server's environment.
        self._keeper = Keeper(
            [program, "-D", "-e", "-f", str(self.directory / "sshd_config")],
            log=self.directory / "sshd.log",
            env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
        )
        wait_until(f"sshd in {self.directory}", self._ready, 15)

    def stop(self) -> None:
        """End the server and every session and program started through it."""
        if self._keeper is not None:
            self._keeper.stop()
            self._keeper = None

    def sessions(self) -> list[int]:
        """Process ids of everything started through this server: session processes, shells, commands."""
        return [] if self._keeper is None else descendants(self._keeper.pid)

    def kill_sessions(self) -> None:
        """Cut every link the hard way (SIGKILL to the session processes); the server goes on listening.

        Commands that ran in those sessions are left to themselves, as when a real link is lost.
        """
        for pid in self._session_processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def freeze_sessions(self) -> None:
        """Sessions stop answering without closing (SIGSTOP): a black hole. `kill_sessions` or `stop` ends it."""
        for pid in self._session_processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)

    def _session_processes(self) -> list[int]:
        found = []
        for pid in self.sessions():
            with contextlib.suppress(OSError):
                if Path(f"/proc/{pid}/comm").read_text().strip() in {"sshd", "sshd-session"}:
                    found.append(pid)
        return found

    def _ready(self) -> bool:
        if self._keeper is None or not is_running(self._keeper.pid):
            raise OSError(f"sshd ended at once:\n{self.log}")
        return all(answers(address, self.port, greeting=b"SSH-2.0") for address in self.addresses)


def start_sshd(
    workplace: Workplace,
    addresses: Sequence[str] = ADDRESSES,
    *,
    environment: Mapping[str, str] | None = None,
    options: str = "",
) -> SshServer:
    """A server with its own host key and client keys, stopped by `stop()` or with the tests.

    `environment` is set in every session (SetEnv); `options` are more lines of sshd_config.
    """
    directory = workplace.directory("sshd")
    (directory / "authorized").mkdir()
    if os.geteuid() == 0:
        # The package's service makes it at boot; the server refuses to start without.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    keys = Keys(
        *(make_key(directory / name, PASSPHRASE if name == "locked" else "") for name in ("good", "locked", "stranger"))
    )
    host_key = public_key(make_key(directory / "host_key"))
    port = free_port(*addresses)
    server = SshServer(directory, port, tuple(addresses), keys, host_key, workplace)
    # What is in the home of whoever runs the tests (a slow or broken .bashrc) must not decide how they end.
    home = directory / "home"
    home.mkdir(mode=0o700)
    given = " ".join(f'"{name}={value}"' for name, value in (environment or {}).items())
    at_home = f'Match User {getpass.getuser()}\nSetEnv {given} "HOME={home}"\n'
    config = CONFIG.format(
        listen="\n".join(f"ListenAddress {address}:{port}" for address in addresses),
        directory=directory,
        sftp="/usr/lib/openssh/sftp-server",
        extra=options + (f"\nSetEnv {given}\n" if given else "\n") + at_home,
    )
    (directory / "sshd_config").write_text(config)
    server.known_hosts.write_text("".join(f"[{address}]:{port} {host_key}\n" for address in addresses))
    server.authorize(getpass.getuser())
    server.start()
    return server


def make_key(path: Path, passphrase: str = "", kind: str = "ed25519") -> Path:
    """A new private key at `path`, its public half beside it."""
    argv = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", path.name, "-f", str(path)]
    subprocess.run(argv, check=True, capture_output=True, timeout=30)
    return path


def public_key(private: Path) -> str:
    """ "ssh-ed25519 AAAA…" without the comment."""
    return " ".join(Path(f"{private}.pub").read_text().split()[:2])


def wait_for_end(pids: Sequence[int], seconds: float = 10.0) -> list[int]:
    """The processes among `pids` still running after at most `seconds`."""
    deadline = time.monotonic() + seconds
    while (left := [pid for pid in pids if is_running(pid)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left
