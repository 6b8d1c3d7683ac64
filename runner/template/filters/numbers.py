"""Filters over numbers and sizes, and those that leave the choice to chance."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

_UNITS: Final = "BKMGTPEZY"
_SIZE: Final = re.compile(r"\s*([0-9]*\.?[0-9]+)\s*([A-Za-z]+)?\s*")
_NAMES: Final = ("", "kilo", "mega", "giga", "tera", "peta", "exa", "zetta", "yotta")


def _human_readable(size: float, isbits: bool = False, unit: str | None = None) -> str:
    if unit is None:
        power = next((step for step in range(len(_UNITS) - 1, 0, -1) if size >= 1024**step), 0)
    else:
        power = max(_UNITS.find(unit.upper()[:1]), 0)
    whole = "bits" if isbits else "Bytes"
    return f"{size / 1024**power:.2f} {_UNITS[power] + whole[0] if power else whole}"


def _human_to_bytes(size: object, default_unit: str | None = None, isbits: bool = False) -> int:
    found = _SIZE.fullmatch(str(size))
    if not found:
        raise ValueError(f"'{size}' is not a size such as 64K, 10M or 1.5GB")
    unit = found[2] or default_unit or "B"
    power = _UNITS.find(unit[0].upper())
    if power < 0 or not _fits(unit, power, "bit" if isbits else "byte"):
        kind = "bits end in b" if isbits else "bytes end in B"
        raise ValueError(
            f"the unit of '{size}' is none of {', '.join(_UNITS)}, alone or with the letter of its kind: {kind}"
        )
    return int(round(float(found[1]) * 1024**power))


def _fits(unit: str, power: int, kind: str) -> bool:
    letter = kind[0].upper() if kind == "byte" else kind[0]
    short = {_UNITS[power] + letter, f"{_UNITS[power]}i{letter}"} if power else {letter}
    return len(unit) == 1 or unit in short or unit.lower() == _NAMES[power] + kind


def _log(x: float, base: float = math.e) -> float:
    return math.log10(x) if base == 10 else math.log(x, base)


def _root(x: float, base: float = 2) -> float:
    return math.sqrt(x) if base == 2 else math.pow(x, 1.0 / float(base))


def _chance(seed: object) -> random.Random:
    return random.SystemRandom() if seed is None else random.Random(seed)  # type: ignore[arg-type]  # as Ansible has it


def _random(end: Any, start: int | None = None, step: int | None = None, seed: object = None) -> object:
    if isinstance(end, int):
        return _chance(seed).randrange(start or 0, end, step or 1)
    if start or step:
        raise ValueError("start and step of random are for numbers only")
    return _chance(seed).choice(list(end))


def _shuffle(items: Iterable[object], seed: object = None) -> list[object]:
    shuffled = list(items)
    _chance(seed or None).shuffle(shuffled)
    return shuffled


NUMBER_FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "human_readable": _human_readable,
    "human_to_bytes": _human_to_bytes,
    "log": _log,
    "pow": math.pow,
    "root": _root,
    "random": _random,
    "shuffle": _shuffle,
}
