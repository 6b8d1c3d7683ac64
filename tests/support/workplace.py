"""The one directory of a test process, and the accounts and mounts that belong to it."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import SystemRandom
from typing import Final

from runner.demo.keeper import Keeper

# Outside Linux's range for outgoing connections, so that a server stopped by a test finds its port free again.
PORTS: Final = range(20_000, 32_000)


class Workplace:
    """A short directory any user may enter (pytest's own is closed to the accounts servers run as).

    It is removed at the end, however the tests end, together with whatever was registered with `undo_with`.
    """

    def __init__(self) -> None:
        self.keeper = Keeper()
        self.path = Path(tempfile.mkdtemp(prefix="sentraplay-tests-"))
        self.path.chmod(0o755)
        self.keeper.undo_with("rm", "-rf", "--one-file-system", str(self.path))

    def directory(self, name: str, mode: int = 0o755, owner: str | None = None) -> Path:
        """A new directory of its own whose name starts with `name`."""
        path = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.path))
        path.chmod(mode)
        if owner is not None and os.geteuid() == 0:
            shutil.chown(path, owner, owner)
        return path

    def undo_with(self, *argv: str) -> Callable[[], None]:
        """Register how something is undone; the function returned does it now and once."""
        number = self.keeper.undo_with(*argv)

        def now() -> None:
            subprocess.run(argv, check=True, capture_output=True, timeout=60)
            self.keeper.forget(number)

        return now

    def close(self) -> None:
        """Undo everything, last registered first."""
        self.keeper.stop()


def free_port(*addresses: str) -> int:
    """A port nobody listens on at any of `addresses` (127.0.0.1 unless given)."""
    for port in SystemRandom().sample(PORTS, 200):
        try:
            for address in addresses or ("127.0.0.1",):
                with socket.socket() as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind((address, port))
        except OSError:
            continue
        return port
    raise OSError(f"no free port on {addresses}")


def wait_until(what: str, true: Callable[[], bool], seconds: float, *, step: float = 0.05) -> None:
    """Ask `true` until it says yes; TimeoutError naming `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(step)


def answers(address: str, port: int, *, greeting: bytes = b"") -> bool:
    """Whether something accepts connections there and, if asked for, greets first with `greeting`."""
    try:
        with socket.create_connection((address, port), timeout=2) as connection:
            return not greeting or connection.recv(len(greeting)) == greeting
    except OSError:
        return False


def cache() -> Path:
    """The only directory kept between runs: locks, and what takes minutes to build (SENTRAPLAY_TEST_CACHE names it)."""
    default = Path(tempfile.gettempdir()) / f"sentraplay-test-cache-{os.geteuid()}"
    path = Path(os.environ.get("SENTRAPLAY_TEST_CACHE", default))
    path.mkdir(mode=0o755, exist_ok=True)
    if path.stat().st_uid != os.geteuid():
        raise PermissionError(f"{path} belongs to somebody else")
    return path


@contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """A lock across all test processes of this user and machine."""
    with (cache() / f"{name}.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def pid_in(path: str | Path) -> int:
    """The pid a script of a test wrote there, as soon as the line is whole."""
    text = ""

    def there() -> bool:
        nonlocal text
        with suppress(OSError):
            text = Path(path).read_text()
        return text.endswith("\n")

    wait_until(f"a pid in {path}", there, 15)
    return int(text)
