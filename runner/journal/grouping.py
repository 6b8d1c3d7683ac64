"""Group commit: what several threads want written at the same time becomes one transaction."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


class GroupCommit(Generic[T]):
    """`add` returns when its items are written. Whoever comes first writes for all that came meanwhile."""

    def __init__(self, write: Callable[[Sequence[T]], None]) -> None:
        self._write = write
        self._changed = threading.Condition()
        self._waiting: list[T] = []
        self._ticket = 0
        self._written = 0
        self._busy = False
        self._failures: list[tuple[int, int, Exception]] = []

    def add(self, items: Sequence[T]) -> None:
        """Write `items`, in order, after all that was added before; raises what writing them raised."""
        with self._changed:
            self._waiting.extend(items)
            self._ticket += len(items)
            mine = self._ticket
            while self._busy and self._written < mine:
                self._changed.wait()
            if self._written >= mine:
                self._raise_for(mine)
                return
            self._busy = True
            batch, self._waiting = self._waiting, []
            last = self._ticket
        self._commit(batch, last)

    def _commit(self, batch: Sequence[T], last: int) -> None:
        failure: Exception | None = None
        try:
            self._write(batch)
        except Exception as error:
            failure = error
            raise
        finally:
            with self._changed:
                if failure is not None:
                    self._failures.append((self._written, last, failure))
                self._written = last
                self._busy = False
                self._changed.notify_all()

    def _raise_for(self, ticket: int) -> None:
        for after, last, failure in self._failures:
            if after < ticket <= last:
                raise failure
