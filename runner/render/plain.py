"""The story as plain text, for pipes, files and terminals that can do no more."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TextIO

from runner.events import Event, Warned
from runner.render.story import Story


class Plain:
    """Writes lines to `out`, warnings to `err`; every event is out before the next thing happens."""

    def __init__(self, out: TextIO, err: TextIO, story: Story) -> None:
        self._out = out
        self._err = err
        self._story = story

    def __call__(self, event: Event) -> None:
        lines = [line.text for line in self._story.tell(event)]
        if not lines:
            return
        stream = self._err if isinstance(event, Warned) else self._out
        stream.write("\n".join(lines) + "\n")
        stream.flush()

    def suspended(self) -> AbstractContextManager[None]:
        return nullcontext()

    def close(self) -> None:
        """Nothing is held back, so nothing is left to do."""
