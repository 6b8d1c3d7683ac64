"""What goes wrong while typing YAML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import yaml

from tests.benchmarks.mutations.mutant import Breaking, Change
from tests.benchmarks.mutations.source import Pair, Source, scalars


def _later_keys(source: Source) -> Iterator[tuple[Pair, Pair]]:
    """Keys that begin a line and are not the first of their mapping, with the one before."""
    for entry in source.entries:
        if not entry.is_flow:
            for before, pair in zip(entry.pairs, entry.pairs[1:], strict=False):
                if source.is_first_on_line(pair.start):
                    yield before, pair


def tab(source: Source) -> Iterator[Change]:
    for _, pair in _later_keys(source):
        yield Change(source.replaced(source.line_start(pair.start), pair.start, "\t"))


def indented_too_far(source: Source) -> Iterator[Change]:
    for before, pair in _later_keys(source):
        if before.scalar != "":
            yield Change(source.replaced(pair.start, pair.start, " "))


def indented_too_little(source: Source) -> Iterator[Change]:
    for _, pair in _later_keys(source):
        yield Change(source.replaced(pair.start - 1, pair.start, ""))


def unclosed_quote(source: Source) -> Iterator[Change]:
    for entry in source.entries:
        for pair in (*entry.pairs, *entry.arguments):
            if pair.style in ("'", '"'):
                yield Change(source.replaced(pair.value_end - 1, pair.value_end, ""))


def unclosed_bracket(source: Source) -> Iterator[Change]:
    for entry in source.entries:
        for pair in (*entry.pairs, *entry.arguments):
            if isinstance(pair.value, yaml.CollectionNode) and pair.value.flow_style:
                yield Change(source.replaced(pair.value_end - 1, pair.value_end, ""))


def _on_one_line(source: Source) -> Iterator[Pair]:
    for _, pair in _later_keys(source):
        if pair.scalar and pair.style == "" and source.text[pair.end : pair.value_start] == ": ":
            yield pair


def missing_colon(source: Source) -> Iterator[Change]:
    for pair in _on_one_line(source):
        yield Change(source.replaced(pair.end, pair.end + 1, ""))


def missing_space(source: Source) -> Iterator[Change]:
    for pair in _on_one_line(source):
        yield Change(source.replaced(pair.end + 1, pair.end + 2, ""))


def colon_in_value(source: Source) -> Iterator[Change]:
    for entry in source.entries:
        name = entry.get("name")
        if name and name.style == "" and not entry.is_flow:
            yield Change(source.replaced(name.value_end, name.value_end, ": again"))


def template_without_quotes(source: Source) -> Iterator[Change]:
    for entry in source.entries:
        for pair in (*entry.pairs, *entry.arguments):
            if pair.style == '"' and (pair.scalar or "").startswith("{{"):
                inner = source.text[pair.value_start + 1 : pair.value_end - 1]
                yield Change(source.replaced(pair.value_start, pair.value_end, inner))


def duplicate_key(source: Source) -> Iterator[Change]:
    for _, pair in _later_keys(source):
        if pair.scalar and "\n" not in source.text[pair.start : pair.value_end]:
            start = source.line_start(pair.start)
            yield Change(source.replaced(start, start, source.line_of(start) + "\n"))


def lost_dash(source: Source) -> Iterator[Change]:
    """Two named tasks become one."""
    for entry in source.of_kind("task", "handler"):
        if not entry.is_flow and entry.pairs[0].key == "name" and entry.outer[-1].get("name"):
            dash = source.text.rfind("-", 0, entry.pairs[0].start)
            if source.text[dash : entry.pairs[0].start] == "- ":
                yield Change(source.replaced(dash, dash + 1, " "))


def undefined_alias(source: Source) -> Iterator[Change]:
    for entry in source.tasks:
        for pair in entry.arguments:
            for scalar in scalars(pair.value):
                if scalar.style is None:
                    yield Change(source.replaced(scalar.start_mark.index, scalar.end_mark.index, "*star"))


def old_boolean(source: Source) -> Iterator[Change]:
    for entry in source.entries:
        for pair in (*entry.pairs, *entry.arguments):
            if pair.style == "" and pair.scalar in ("true", "false"):
                word = "yes" if pair.scalar == "true" else "no"
                yield Change(source.replaced(pair.value_start, pair.value_end, word))


def octal(source: Source) -> Iterator[Change]:
    """A file's mode loses its quotes."""
    for entry in source.tasks:
        for pair in entry.arguments:
            if pair.key == "mode" and pair.style == '"' and (pair.scalar or "").startswith("0"):
                yield Change(source.replaced(pair.value_start, pair.value_end, pair.scalar or ""))


KINDS: Final[Mapping[str, Breaking]] = {
    "tab": tab,
    "indented too far": indented_too_far,
    "indented too little": indented_too_little,
    "unclosed quote": unclosed_quote,
    "unclosed bracket": unclosed_bracket,
    "missing colon": missing_colon,
    "missing space after a colon": missing_space,
    "colon in a value": colon_in_value,
    "template without quotes": template_without_quotes,
    "duplicate key": duplicate_key,
    "lost dash": lost_dash,
    "undefined alias": undefined_alias,
    "YAML 1.1 boolean": old_boolean,
    "octal number": octal,
}
