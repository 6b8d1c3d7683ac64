"""Finding the end of one command in the bytes of a shell that goes on.

The shell marks each end with a line `MARK e STATUS` on both outputs (MARK is random and known to
no command). The newline before it belongs to the frame, so output without a last newline stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

LineSink = Callable[[str], None]

# A frame that is still incomplete does not count as output.
_FRAME_ROOM: Final = 256


class OutputLimitError(Exception):
    """More output than the caller can take."""


class Frames:
    """One output of a framed program; bytes go in by `feed`, until `ended`.

    `content` is then what the command wrote. Lines go to `sink` as soon as they are whole. With
    `greeted=False`, everything before the greeting (a login shell's chatter) is dropped.
    """

    def __init__(self, mark: str, *, limit: int, sink: LineSink | None = None, greeted: bool = True) -> None:
        self._mark: Final = b"\n" + mark.encode() + b" "
        self._limit = limit
        self._sink = sink
        self._buffer = bytearray()
        self._searched = 0
        self._shown = 0
        self.greeted = greeted
        self.ready = greeted
        self.ended = False
        self.status = 0
        self.left_something = False
        self.statuses: tuple[int, ...] = ()

    @property
    def content(self) -> bytes:
        return bytes(self._buffer)

    def feed(self, data: bytes) -> None:
        """Take the next bytes; OutputLimitError beyond the limit. What follows the end is dropped."""
        if self.ended or not data:
            return
        self._buffer += data
        at, end = self._find()
        while end >= 0:
            if self._take(at, end):
                return
            at, end = self._find()
        self._searched = len(self._buffer) if at < 0 else at + 1
        if len(self._buffer) > self._limit + _FRAME_ROOM:
            raise OutputLimitError
        if self.greeted:
            self._show(len(self._buffer) if at < 0 else at, whole=False)

    def _find(self) -> tuple[int, int]:
        """Where the next frame starts and ends; -1 for what is not there yet."""
        at = self._buffer.find(self._mark, max(0, self._searched - len(self._mark)))
        return at, self._buffer.find(b"\n", at + len(self._mark)) if at >= 0 else -1

    def finish(self) -> None:
        """The end of an output that carries no frames: its last line may lack a newline."""
        self._show(len(self._buffer), whole=True)
        self.ended = True

    def _take(self, at: int, end: int) -> bool:
        """Act on one frame; whether it was the last."""
        kind, *fields = self._buffer[at + len(self._mark) : end].decode("ascii", "replace").split()
        if kind in ("p", "h"):
            self.ready = True
            self.greeted = self.greeted or kind == "h"
            del self._buffer[: end + 1]
        elif kind == "s":
            self.statuses = _in_order(fields)
            del self._buffer[at : end + 1]
        else:
            self.status, self.left_something = int(fields[0]), len(fields) > 1
            del self._buffer[at:]
            self._show(len(self._buffer), whole=True)
            self.ended = True
        self._searched = 0 if kind in ("p", "h") else at
        return self.ended

    def _show(self, end: int, *, whole: bool) -> None:
        if self._sink is None:
            return
        while (newline := self._buffer.find(b"\n", self._shown, end)) >= 0:
            if newline == self._shown and newline == end - 1 and not whole:
                return  # an empty line, or the first byte of the frame
            self._emit(newline)
        if whole and self._shown < end:
            self._emit(end)

    def _emit(self, newline: int) -> None:
        if self._sink is not None:
            self._sink(text(self._buffer[self._shown : newline]))
        self._shown = newline + 1


def _in_order(fields: list[str]) -> tuple[int, ...]:
    pairs = sorted(zip(map(int, fields[::2]), map(int, fields[1::2]), strict=True))
    return tuple(status for _, status in pairs)


def text(data: bytes | bytearray) -> str:
    """Output as text; bytes that are not UTF-8 survive a round trip."""
    return data.decode("utf-8", "surrogateescape")
