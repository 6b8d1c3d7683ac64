"""One document out of several files: what a file takes in stands in its tree, each part with its own place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from runner.document.model import Document, Path


def grafted(document: Document, parts: Mapping[Path, Document]) -> Document:
    """`document` with each part as the value at its path; the mapping or list that holds it must be there."""
    if not parts:
        return document
    places, key_places = dict(document.places), dict(document.key_places)
    data = document.data
    for path, part in parts.items():
        data = _with(data, path, part.data)
        places |= {(*path, *inside): place for inside, place in part.places.items()}
        key_places |= {(*path, *inside): place for inside, place in part.key_places.items()}
    return replace(document, data=data, places=places, key_places=key_places)


def part_of(document: Document, path: Path) -> Document:
    """What stands at `path`, as a document of its own."""
    data: Any = document.data
    for step in path:
        data = data[step]
    places = {at[len(path) :]: place for at, place in document.places.items() if at[: len(path)] == path}
    keys = {at[len(path) :]: place for at, place in document.key_places.items() if at[: len(path)] == path}
    return Document(data, places, keys, document.file)


def listed(parts: Iterable[Document], file: str) -> Document:
    """A document whose data is the list of the parts' data."""
    found = list(parts)
    empty = Document([part.data for part in found], {}, {}, file)
    return grafted(empty, {(index,): part for index, part in enumerate(found)})


def _with(data: Any, path: Path, value: object) -> Any:
    """A copy of plain data with `value` at `path`; only what is on the way is copied."""
    if not path:
        return value
    step, *rest = path
    if isinstance(data, list):
        return [_with(item, tuple(rest), value) if index == step else item for index, item in enumerate(data)]
    return {**data, step: _with(data.get(step), tuple(rest), value)}
