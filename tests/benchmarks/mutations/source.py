"""A playbook's text with the places of its parts, so that one of them can be broken and nothing else changes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml

from runner.schema import keyword_schema, module_names

Kind = Literal["play", "block", "task", "handler"]


@dataclass(frozen=True, slots=True)
class Pair:
    """A key with its value, as they stand in the text: `start` to `end` is the key, `value` the value's node."""

    key: str
    start: int
    end: int
    value: yaml.Node

    @property
    def value_start(self) -> int:
        return int(self.value.start_mark.index)

    @property
    def value_end(self) -> int:
        return int(self.value.end_mark.index)

    @property
    def scalar(self) -> str | None:
        """The value if it is a single one."""
        return self.value.value if isinstance(self.value, yaml.ScalarNode) else None

    @property
    def style(self) -> str:
        """The quotes of a scalar value, or "|" and ">"; "" for a plain one."""
        return (self.value.style or "") if isinstance(self.value, yaml.ScalarNode) else ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A play, a block, a task or a handler. `outer` are the entries it stands in, outermost first."""

    kind: Kind
    pairs: tuple[Pair, ...]
    node: yaml.MappingNode
    outer: tuple[Entry, ...] = ()

    def get(self, key: str) -> Pair | None:
        return next((pair for pair in self.pairs if pair.key == key), None)

    @property
    def is_flow(self) -> bool:
        return bool(self.node.flow_style)

    @property
    def module(self) -> Pair | None:
        """The key that is a module's name."""
        return next((pair for pair in self.pairs if pair.key in module_names()), None)

    @property
    def arguments(self) -> tuple[Pair, ...]:
        """The module's arguments, if they are written as a mapping."""
        module = self.module
        return pairs_of(module.value) if module else ()


@dataclass(frozen=True, slots=True)
class Source:
    """A file of the corpus at `root`: a playbook, or what it takes in; paths are relative to the corpus."""

    root: Path
    playbook: Path
    file: Path
    text: str
    entries: tuple[Entry, ...]

    def of_kind(self, *kinds: Kind) -> Iterator[Entry]:
        return (entry for entry in self.entries if entry.kind in kinds)

    @property
    def tasks(self) -> tuple[Entry, ...]:
        return tuple(self.of_kind("task", "handler"))

    def replaced(self, start: int, end: int, new: str) -> str:
        """The text with one part of it replaced."""
        return self.text[:start] + new + self.text[end:]

    def line_start(self, index: int) -> int:
        return self.text.rfind("\n", 0, index) + 1

    def line_of(self, index: int) -> str:
        end = self.text.find("\n", index)
        return self.text[self.line_start(index) : end if end >= 0 else len(self.text)]

    def is_first_on_line(self, index: int) -> bool:
        """Whether only spaces stand before it on its line."""
        return not self.text[self.line_start(index) : index].strip(" ")

    def end_of(self, node: yaml.Node) -> int:
        """Where a value ends: the end of its last line, if it is a block of lines."""
        end = int(node.end_mark.index)
        in_lines = isinstance(node, yaml.CollectionNode) and not node.flow_style
        return self.line_start(end) if in_lines else end

    def without(self, pair: Pair) -> str:
        """The text without a key and its value, whole lines; the key must be the first on its line."""
        end = self.end_of(pair.value)
        if self.text[end - 1 : end] != "\n":
            end = self.text.find("\n", end) + 1 or len(self.text)
        return self.replaced(self.line_start(pair.start), end, "")


def source(root: Path, playbook: Path) -> Source:
    """A playbook itself."""
    text = (root / playbook).read_text(encoding="utf-8")
    return Source(root, playbook, playbook, text, tuple(_plays(_composed(text))))


def part(root: Path, playbook: Path, file: Path, kind: Literal["task", "handler"]) -> Source:
    """A file of tasks or handlers that a playbook takes in."""
    text = (root / file).read_text(encoding="utf-8")
    node = _composed(text)
    around = (Entry("play", (), yaml.MappingNode("", [], node.start_mark, node.end_mark)),)
    entries = [found for item in node.value for found in _entry(item, kind, around)]
    return Source(root, playbook, file, text, tuple(entries))


def _composed(text: str) -> yaml.Node:
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    assert node is not None
    return node


def pairs_of(node: yaml.Node) -> tuple[Pair, ...]:
    """The keys of a mapping with their values."""
    if not isinstance(node, yaml.MappingNode):
        return ()
    return tuple(
        Pair(key.value, key.start_mark.index, key.end_mark.index, value)
        for key, value in node.value
        if isinstance(key, yaml.ScalarNode)
    )


def scalars(node: yaml.Node) -> Iterator[yaml.ScalarNode]:
    """Every single value in a node, keys left out."""
    if isinstance(node, yaml.ScalarNode):
        yield node
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            yield from scalars(item)
    elif isinstance(node, yaml.MappingNode):
        for _, value in node.value:
            yield from scalars(value)


def _plays(node: yaml.Node) -> Iterator[Entry]:
    for play in node.value:
        if not any(pair.key == "import_playbook" for pair in pairs_of(play)):
            yield from _entry(play, "play", ())


def _entry(node: yaml.Node, kind: Kind, outer: tuple[Entry, ...]) -> Iterator[Entry]:
    if not isinstance(node, yaml.MappingNode):
        return
    pairs = pairs_of(node)
    if kind != "play" and any(pair.key in ("block", "rescue", "always") for pair in pairs):
        kind = "block"
    entry = Entry(kind, pairs, node, outer)
    yield entry
    known = keyword_schema(kind)["properties"]
    for pair in pairs:
        inner = known.get(pair.key, {}).get("x-tasks")
        if inner and isinstance(pair.value, yaml.SequenceNode):
            for item in pair.value.value:
                yield from _entry(item, inner, (*outer, entry))


def swapped(word: str) -> str:
    """A word with two of its letters in the wrong order, as fingers do it."""
    for index in range(len(word) - 2, 0, -1):
        if word[index] != word[index - 1]:
            return word[: index - 1] + word[index] + word[index - 1] + word[index + 1 :]
    return word + word[-1:]


NAME = re.compile(r"\{\{ *([A-Za-z_]\w*)")
