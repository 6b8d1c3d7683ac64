"""One JSON object per event on standard output and nothing else, ever; `schemas/events.json` describes them."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, nullcontext
from typing import Final, TextIO

from runner.events import Event
from runner.journal.codec import encode

_WORD_START: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


def kind_of(event_type: type[Event]) -> str:
    """The `event` member of an event's object: `TaskFinished` -> `task_finished`."""
    return _WORD_START.sub("_", event_type.__name__).lower()


def line_of(event: Event) -> str:
    """An event as one line of ASCII-only JSON: `event` first, then the event's own fields."""
    _, body = encode(event)
    return f'{{"event":"{kind_of(type(event))}",{body[1:]}'


class JsonLines:
    """Writes each event as it happens. Warnings are events too, so nothing goes to standard error."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def __call__(self, event: Event) -> None:
        self._out.write(line_of(event) + "\n")
        self._out.flush()

    def suspended(self) -> AbstractContextManager[None]:
        return nullcontext()

    def close(self) -> None:
        """Nothing is held back, so nothing is left to do."""
