"""Whole servers: Debian in namespaces of its own, entered over SSH, with its own Docker if wanted.

A machine has its own processes, network, mounts and files (an overlay on a cached Debian), so nothing
on it can touch the machine the tests run on, and switching it off leaves nothing.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from runner.demo.keeper import Keeper, descendants, is_running
from tests.support.network import Network
from tests.support.sshd import SshHost, make_key, public_key
from tests.support.workplace import Workplace, answers, wait_until

STACK: Final = Path(__file__).with_name("stack")
ADMIN_PASSWORD: Final = "correct horse"
PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Users of a machine, with their numbers there: root; "deploy" may sudo freely and use Docker; "admin" may sudo
# with ADMIN_PASSWORD. All are entered with the machine's key.
USERS: Final = {"root": 0, "deploy": 1000, "admin": 1001}

Kind = Literal["docker", "plain", "systemd"]


@dataclass(frozen=True, slots=True)
class Trees:
    """What machines stand on, kept in the cache: Debians, and Docker's data with the stack's images in it."""

    directory: Path

    @property
    def machine(self) -> Path:
        return self.directory / "machine"

    @property
    def systemd(self) -> Path:
        return self.directory / "systemd"

    @property
    def image(self) -> Path:
        return self.directory / "image"

    @property
    def docker(self) -> Path:
        return self.directory / "docker"


@dataclass(slots=True)
class Machine:
    """One server. `power_off` and `power_on` keep its disk, address and host key."""

    name: str
    address: str
    directory: Path
    key: Path
    host_key: str
    kind: Kind
    trees: Trees
    network: Network
    _keeper: Keeper | None = None
    _init: int = 0

    @property
    def known_hosts(self) -> Path:
        return self.directory / "known_hosts"

    @property
    def group(self) -> str:
        """The control group its containers run in."""
        return f"/{self.network.workplace.path.name}.{self.directory.name}"

    @property
    def keeper_pid(self) -> int:
        """The process outside all of whose descendants are the machine; 0 while it is off."""
        return 0 if self._keeper is None else self._keeper.pid

    def host(self, user: str = "root") -> SshHost:
        """It as an SSH host, entered as root, deploy or admin."""
        return SshHost(self.name, self.address, 22, user, self.key, self.host_key, self.known_hosts)

    def run(self, *argv: str, stdin: str | None = None, seconds: float = 120) -> str:
        """Run a program on it as root, past SSH. Returns stdout; CalledProcessError shows stderr too."""
        done = self.try_run(*argv, stdin=stdin, seconds=seconds)
        if done.returncode:
            raise OSError(f"{self.name}: {' '.join(argv)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def try_run(self, *argv: str, stdin: str | None = None, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """`run` that returns however the program ends."""
        return subprocess.run(
            self.enter(argv), input=stdin or "", capture_output=True, text=True, timeout=seconds, check=False
        )

    def enter(self, argv: Sequence[str]) -> list[str]:
        """The words that run `argv` inside, from the tests' machine."""
        spaces = ["nsenter", f"--target={self._init}", "--mount", "--pid", "--net", "--uts", "--ipc", "--wd=/"]
        return [*spaces, "env", "-i", f"PATH={PATH}", "HOME=/root", "LC_ALL=C.UTF-8", *argv]

    def path(self, inside: str) -> Path:
        """Where the absolute path `inside` is found from the tests' machine while it is on."""
        return Path(f"/proc/{self._init}/root") / inside.lstrip("/")

    def power_on(self) -> None:
        """Boot; returns when sshd greets and, with Docker, its daemon answers, or systemd has started all there is."""
        debian = self.trees.systemd if self.kind == "systemd" else self.trees.machine
        places = [self.directory, debian, self.directory / "docker", self.name, self.group, self.kind]
        spaces = ["unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--kill-child"]
        if self.kind == "systemd":
            spaces = [*_into_group(self.group), *spaces, "--cgroup"]
        self._keeper = Keeper(
            [*spaces, str(STACK / "boot.sh"), *map(str, places)],
            log=self.directory / "boot.log",
            env={"PATH": PATH},
            # The first process of a PID namespace takes all others with it; anything gentler is ignored by unshare.
            stop_signal=signal.SIGKILL,
        )
        unshare = self._keeper.pid
        wait_until(f"{self.name}: first process", lambda: bool(self._still_on() and descendants(unshare)), 10)
        self._init = descendants(unshare)[0]
        try:
            self.network.plug_in(self._init, self.address)
        except OSError:
            self._still_on()
            raise
        wait_until(f"{self.name}: sshd", lambda: self._still_on() and answers(self.address, 22, greeting=b"SSH-2"), 90)
        if self.kind == "docker":
            wait_until(f"{self.name}: Docker", lambda: self.try_run("docker", "version").returncode == 0, 60, step=0.3)
        if self.kind == "systemd":
            self.run("systemctl", "is-system-running", "--wait")

    def power_off(self) -> None:
        """Off at once, as by a power cut: every process dies, the disk stays."""
        if self._keeper is not None:
            self._keeper.stop()
            self._keeper = None
            remove_control_groups(self.group)

    def throw_away(self) -> None:
        """Off, and its disk removed."""
        self.power_off()
        shutil.rmtree(self.directory)

    def _still_on(self) -> bool:
        if self._keeper is None or not is_running(self._keeper.pid):
            raise OSError(f"{self.name} did not boot:\n{(self.directory / 'boot.log').read_text(errors='replace')}")
        return True


def create_machine(
    workplace: Workplace,
    network: Network,
    trees: Trees,
    name: str = "server",
    *,
    kind: Kind = "docker",
    images: bool = False,
) -> Machine:
    """Make a machine and switch it on. With `images` its Docker already has the stack's images, else none."""
    directory = workplace.directory(name)
    for part in ("upper", "work", "root", "docker"):
        (directory / part).mkdir()
    key, host_key = make_key(directory / "key"), make_key(directory / "host_key")
    machine = Machine(name, network.next_address(), directory, key, public_key(host_key), kind, trees, network)
    _write_keys(machine, host_key)
    if images:
        subprocess.run(
            [str(STACK / "preload.sh"), str(trees.docker), str(directory / "docker")], check=True, timeout=120
        )
    workplace.undo_with("sh", "-c", CONTROL_GROUPS, "sh", machine.group)
    machine.power_on()
    return machine


def _write_keys(machine: Machine, host_key: Path) -> None:
    upper = machine.directory / "upper"
    (upper / "etc" / "ssh").mkdir(parents=True)
    shutil.copy(host_key, upper / "etc/ssh/ssh_host_ed25519_key")
    (upper / "etc" / "hostname").write_text(f"{machine.name}\n")
    (upper / "etc" / "hosts").write_text(f"127.0.0.1 localhost\n{machine.address} {machine.name}\n")
    for user, number in USERS.items():
        home = upper / "root" if user == "root" else upper / "home" / user
        (home / ".ssh").mkdir(parents=True, mode=0o700)
        (home / ".ssh" / "authorized_keys").write_text(Path(f"{machine.key}.pub").read_text())
        for path in (home, home / ".ssh", home / ".ssh" / "authorized_keys"):
            os.chown(path, number, number)
    machine.known_hosts.write_text(f"{machine.address} {machine.host_key}\n")


def unified_control_groups() -> Path | None:
    """Where version 2 of control groups is mounted, which systemd keeps its services in."""
    mounts = (line.split() for line in Path("/proc/self/mounts").read_text().splitlines())
    return next((Path(words[1]) for words in mounts if words[2] == "cgroup2"), None)


def _into_group(group: str) -> list[str]:
    """The words that start what follows in a control group of its own."""
    root = unified_control_groups()
    if root is None:
        raise OSError("no control groups of version 2 are mounted, and systemd needs them")
    place = root / group.lstrip("/")
    place.mkdir(exist_ok=True)
    return ["sh", "-c", 'echo 0 >"$1/cgroup.procs" && shift && exec "$@"', "sh", str(place)]


# What was killed takes a moment to leave its groups.
CONTROL_GROUPS: Final = """
for try in 1 2 3 4 5 6 7 8 9 10; do
  find /sys/fs/cgroup -depth -type d -path "/sys/fs/cgroup/*$1*" -exec rmdir {} + && exit
  sleep 0.3
done
"""


def remove_control_groups(group: str) -> None:
    """Docker's control groups outlive its containers; nothing but directories, so they are removed as such."""
    subprocess.run(["sh", "-c", CONTROL_GROUPS, "sh", group], capture_output=True, timeout=30, check=False)
