"""Ctrl-C, SIGTERM and a closed terminal: stop in order the first time, at once the second."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Final

from runner.errors import ExitCode

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PATIENCE_SECONDS: Final = 3.0


class Interruption:
    """While the context is open, the first signal calls `stop`, the second `abandon` and ends the process.

    Both are called in a thread of their own: a signal may come while its thread holds any lock. A
    signal that was ignored when the program started (nohup) stays ignored.
    """

    def __init__(self, stop: Callable[[], None], abandon: Callable[[], None]) -> None:
        self._stop = stop
        self._abandon = abandon
        self._before: dict[signal.Signals, Any] = {}
        self.happened = False

    def __enter__(self) -> Interruption:
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if not self.happened:
            self.happened = True
            threading.Thread(target=self._stop, name="interrupt", daemon=True).start()
            return
        last = threading.Thread(target=self._abandon, name="abandon", daemon=True)
        last.start()
        last.join(PATIENCE_SECONDS)
        os._exit(ExitCode.INTERRUPTED)
