"""The user's editor on a text that must not be left behind. The one place besides the local host that starts a program:
an editor needs the terminal, which the local host keeps every program away from."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from runner.errors import Interrupted, UsageError

_IN_MEMORY: Final = ("/dev/shm", "/run/shm")
_ENDING: Final = (signal.SIGTERM, signal.SIGHUP)


def edited(content: bytes, suffix: str) -> bytes:
    """`content` as it is when the editor has ended. UsageError if that fails, and then nothing is to be changed.

    The text lies in a directory that only this user can enter, in memory where the system has such a place, and is
    gone with everything the editor left beside it however this ends, a kill -9 excepted.
    """
    program = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    with _ends_in_order(), tempfile.TemporaryDirectory(prefix="sentraplay-", dir=_place()) as directory:
        file = Path(directory) / f"plain{suffix}"
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as writing:  # noqa: PTH123
            writing.write(content)
        try:
            code = subprocess.run([*program, str(file)], check=False).returncode
        except OSError as error:
            hint = "name one in EDITOR"
            raise UsageError(f"the editor {program[0]} cannot be started: {error.strerror}", hint=hint) from None
        if code != 0:
            raise UsageError(f"the editor {program[0]} ended with {code}; nothing was changed")
        return file.read_bytes()


def _place() -> str | None:
    places = (*_IN_MEMORY, os.environ.get("XDG_RUNTIME_DIR", ""))
    return next((place for place in places if place and os.access(place, os.W_OK | os.X_OK)), None)


@contextmanager
def _ends_in_order() -> Iterator[None]:
    """Ctrl-C is the editor's alone while it runs; what would end this process at once raises Interrupted instead."""

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        raise Interrupted("interrupted")

    before = {number: signal.signal(number, interrupt) for number in _ENDING}
    before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
