"""Plain scalars by the YAML 1.2 core schema; what YAML 1.1 read differently is refused."""

from __future__ import annotations

import re
from typing import Final

from runner.document.model import TemplateText, holds_template


class AmbiguousError(ValueError):
    """A plain scalar that different readers of YAML understand differently."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_OLD_BOOLEANS: Final = {
    form: meaning
    for word, meaning in (("yes", "true"), ("on", "true"), ("no", "false"), ("off", "false"))
    for form in (word, word.capitalize(), word.upper())
}
_WORDS: Final = {**dict.fromkeys(_NULL), **_BOOLEANS}

_INTEGER: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]*)")
_LEADING_ZERO: Final = re.compile(r"[-+]?0[0-9]+")
_OCTAL: Final = re.compile(r"0o[0-7]+")
_HEXADECIMAL: Final = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_LOST_ZERO: Final = re.compile(r"[-+]?[0-9]+\.[0-9]+0")
_NOT_FINITE: Final = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_SEXAGESIMAL: Final = re.compile(r"[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_OLD_NUMBER: Final = re.compile(r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]*_[0-9a-fA-F_]*|[0-9][0-9_]*_[0-9_]*(?:\.[0-9_]*)?)")


def plain(text: str) -> object:
    """The value of a scalar written without quotes.

    Raises AmbiguousError for what YAML 1.1 (Ansible, compose, PyYAML) would have read as something else.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in "-+.0123456789":
        return _number(text)
    if text in _OLD_BOOLEANS:
        meaning = _OLD_BOOLEANS[text]
        raise AmbiguousError(
            f"'{text}' is text in YAML 1.2 and {meaning} in YAML 1.1",
            f'write {meaning}, or "{text}" in quotes if the word itself is meant',
        )
    return quoted(text)


def quoted(text: str) -> str:
    """The value of a scalar that is text for certain."""
    return TemplateText(text) if holds_template(text) else text


def _number(text: str) -> object:
    if _INTEGER.fullmatch(text):
        return _integer(text, 10)
    _refuse_ambiguous(text)
    if _OCTAL.fullmatch(text):
        return _integer(text[2:], 8)
    if _HEXADECIMAL.fullmatch(text):
        return _integer(text[2:], 16)
    if _FLOAT.fullmatch(text):
        return _finite(text)
    return quoted(text)


def _integer(text: str, base: int) -> int:
    if len(text) > 64:
        raise AmbiguousError("a number of more than 64 digits", "put it in quotes if it is text")
    return int(text, base)


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise AmbiguousError(f"{text} is too large for a number", "put it in quotes if it is text")
    return value


def _refuse_ambiguous(text: str) -> None:
    if _LEADING_ZERO.fullmatch(text):
        raise AmbiguousError(
            f"{text} begins with a zero: YAML 1.1 reads it as octal, YAML 1.2 as decimal",
            f'write "{text}" in quotes (a file mode, a code), or {text.replace("0", "", 1).lstrip("0") or "0"}'
            " without the zero if it is a number",
        )
    if _LOST_ZERO.fullmatch(text):
        raise AmbiguousError(
            f"{text} is the number {float(text)!r}: the last zero would be lost",
            f'write "{text}" in quotes if it is a version, or {float(text)!r} if it is a number',
        )
    if _NOT_FINITE.fullmatch(text):
        raise AmbiguousError(f"{text} is not a finite number", f'write "{text}" in quotes if it is text')
    if _SEXAGESIMAL.fullmatch(text):
        raise AmbiguousError(
            f"{text} is text in YAML 1.2 and a number in base 60 in YAML 1.1",
            f'write "{text}" in quotes',
        )
    if _OLD_NUMBER.fullmatch(text):
        raise AmbiguousError(
            f"{text} is text in YAML 1.2 and a number in YAML 1.1",
            f'write "{text}" in quotes, or a decimal number without underscores',
        )
