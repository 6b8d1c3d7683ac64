"""Reading an object over a link that may break: goes on where it stopped, or says so."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Any, Final

from runner.errors import RepositoryError

_TRIES_WITHOUT_A_BYTE: Final = 5


class RangedReader(io.RawIOBase):
    """Gives exactly `size` bytes. `open_at(position)` opens the rest of the object from there.

    A connection that breaks or ends early is opened again at the first byte still missing, up to five
    times in a row without a byte; then RepositoryError. The end is reported only when all has come.
    """

    def __init__(
        self, open_at: Callable[[int], Any], size: int, broken: tuple[type[Exception], ...], what: str
    ) -> None:
        self._open_at = open_at
        self._size = size
        self._broken = broken
        self._what = what
        self._position = 0
        self._body: Any = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._position >= self._size or not len(buffer):
            return 0
        data = self._next(min(len(buffer), self._size - self._position))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def _next(self, wanted: int) -> bytes:
        said = "it ended early"
        for attempt in range(_TRIES_WITHOUT_A_BYTE):
            try:
                if self._body is None:
                    self._body = self._open_at(self._position)
                if data := self._body.read(wanted):
                    return bytes(data)
            except self._broken as error:
                said = str(error)
            self._drop()
            time.sleep(0.1 * 2**attempt)
        raise RepositoryError(
            message=f"reading {self._what} broke off after {self._position} of {self._size} bytes",
            why=said,
            hint="check the network to the store and run again",
        )

    def _drop(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None

    def close(self) -> None:
        self._drop()
        super().close()
