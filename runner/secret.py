"""Values nobody may read, and the one place that masks them in whatever leaves the process."""

from __future__ import annotations

import base64
import json
import shlex
import threading
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from types import NoneType
from typing import Any, Final
from urllib.parse import quote, quote_plus

MASK: Final = "***"

# Masking every occurrence of a very short string would corrupt unrelated text and give the secret
# away by its holes (seen in the field: ansible #62720); such a secret is masked only as a whole value.
SHORTEST_SUBSTRING: Final = 4

_WITHOUT_TEXT: Final = frozenset({bool, int, float, NoneType})


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
    """Knows every secret of a run and masks each in all the forms it commonly takes.

    Thread-safe. A form is the secret as it stands, quoted for a shell, escaped in JSON, quoted in a
    URL, or in base64.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._whole: frozenset[str] = frozenset()
        self._forms: tuple[str, ...] = ()

    def register(self, value: str | Secret) -> None:
        """From now on `value` is masked; registering twice is harmless, empty text is ignored."""
        text = reveal(value)
        if not text or text in self._whole:
            return
        with self._lock:
            self._whole = self._whole | {text}
            if len(text) >= SHORTEST_SUBSTRING:
                forms = set(self._forms) | _forms_of(text)
                self._forms = tuple(sorted(forms, key=len, reverse=True))

    def text(self, text: str) -> str:
        """`text` with every known secret masked."""
        if text in self._whole:
            return MASK
        for form in self._forms:
            if form in text:
                text = text.replace(form, MASK)
        return text

    def redact(self, value: Any) -> Any:
        """A copy of plain data, or of a frozen dataclass holding plain data, with every secret masked."""
        # By exact type first: every result of every task comes by here.
        if type(value) in _WITHOUT_TEXT:
            return value
        if isinstance(value, str):
            return self.text(value) if self._whole else value
        if isinstance(value, Secret):
            return MASK
        if isinstance(value, (dict, Mapping)):
            return {self.redact(key): self.redact(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(self.redact(item) for item in value)
        if is_dataclass(value) and not isinstance(value, type):
            return replace(value, **{f.name: self.redact(getattr(value, f.name)) for f in fields(value)})
        return value


def _forms_of(text: str) -> set[str]:
    stripped = text.strip()
    lines = {line for line in text.splitlines() if len(line) >= SHORTEST_SUBSTRING}
    plain = {text, stripped, *lines} - {""}
    forms = set(plain)
    for form in plain:
        forms |= {
            shlex.quote(form),
            json.dumps(form)[1:-1],
            json.dumps(form, ensure_ascii=False)[1:-1],
            repr(form)[1:-1],
            quote(form),
            quote(form, safe=""),
            quote_plus(form),
            base64.b64encode(form.encode()).decode(),
            base64.urlsafe_b64encode(form.encode()).decode(),
        }
    return {form for form in forms if len(form) >= SHORTEST_SUBSTRING}
