"""Durations and sizes as people write them."""

from __future__ import annotations

import re
from typing import Final

DURATION: Final = r"^\s*(?:\d+(?:\.\d+)?\s*(?:ms|s|m|h|d|w)\s*)+$|^\s*\d+(?:\.\d+)?\s*$"
SIZE: Final = r"^\s*\d+(?:\.\d+)?\s*(?:[KMGTP]i?)?B?\s*$"

_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_POWERS: Final = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5}
_DURATION_PART: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)?")
_SIZE: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMGTP]?)i?B?\s*", re.IGNORECASE)


def seconds(value: str | int | float) -> float:
    """A duration in seconds: a number of them, or "90s", "15m", "4h", "1h30m", "7d", "2w", "250ms".

    Raises ValueError for anything else, negative numbers among them.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if value >= 0:
            return float(value)
    elif isinstance(value, str) and re.match(DURATION, value):
        return sum(float(number) * _SECONDS[unit or "s"] for number, unit in _DURATION_PART.findall(value))
    raise ValueError(f"{value!r} is not a duration such as 90s, 15m, 4h or 7d")


def bytes_of(value: str | int) -> int:
    """A size in bytes: a number of them, or "64K", "10M", "1.5GiB". K, KB and KiB are all 1024.

    Raises ValueError for anything else.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        if value >= 0:
            return value
    elif isinstance(value, str) and (match := _SIZE.fullmatch(value)):
        return int(float(match[1]) * 1024 ** _POWERS[match[2].upper()])
    raise ValueError(f"{value!r} is not a size such as 64K, 10M or 1.5G")


def human_seconds(value: float) -> str:
    """A duration for people, two units at most: "0.4s", "12s", "3m 20s", "4h 1m", "2d 3h"."""
    if value < 10:
        return f"{round(value, 1):g}s"
    whole = round(value)
    for size, unit, smaller, smaller_unit in ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if whole >= size:
            big, small = whole // size, whole % size // smaller
            return f"{big}{unit} {small}{smaller_unit}" if small else f"{big}{unit}"
    return f"{whole}s"


def human_bytes(value: int) -> str:
    """A size for people in powers of 1024: "512 B", "1.5 KiB", "20 MiB"."""
    amount = float(value)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.3g} {unit}"
        amount /= 1024
    return f"{amount:.3g} PiB"
