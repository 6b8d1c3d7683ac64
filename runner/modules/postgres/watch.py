"""Ends a session that blocks in the database library when the task's time is over or somebody interrupts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from runner.errors import SentraPlayError

Pause = Callable[[float], None]
"""`Acting.sleep`: waits, and raises TimedOut at the task's deadline, Interrupted on Ctrl-C."""

# Seconds between two looks, and how long a polite cancel may take before the session is cut.
_INTERVAL: Final = 0.25
_GRACE: Final = 5.0


class Watch:
    """Looks at `pause` from a thread of its own until `end`; `reason` is what it raised, if it did."""

    def __init__(self, pause: Pause, cancel: Callable[[], None], cut: Callable[[], None]) -> None:
        self.reason: SentraPlayError | None = None
        self._pause = pause
        self._cancel = cancel
        self._cut = cut
        self._over = threading.Event()
        threading.Thread(target=self._look, name="database session", daemon=True).start()

    def end(self) -> None:
        """The session is over; not waited for, because a look may last."""
        self._over.set()

    def _look(self) -> None:
        while not self._over.is_set():
            try:
                self._pause(_INTERVAL)
            except SentraPlayError as error:
                self.reason = error
                break
        # More than once: a cancel that arrives between two statements ends neither.
        for _ in range(int(_GRACE / _INTERVAL)):
            if self._over.is_set():
                return
            self._cancel()
            if self._over.wait(_INTERVAL):
                return
        self._cut()
