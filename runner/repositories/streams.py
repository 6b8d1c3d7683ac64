"""Byte streams that count and hash what flows through them, and that prove their end."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from typing import Any, BinaryIO, Final

BLOCK: Final = 1024 * 1024


class Tap(io.RawIOBase):
    """Passes `source` on; `size` and `sha256` are of the bytes read through it so far.

    `at_end(size)` is called once, when the source has ended and before the reader learns of it: what it
    raises reaches the reader in place of the end, so that a stream cut short is never taken for a whole one.
    `moved(size)` is told the bytes so far after each block.
    """

    def __init__(
        self,
        source: BinaryIO,
        at_end: Callable[[int], None] | None = None,
        moved: Callable[[int], None] | None = None,
    ) -> None:
        self._source = source
        self._at_end = at_end
        self._moved = moved
        self._hash = hashlib.sha256()
        self._ended = False
        self.size = 0

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        # A source that has ended may be closed by then: it is not asked again. Of a whole part, for which a reader asks
        # at once, every stream on its way would hold a copy.
        data = b"" if self._ended else self._source.read(min(len(buffer), BLOCK))
        if not data:
            self._end()
            return 0
        buffer[: len(data)] = data
        self.size += len(data)
        self._hash.update(data)
        if self._moved is not None:
            self._moved(self.size)
        return len(data)

    def _end(self) -> None:
        self._ended = True
        if self._at_end is not None:
            at_end, self._at_end = self._at_end, None
            at_end(self.size)


def buffered(raw: io.RawIOBase) -> io.BufferedReader:
    """`raw` as the binary file that the contracts speak of."""
    return io.BufferedReader(raw, BLOCK)
