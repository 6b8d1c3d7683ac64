"""What a command prints, on its way to those who watch, while it runs."""

from __future__ import annotations

import threading
from collections.abc import Callable

from runner.secret import Redactor

Show = Callable[[str, str], None]
"""Called with the stream's name and a line."""


class Lines:
    """Passes lines on with secrets masked, also those that are cut over several lines.

    A line whose end may be the beginning of a secret waits for what comes next on its stream, or for `flush`.
    One for each task at work on a host; streams are told apart by name. Thread-safe.
    """

    def __init__(self, redactor: Redactor, show: Show) -> None:
        self._redactor = redactor
        self._show = show
        self._lock = threading.Lock()
        self._waiting: dict[str, list[str]] = {}

    def __call__(self, stream: str, line: str) -> None:
        """Take a line; show what is certain by now."""
        with self._lock:
            waiting = [*self._waiting.get(stream, ()), line]
            done = self._redactor.finished(waiting)
            for masked in self._redactor.lines(waiting)[:done]:
                self._show(stream, masked)
            self._waiting[stream] = waiting[done:]

    def flush(self) -> None:
        """Show what still waits: nothing follows any more."""
        with self._lock:
            for stream, waiting in self._waiting.items():
                for line in self._redactor.lines(waiting):
                    self._show(stream, line)
            self._waiting.clear()
