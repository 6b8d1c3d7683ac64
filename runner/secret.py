"""Values nobody may read, and the one place that masks them in whatever leaves the process."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
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
        self._forms: tuple[str, ...] = ()
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
            if new := disguises(text).difference(self._forms):
                self._forms = tuple(sorted((*self._forms, *new), key=len, reverse=True))
                self._unbroken = tuple(dict.fromkeys(map(_flat, self._forms)))
                self._beginnings = _beginnings(self._unbroken)
                self._longest = max(map(len, self._unbroken))

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
        if text in self._whole:
            return MASK
        if not self._present(_flat(text)):
            return text
        for form in self._forms:
            if form in text:
                text = text.replace(form, MASK)
        return self._without_broken(text)

    def lines(self, lines: Sequence[str]) -> list[str]:
        """The lines of one text with every known secret masked, also one that goes on in the next line."""
        if not self._present(_flat("".join(lines))):
            return [MASK if line in self._whole else line for line in lines]
        masked = [self.text(line) for line in lines]
        joined = "\n".join(masked)
        whole = self._without_broken(joined)
        return masked if whole == joined else self._split(whole, masked)

    def unfinished(self, text: str) -> int:
        """Where in `text` something begins that may become a secret with what follows; its length if nothing does."""
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
            if self._forms and len(value) > 1 and all(isinstance(item, str) for item in value):
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

    def _without_broken(self, text: str) -> str:
        """`text` with secrets masked that go on over line ends, which stay where they are."""
        for form in sorted(self._present(_flat(text)), key=len, reverse=True):
            broken = r"[\r\n]*".join(map(re.escape, form))
            text = re.sub(broken, lambda found: re.sub(r"[^\r\n]+", MASK, found[0]), text)
        return text

    def _split(self, whole: str, masked: list[str]) -> list[str]:
        """`whole` as the lines it was joined from; each of those may have line ends of its own."""
        parts = iter(whole.split("\n"))
        return ["\n".join(next(parts) for _ in range(line.count("\n") + 1)) for line in masked]


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


def _beginnings(forms: Sequence[str]) -> dict[str, list[str]]:
    """The forms by each of their beginnings of at most `_LOOK` characters."""
    found: dict[str, list[str]] = {}
    for form in forms:
        for length in range(1, _LOOK + 1):
            found.setdefault(form[:length], []).append(form)
    return found
