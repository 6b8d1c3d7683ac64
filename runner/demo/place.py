"""Where the demo lives: one directory of its own, and the account its servers run as."""

from __future__ import annotations

import os
import pwd
import socket
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from runner.demo.keeper import Keeper
from runner.errors import SentraPlayError

OLD: Final = "127.0.0.2"
NEW: Final = "127.0.0.3"


@dataclass(slots=True)
class Place:
    """A directory that is removed with everything started in it, however the demo ends (SIGKILL included).

    `account` runs the servers. PostgreSQL refuses root, so root lends the work to `nobody`.
    """

    path: Path
    account: str
    _undoing: Keeper
    _kept: list[Keeper] = field(default_factory=list)

    @property
    def lends(self) -> bool:
        """Whether the servers run as somebody else than the one who started the demo."""
        return os.geteuid() == 0

    @property
    def uid(self) -> int | None:
        """The servers' account as a number; None when it is the one who started the demo."""
        return pwd.getpwnam(self.account).pw_uid if self.lends else None

    @property
    def gid(self) -> int | None:
        """Its group, likewise."""
        return pwd.getpwnam(self.account).pw_gid if self.lends else None

    def folder(self, *names: str) -> Path:
        """A new folder of the servers' account, closed to everybody else."""
        path = self.path.joinpath(*names)
        path.mkdir(mode=0o700, parents=True)
        self.give(path)
        return path

    def give(self, tree: Path) -> None:
        """Make the servers' account the owner of a tree."""
        uid, gid = self.uid, self.gid
        if uid is None or gid is None:
            return
        for folder, folders, files in os.walk(tree):
            for name in (".", *folders, *files):
                os.lchown(Path(folder, name), uid, gid)

    def start(
        self, argv: Sequence[str], log: str, *, env: Mapping[str, str] | None = None, as_account: bool = False
    ) -> Keeper:
        """Run a server until the demo ends; its output goes to the file `log` of this place."""
        user = self.account if as_account and self.lends else None
        keeper = Keeper(argv, log=self.path / log, env=env, user=user, grace=3)
        self._kept.append(keeper)
        return keeper

    def close(self) -> None:
        """Stop everything, last started first, and remove the directory."""
        for keeper in reversed(self._kept):
            keeper.stop()
        self._undoing.stop()


def own_name() -> str:
    """Whom this process runs as. The environment may name somebody else: su and its kin hand it on."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def open_place() -> Place:
    """A new place below the system's directory for temporary files."""
    undoing = Keeper()
    path = Path(tempfile.mkdtemp(prefix="sentraplay-demo-"))
    undoing.undo_with("rm", "-rf", "--one-file-system", str(path))
    if os.geteuid() == 0:
        # The account the work is lent to has to get in; what is inside is closed folder by folder.
        path.chmod(0o711)
        return Place(path, "nobody", undoing)
    return Place(path, own_name(), undoing)


def free_port(address: str) -> int:
    """A port nobody listens on at `address` now."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def wait_until(what: str, ready: Callable[[], bool], log: Path, seconds: float = 30) -> None:
    """Poll `ready`; an error with the end of `log` if it is not so within `seconds`."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise SentraPlayError(
                f"{what} did not start within {seconds:.0f} s",
                where="demo",
                why=log.read_text(errors="replace")[-1500:] if log.exists() else "it wrote nothing",
                hint="The demo needs nothing but this machine's loopback addresses and a writable temporary directory.",
            )
        time.sleep(0.05)


def answers(address: str, port: int) -> bool:
    """Whether something takes connections there."""
    try:
        socket.create_connection((address, port), timeout=1).close()
    except OSError:
        return False
    return True
