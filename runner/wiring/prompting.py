"""Questions to whoever sits at the terminal, in the middle of a run."""

from __future__ import annotations

import os
import select
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final

from runner.errors import Interrupted, TaskFailed

GLANCE_SECONDS: Final = 0.2


class Prompter:
    """Asks on the terminal, one question at a time; gives up when the run is interrupted."""

    def __init__(self, interrupted: threading.Event, suspended: Callable[[], AbstractContextManager[None]]) -> None:
        """`suspended` keeps everything else from drawing over an open question."""
        self._interrupted = interrupted
        self._suspended = suspended
        self._lock = threading.Lock()

    def ask(self, prompt: str, echo: bool) -> str:
        """The line somebody typed, without its newline. Interrupted, or TaskFailed if the terminal went away."""
        with self._lock, self._suspended(), _echo(echo):
            sys.stderr.write(f"{prompt} ")
            sys.stderr.flush()
            return self._line()

    def _line(self) -> str:
        typed = b""
        handle = sys.stdin.fileno()
        while not typed.endswith(b"\n"):
            if self._interrupted.is_set():
                raise Interrupted("interrupted while a question was open")
            if not select.select([handle], [], [], GLANCE_SECONDS)[0]:
                continue
            chunk = os.read(handle, 4096)
            if not chunk:
                raise TaskFailed("the terminal was closed while a question was open")
            typed += chunk
        return typed.decode(errors="surrogateescape").rstrip("\n")


@contextmanager
def _echo(wanted: bool) -> Iterator[None]:
    if wanted:
        yield
        return
    handle = sys.stdin.fileno()
    before = termios.tcgetattr(handle)
    silent = [*before]
    silent[3] &= ~termios.ECHO
    termios.tcsetattr(handle, termios.TCSADRAIN, silent)
    try:
        yield
    finally:
        termios.tcsetattr(handle, termios.TCSADRAIN, before)
        sys.stderr.write("\n")
