"""Text made fit for showing: nothing a host sent can steer the terminal or break the output's encoding."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

_UNPRINTABLE: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")

LONGEST_EXCERPT: Final = 20


def printable(text: str) -> str:
    """One line of `text` as it can be shown: colours dropped, other control characters visible as escapes.

    A byte that was not UTF-8 (kept by surrogateescape) shows as `\\xNN`.
    """
    if text.isprintable():
        return text
    return _UNPRINTABLE.sub(_visible, _COLOUR.sub("", text))


def _visible(match: re.Match[str]) -> str:
    code = ord(match.group())
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def lines_of(text: str) -> list[str]:
    """The printable lines of `text`, without an empty end."""
    return [printable(line) for line in text.rstrip("\n").split("\n")] if text.strip() else []


def indented(lines: Iterable[str], by: str = "    ") -> Iterator[str]:
    return (f"{by}{line}".rstrip() for line in lines)


def excerpt(lines: Sequence[str], most: int = LONGEST_EXCERPT) -> list[str]:
    """The last `most` lines, headed by how many were left out: errors stand at the end of an output."""
    if len(lines) <= most:
        return list(lines)
    return [f"({len(lines) - most} earlier lines left out)", *lines[-most:]]
