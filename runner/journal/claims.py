"""Who has a run: a lock on a file, which the kernel drops when its holder dies, by whatever death."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import Final

from runner.errors import Refused

# `is_taken` holds the lock for a moment to learn whether it can; that moment is no other controller.
TRIES: Final = 4
BETWEEN_SECONDS: Final = 0.02


class Claims:
    """The runs this process has claimed, as locked files in `directory`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._held: dict[str, int] = {}

    def take(self, run: str) -> None:
        """Claim `run`; harmless if this object has it already. Refused while another holder lives."""
        if run in self._held:
            return
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self._file(run), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not _locked(handle):
            os.close(handle)
            raise Refused(
                f"the run {run} is still going on in another process",
                why="two controllers doing the same steps would undo each other's work",
                hint="wait for it, or stop it with Ctrl-C; then resume",
            )
        self._held[run] = handle

    def is_taken(self, run: str) -> bool:
        """Whether a living process, this one included, has `run`."""
        if run in self._held:
            return True
        try:
            handle = os.open(self._file(run), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(handle)
        return False

    def release(self) -> None:
        """Give every run back. The files stay: removing one could part two processes that lock it."""
        for handle in self._held.values():
            os.close(handle)
        self._held.clear()

    def _file(self, run: str) -> Path:
        if not run or "/" in run or run.startswith("."):
            raise Refused(f"{run!r} is not the name of a run", hint="see `sentraplay runs list`")
        return self._directory / f"{run}.lock"


def _locked(handle: int) -> bool:
    for attempt in range(TRIES):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if attempt + 1 < TRIES:
                time.sleep(BETWEEN_SECONDS)
        else:
            return True
    return False
