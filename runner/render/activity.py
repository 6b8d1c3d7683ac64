"""What is going on right now, learnt from events: the content of the live area, without the drawing."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from runner.events import (
    BatchFinished,
    Event,
    OutputLine,
    PlayFinished,
    Progress,
    RunFinished,
    TaskFinished,
    TaskInterrupted,
    TaskStarted,
)
from runner.render.rate import Estimate
from runner.render.text import printable


@dataclass(slots=True)
class Running:
    """A task running on a host. `started` is the time of its start in seconds."""

    host: str
    task: str
    started: float
    last_line: str = ""
    progress: Progress | None = None
    estimate: Estimate = field(default_factory=Estimate)


class Activity:
    """Follows which task runs on which host. Events come from one thread at a time, `now` from any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[tuple[str, str], Running] = {}

    def observe(self, event: Event) -> None:
        with self._lock:
            match event:
                case TaskStarted():
                    for host in event.hosts:
                        self._running[event.path, host] = Running(host, printable(event.name or event.module), event.at)
                case Progress():
                    self._progressed(event)
                case OutputLine():
                    if row := self._running.get((event.path, event.host)):
                        row.last_line = printable(event.text)
                case TaskFinished() | TaskInterrupted():
                    self._running.pop((event.path, event.host), None)
                case BatchFinished() | PlayFinished() | RunFinished():
                    self._running.clear()
                case _:
                    pass

    def _progressed(self, event: Progress) -> None:
        row = self._running.get((event.path, event.host))
        if row is None:
            return
        if row.progress is None or row.progress.label != event.label:
            row.estimate = Estimate()
        row.progress = event
        row.estimate.observe(event.at, event.done)

    def now(self) -> Mapping[tuple[str, str], Running]:
        """What runs at this moment, the longest running first."""
        with self._lock:
            return dict(self._running)
