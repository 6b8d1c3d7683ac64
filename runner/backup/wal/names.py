"""Positions in the write-ahead log, the files it is cut into, and the history of a cluster's timelines.

Forms as in PostgreSQL's documentation: "WAL Internals", "Continuous Archiving" (timelines), and
src/include/access/xlog_internal.h for names and for the header of a segment's first page.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Final

from runner.errors import TaskFailed, VerificationFailed
from runner.frozen import frozen

MEBIBYTE: Final = 1024 * 1024
DEFAULT_SEGMENT_SIZE: Final = 16 * MEBIBYTE
HEADER: Final = 40
"""Bytes at the start of a segment that tell whose it is."""

_SEGMENT: Final = re.compile(r"[0-9A-F]{24}")
_HISTORY: Final = re.compile(r"[0-9A-F]{8}\.history")
_ARCHIVED: Final = re.compile(r"[0-9A-F]{24}(\.partial|\.[0-9A-F]{8}\.backup)?|[0-9A-F]{8}\.history")
_LSN: Final = re.compile(r"([0-9A-Fa-f]{1,8})/([0-9A-Fa-f]{1,8})")
_SWITCH: Final = re.compile(r"^\s*(\d+)\s+([0-9A-Fa-f]+/[0-9A-Fa-f]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True, order=True)
class Lsn:
    """A position in the write-ahead log, in bytes from its beginning."""

    position: int

    def __str__(self) -> str:
        return f"{self.position >> 32:X}/{self.position & 0xFFFFFFFF:X}"

    @classmethod
    def of(cls, text: str) -> Lsn:
        """From PostgreSQL's form, `16/B374D848`; TaskFailed if it is none."""
        match = _LSN.fullmatch(text.strip())
        if match is None:
            raise TaskFailed(f"{text!r} is not a position in the WAL", hint="it looks like 16/B374D848")
        return cls((int(match[1], 16) << 32) + int(match[2], 16))


@dataclass(frozen=True, slots=True, order=True)
class Segment:
    """One file of the log: `number` counts segments of `size` bytes from the beginning of the log."""

    timeline: int
    number: int
    size: int = DEFAULT_SEGMENT_SIZE

    @property
    def name(self) -> str:
        each = 0x100000000 // self.size
        return f"{self.timeline:08X}{self.number // each:08X}{self.number % each:08X}"

    @property
    def start(self) -> Lsn:
        return Lsn(self.number * self.size)

    @property
    def end(self) -> Lsn:
        """The first position after it."""
        return Lsn((self.number + 1) * self.size)

    def on(self, timeline: int) -> Segment:
        """The segment of the same positions on another timeline."""
        return Segment(timeline, self.number, self.size)

    def next(self) -> Segment:
        return Segment(self.timeline, self.number + 1, self.size)

    @classmethod
    def holding(cls, lsn: Lsn, timeline: int, size: int = DEFAULT_SEGMENT_SIZE) -> Segment:
        return cls(timeline, lsn.position // size, size)

    @classmethod
    def of_name(cls, name: str, size: int = DEFAULT_SEGMENT_SIZE) -> Segment:
        """From a file's name; TaskFailed if it is not one of a segment."""
        if not is_segment(name):
            raise TaskFailed(f"{name!r} is not the name of a WAL segment")
        timeline, high, low = (int(name[at : at + 8], 16) for at in (0, 8, 16))
        return cls(timeline, high * (0x100000000 // size) + low, size)


@frozen
class Switch:
    """Where a timeline ended because another was begun from it."""

    timeline: int
    at: Lsn


@frozen
class Header:
    """What the first page of a segment says of itself."""

    system_identifier: str
    segment: Segment


def is_segment(name: str) -> bool:
    """Whether this is the name of a whole segment."""
    return _SEGMENT.fullmatch(name) is not None


def is_history(name: str) -> bool:
    """Whether this is the name of a timeline's history file."""
    return _HISTORY.fullmatch(name) is not None


def is_archived_name(name: str) -> bool:
    """Whether a server archives files of such a name: segments, partial ones, backup and timeline histories."""
    return _ARCHIVED.fullmatch(name) is not None


def history_name(timeline: int) -> str:
    return f"{timeline:08X}.history"


def read_history(text: str) -> tuple[Switch, ...]:
    """The timelines a history file tells of, oldest first."""
    return tuple(Switch(int(found[1]), Lsn.of(found[2])) for found in _SWITCH.finditer(text))


def read_header(data: bytes, name: str) -> Header:
    """Whose segment this is; VerificationFailed if its first bytes are not those of a segment `name`.

    A long page header: magic, flags, timeline, page address, remainder, then the cluster's identifier,
    the segment size and the block size, in the byte order of the machine that wrote it (x86 and ARM: little).
    """
    if len(data) < HEADER:
        raise _foreign(name, "it is shorter than its header")
    _, flags, timeline, address, _, identifier, size, _ = struct.unpack("<HHIQI4xQII", data[:HEADER])
    if not flags & 0x0002 or size == 0 or size & (size - 1) or not MEBIBYTE <= size <= 1024 * MEBIBYTE:
        raise _foreign(name, "it does not begin with a header of the write-ahead log")
    found = Segment(timeline, address // size, size)
    if Segment.of_name(name, size).number != found.number:
        raise _foreign(name, f"it holds segment {found.name}")
    return Header(str(identifier), found)


def _foreign(name: str, why: str) -> VerificationFailed:
    return VerificationFailed(
        f"{name} is not the WAL segment its name says",
        why=why,
        hint="it is damaged, or was recycled and not written yet; take it out of the directory",
    )
