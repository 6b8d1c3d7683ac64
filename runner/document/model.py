"""What reading a document gives."""

from __future__ import annotations

from collections.abc import Mapping

from runner.errors import Location, Problem
from runner.frozen import frozen

Path = tuple[str | int, ...]
"""The keys and indices that lead from the root of a document to a value."""


class TemplateText(str):
    """Text that somebody wrote in a playbook, an inventory or on the command line, and that holds a template.

    Only such text is rendered when a variable is read. What comes from a host, a file's content or a
    command's output is plain `str` and stays as it is, whatever it holds: it cannot run code here.
    """

    __slots__ = ()


class SecretTemplate(TemplateText):
    """A template out of an encrypted file: whatever it gives is secret."""

    __slots__ = ()


class UnsafeText(str):
    """Text that is never a template, whatever it holds: Ansible's `!unsafe`."""

    __slots__ = ()


@frozen
class Document:
    """Plain data (None, bool, int, float, str, list, dict with text keys) and where each part was written."""

    data: object
    places: Mapping[Path, Location]
    key_places: Mapping[Path, Location]
    file: str
    is_secret: bool = False
    """Whether the file was encrypted as a whole, so that every value in it is a secret."""

    def at(self, path: Path) -> Location:
        """Where the value at `path` begins, or its nearest ancestor that has a place."""
        return self._nearest(self.places, path)

    def key_at(self, path: Path) -> Location:
        """Where the key of the value at `path` stands; where the value begins if it has no key."""
        return self.key_places.get(path) or self.at(path)

    def _nearest(self, places: Mapping[Path, Location], path: Path) -> Location:
        for length in range(len(path), -1, -1):
            if place := places.get(path[:length]):
                return place
        return Location(self.file, 1, 1)


@frozen
class Examined:
    """A document with every problem found; `document` is None if the text could not be read at all.

    `sealed`: the file is encrypted as a whole and could not be opened, so that nothing is known of what it holds. There
    is no problem then if nobody gave a key and none is needed.
    """

    document: Document | None
    problems: tuple[Problem, ...]
    sealed: bool = False


def holds_template(text: str) -> bool:
    """Whether the text has anything for the template language in it."""
    return "{" in text and ("{{" in text or "{%" in text or "{#" in text) and not isinstance(text, UnsafeText)


def trusted(value: object) -> object:
    """A copy of plain data in which text that holds a template counts as written by the user."""
    if isinstance(value, str):
        is_plain = holds_template(value) and not isinstance(value, TemplateText)
        return TemplateText(value) if is_plain else value
    if isinstance(value, Mapping):
        return {key: trusted(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [trusted(item) for item in value]
    return value
