"""Values nobody may read, and the one place that masks them in whatever leaves the process."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from itertools import accumulate
from types import NoneType
from typing import Any, Final

from runner.disguises import SHORTEST, disguises

MASK: Final = "***"

_WITHOUT_TEXT: Final = frozenset({bool, NoneType})
_NUMBERS: Final = frozenset({int, float})
_LOOK: Final = SHORTEST - 1
_MANY: Final = 100


class Secret:
    """A value that prints as `***`; only hosts/, repositories/ and what they hand it to reveal it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the moment of use; never store or print the result."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(("Secret", self._value))

    def __reduce__(self) -> Any:
        raise TypeError("a Secret is never serialized")


def reveal(value: str | Secret) -> str:
    """The text of a value that may or may not be secret."""
    return value.reveal() if isinstance(value, Secret) else value


class Redactor:
    """Knows every secret of a run and masks each in all its disguises, also where line ends break them.

    Thread-safe. A secret shorter than `disguises.SHORTEST` is masked only where it is the whole of a value.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._whole: frozenset[str] = frozenset()
        self._unbroken: tuple[str, ...] = ()
        self._beginnings: dict[str, list[str]] = {}
        self._longest = 0

    def register(self, value: str | Secret) -> None:
        """From now on `value` is masked; registering twice is harmless, empty text is ignored."""
        text = reveal(value)
        if not text or text in self._whole:
            return
        with self._lock:
            self._whole = self._whole | {text}
            if new := {_flat(form) for form in disguises(text)}.difference(self._unbroken):
                # New objects each time: those who read them have no lock.
                self._beginnings = _with_beginnings(self._beginnings, new)
                self._longest = max(self._longest, *map(len, new))
                self._unbroken = (*self._unbroken, *new)

    def register_derived(self, text: str) -> None:
        """From now on `text`, made of a secret, is masked, unless it is so short that it says nothing."""
        if len(text) >= SHORTEST:
            self.register(text)

    @property
    def knows_any(self) -> bool:
        """Whether there is anything to mask."""
        return bool(self._whole)

    def text(self, text: str) -> str:
        """`text` with every known secret masked."""
        return MASK if text in self._whole else self._everywhere(text)

    def lines(self, lines: Sequence[str]) -> list[str]:
        """The lines of one text with every known secret masked, also one that goes on in the next line."""
        parts = self._split(self._everywhere("\n".join(lines)), lines)
        return [MASK if line in self._whole else part for line, part in zip(lines, parts, strict=True)]

    def finished(self, lines: Sequence[str]) -> int:
        """How many of these lines can be shown: no secret reaches over the end of the last of them, nor can one that
        goes on in what follows."""
        flat = "".join(lines)
        place = self._beginning_in(flat)
        if place == len(flat):
            return len(lines)
        secrets = _occurrences(flat, self._present(flat))
        ends = accumulate(map(len, lines))
        sure = [
            count
            for count, end in enumerate(ends, 1)
            if end <= place and not any(start < end < stop for start, stop in secrets)
        ]
        return max(sure, default=0)

    def _beginning_in(self, text: str) -> int:
        """Where something begins that may become a secret with what follows; the text's length if nothing does."""
        for start in range(max(0, len(text) - self._longest + 1), len(text)):
            alike = self._beginnings.get(text[start : start + _LOOK])
            if alike and any(len(form) > len(text) - start and form.startswith(text[start:]) for form in alike):
                return start
        return len(text)

    def redact(self, value: Any) -> Any:
        """A copy of plain data, or of a frozen dataclass holding plain data, with every secret masked."""
        # By exact type first: every result of every task comes by here.
        if type(value) in _WITHOUT_TEXT:
            return value
        if isinstance(value, str):
            return self.text(value) if self._whole else value
        if type(value) in _NUMBERS:
            return MASK if self._is_secret_number(value) else value
        if isinstance(value, Secret):
            return MASK
        if isinstance(value, (dict, Mapping)):
            return {self.redact(key): self.redact(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            if self._unbroken and len(value) > 1 and all(isinstance(item, str) for item in value):
                return type(value)(self.lines(value))
            return type(value)(self.redact(item) for item in value)
        if is_dataclass(value) and not isinstance(value, type):
            return replace(value, **{f.name: self.redact(getattr(value, f.name)) for f in fields(value)})
        return value

    def _is_secret_number(self, value: float) -> bool:
        return bool(self._whole) and len(str(value)) >= SHORTEST and str(value) in self._whole

    def _present(self, flat: str) -> list[str]:
        """The forms in a text without its line ends. By how they begin, if there are so many that it is worth it."""
        if len(self._unbroken) < _MANY:
            return [form for form in self._unbroken if form in flat]
        heads = {flat[start : start + _LOOK] for start in range(len(flat) - SHORTEST + 1)}
        return [form for head in heads & self._beginnings.keys() for form in self._beginnings[head] if form in flat]

    def _everywhere(self, text: str) -> str:
        """`text` with every secret masked that is long enough to be looked for inside of a text."""
        flat = _flat(text)
        present = self._present(flat)
        return _masked(text, _occurrences(flat, present)) if present else text

    def _split(self, whole: str, lines: Sequence[str]) -> list[str]:
        """`whole` as the lines it was joined from; each of those may have line ends of its own."""
        parts = iter(whole.split("\n"))
        return ["\n".join(next(parts) for _ in range(line.count("\n") + 1)) for line in lines]


def _occurrences(flat: str, forms: Sequence[str]) -> list[tuple[int, int]]:
    """Where any of `forms` stands in a text without line ends: beginnings and ends, in order, none within another."""
    found: list[tuple[int, int]] = []
    for form in forms:
        start = flat.find(form)
        while start >= 0:
            found.append((start, start + len(form)))
            start = flat.find(form, start + 1)
    joined: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if joined and start < joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined


def _masked(text: str, places: Sequence[tuple[int, int]]) -> str:
    """`text` with masks at these places, which count without its line ends; line ends stay."""
    at = [index for index, character in enumerate(text) if character not in "\r\n"]
    for start, end in reversed(places):
        first, last = at[start], at[end - 1] + 1
        text = text[:first] + re.sub(r"[^\r\n]+", MASK, text[first:last]) + text[last:]
    return text


def register_all(value: object, redactor: Redactor) -> None:
    """Make every text and number in plain data known to `redactor`; truth values and nothing are no secrets."""
    if isinstance(value, (str, Secret)):
        redactor.register(value)
    elif type(value) in _NUMBERS:
        redactor.register(str(value))
    elif type(value) is dict:  # Exactly: others may only hold what can be read later, or never.
        for item in value.values():
            register_all(item, redactor)
    elif isinstance(value, (list, tuple)):
        for item in value:
            register_all(item, redactor)


def _flat(text: str) -> str:
    """`text` without its line ends."""
    return text.replace("\n", "").replace("\r", "")


def _with_beginnings(known: Mapping[str, list[str]], forms: Iterable[str]) -> dict[str, list[str]]:
    """`known`, forms by each of their beginnings of at most `_LOOK` characters, with more of them."""
    found = dict(known)
    for form in forms:
        for length in range(1, _LOOK + 1):
            found[form[:length]] = [*found.get(form[:length], ()), form]
    return found
