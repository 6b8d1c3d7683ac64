"""Ctrl-C, SIGTERM and a closed terminal: stop in order the first time, at once the second."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from runner.errors import ExitCode

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PATIENCE_SECONDS: Final = 5.0


class Interruption:
    """Whether somebody wants the run to stop. `event` is set at the first signal."""

    def __init__(self) -> None:
        self.event = threading.Event()

    @contextmanager
    def during(self, *, stop: Callable[[], None], abandon: Callable[[], None]) -> Iterator[None]:
        """While this is open, the first signal calls `stop`, the second `abandon` and ends the process.

        Both are called in a thread of their own: a signal may come while its thread holds any lock. A
        signal that was ignored when the program started (nohup) stays ignored. Only for the main thread.
        """

        def on_signal(number: int, frame: FrameType | None) -> None:
            if not self.event.is_set():
                self.event.set()
                threading.Thread(target=stop, name="interrupt", daemon=True).start()
                return
            last = threading.Thread(target=abandon, name="abandon", daemon=True)
            last.start()
            last.join(PATIENCE_SECONDS)
            os._exit(ExitCode.INTERRUPTED)

        heeded = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
        before = {number: signal.signal(number, on_signal) for number in heeded}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
