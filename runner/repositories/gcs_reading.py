"""Reading an object chunk by chunk."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from runner.errors import RepositoryError


class ChunkedReader(io.RawIOBase):
    """Gives exactly `size` bytes, from chunks of `chunk` bytes that `fetch(position, size)` brings.

    RepositoryError if a chunk is not as long as it was asked to be. The end is reported only when all has come.
    """

    def __init__(self, fetch: Callable[[int, int], bytes], size: int, chunk: int, what: str) -> None:
        self._fetch = fetch
        self._size = size
        self._chunk = chunk
        self._what = what
        self._position = 0
        self._at_hand = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._at_hand and self._position < self._size:
            self._next()
        data = self._at_hand[: len(buffer)]
        buffer[: len(data)] = data
        self._at_hand = self._at_hand[len(data) :]
        return len(data)

    def _next(self) -> None:
        wanted = min(self._chunk, self._size - self._position)
        data = self._fetch(self._position, wanted)
        if len(data) != wanted:
            raise RepositoryError(
                f"reading {self._what} broke off after {self._position + len(data)} of {self._size} bytes",
                why=f"the store gave {len(data)} bytes for the {wanted} that were asked for",
                hint="check the network to the store and run again",
            )
        self._position += wanted
        self._at_hand = memoryview(data)
