"""A text with encrypted values -> the same with some of them opened, or sealed anew. Nothing else of it changes."""

from __future__ import annotations

from collections.abc import Sequence

from runner.document import Encrypted
from runner.document.model import holds_template
from runner.document.spans import Span, as_age, as_plain, replaced, spans
from runner.errors import UsageError
from runner.suggestions import did_you_mean
from runner.vault.age import seal_value
from runner.vault.keys import Keys


def all_encrypted(text: str, file: str) -> list[Span]:
    """The encrypted values of a YAML text."""
    return [span for span in spans(text, file) if span.cipher]


def named(text: str, file: str, name: str) -> Span:
    """The value of the variable `name`; UsageError if there is none, or several."""
    every = spans(text, file)
    found = [span for span in every if name in span.names]
    if len(found) > 1:
        places = ", ".join(str(span.place) for span in found)
        raise UsageError(f"several values may be called '{name}': {places}")
    if not found:
        known = sorted({name for span in every for name in span.names})
        raise UsageError(f"{file} has no value '{name}'", hint=did_you_mean(name, known))
    return found[0]


def opened(text: str, file: str, keys: Keys) -> str:
    """`text` with its encrypted values in plain text."""
    return replaced(text, {span: as_plain(span, keys.value(encrypted(span))) for span in all_encrypted(text, file)})


def sealed_anew(text: str, file: str, keys: Keys, recipients: Sequence[str]) -> str:
    """`text` with all its encrypted values, of either format, sealed by age for `recipients`."""
    new = {}
    for span in all_encrypted(text, file):
        value = encrypted(span)
        new[span] = as_age(span, seal_value(keys.name_of(value), keys.value(value), recipients), text)
    return replaced(text, new)


def sealed_in_place(text: str, file: str, name: str, recipients: Sequence[str]) -> str:
    """`text` with the plain value of the variable `name` sealed."""
    span = named(text, file, name)
    if span.cipher is not None:
        raise UsageError(f"{span.place}: '{name}' is encrypted already", hint="see vault edit and vault rekey")
    if span.end == span.start:
        raise UsageError(f"{span.place}: '{name}' has no value")
    if holds_template(span.value):
        hint = "encrypt the secret part under a name of its own, and use that in the template"
        raise UsageError(f"{span.place}: '{name}' is a template; what is encrypted never is", hint=hint)
    return with_value(text, span, name, span.value, recipients)


def with_value(text: str, span: Span, name: str, value: str, recipients: Sequence[str]) -> str:
    """`text` with `value` sealed for the variable `name` in the place of `span`."""
    return replaced(text, {span: as_age(span, seal_value(name, value, recipients), text)})


def encrypted(span: Span) -> Encrypted:
    """The encrypted value that stands there; UsageError if it is plain."""
    if span.cipher is None:
        raise UsageError(f"{span.place}: this value is not encrypted")
    return Encrypted(span.cipher, span.value, span.names, span.place)
