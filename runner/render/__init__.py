"""Events -> something to look at. One renderer per file; each is called with every event, in order."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from runner.events import Event


class Renderer(Protocol):
    """Shows events. Called by one thread at a time, with events whose secrets are already masked.

    Raises OSError (BrokenPipeError included) when its stream cannot be written.
    """

    def __call__(self, event: Event) -> None: ...

    def suspended(self) -> AbstractContextManager[None]:
        """While this is open, nothing is drawn over what others write on the terminal (a question, say)."""
        ...

    def close(self) -> None:
        """Leave the terminal or stream in order. Idempotent."""
        ...
