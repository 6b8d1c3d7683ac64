"""`web[01:10].example.com` stands for ten hosts."""

from __future__ import annotations

import re
import string
from itertools import product
from typing import Final

MOST: Final = 100_000

_RANGE: Final = re.compile(r"\[(\w*):(\w+)(?::(\d+))?\]", re.ASCII)


def expanded(name: str) -> list[str]:
    """Every host name a name with ranges stands for; ValueError says what is wrong with it."""
    parts = _RANGE.split(name)
    if "[" in "".join(parts[0::4]) or "]" in "".join(parts[0::4]):
        raise ValueError("a range is written [01:10] or [a:f]")
    ranges = [_values(*parts[index : index + 3]) for index in range(1, len(parts), 4)]
    size = 1
    for values in ranges:
        size *= len(values)
    if size > MOST:
        raise ValueError(f"it stands for more than {MOST} hosts")
    return ["".join(_woven(parts[0::4], choice)) for choice in product(*ranges)]


def _woven(fixed: list[str], varying: tuple[str, ...]) -> list[str]:
    result = [fixed[0]]
    for value, text in zip(varying, fixed[1:], strict=True):
        result += [value, text]
    return result


def _values(first: str, last: str, step: str | None) -> list[str]:
    stride = int(step or 1)
    if stride < 1:
        raise ValueError("the step of a range must be 1 or more")
    first = first or "0"
    values = _numbers(first, last, stride) if first.isdigit() and last.isdigit() else _letters(first, last)[::stride]
    if not values:
        raise ValueError(f"the range [{first}:{last}] is empty: its end comes before its beginning")
    return values


def _numbers(first: str, last: str, stride: int) -> list[str]:
    width = len(first) if first.startswith("0") and len(first) > 1 else 0
    if width and len(last) != width:
        raise ValueError(f"both ends of the range [{first}:{last}] need the same number of digits")
    numbers = range(int(first), int(last) + 1, stride)
    # Not by len(), which has a limit of its own.
    if numbers[-1:] and (numbers[-1] - numbers[0]) // stride >= MOST:
        raise ValueError(f"it stands for more than {MOST} hosts")
    return [str(number).zfill(width) for number in numbers]


def _letters(first: str, last: str) -> list[str]:
    letters = string.ascii_letters
    if len(first) != 1 or len(last) != 1 or first not in letters or last not in letters:
        raise ValueError(f"[{first}:{last}] is neither a range of numbers nor of letters")
    return list(letters[letters.index(first) : letters.index(last) + 1])
