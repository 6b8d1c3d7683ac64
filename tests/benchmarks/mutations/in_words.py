"""Keywords, modules and arguments that are misspelt, missing, or in the wrong place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import yaml

from runner.schema import keyword_schema, module_names, module_schema
from tests.benchmarks.mutations.mutant import Breaking, Change
from tests.benchmarks.mutations.source import Entry, Kind, Pair, Source, swapped

_KINDS: Final[tuple[Kind, ...]] = ("play", "block", "task", "handler")
_KEYWORDS: Final = frozenset().union(*(keyword_schema(kind)["properties"] for kind in _KINDS))

_WORDS: Final = _KEYWORDS | module_names()


def _misspelt(*kinds: Kind) -> Breaking:
    def breaking(source: Source) -> Iterator[Change]:
        for entry in source.of_kind(*kinds):
            for pair in entry.pairs:
                wrong = swapped(pair.key)
                if pair.key in _KEYWORDS and wrong not in _WORDS:
                    yield Change(source.replaced(pair.start, pair.end, wrong))

    return breaking


def misspelt_module(source: Source) -> Iterator[Change]:
    for entry in source.tasks:
        module = entry.module
        if module and swapped(module.key) not in _WORDS:
            yield Change(source.replaced(module.start, module.end, swapped(module.key)))


def unknown_argument(source: Source) -> Iterator[Change]:
    for _, pair, schema in _arguments(source):
        if swapped(pair.key) not in schema.get("properties", {}):
            yield Change(source.replaced(pair.start, pair.end, swapped(pair.key)))


def missing_argument(source: Source) -> Iterator[Change]:
    for _, pair, schema in _arguments(source):
        if pair.key in schema.get("required", ()) and source.is_first_on_line(pair.start):
            yield Change(source.without(pair))


def keyword_among_arguments(source: Source) -> Iterator[Change]:
    for entry, pair, schema in _arguments(source):
        if pair == entry.arguments[-1] and source.is_first_on_line(pair.start) and "become" not in schema["properties"]:
            yield Change(_line_before(source, pair, "become: true"))


def arguments_beside_the_module(source: Source) -> Iterator[Change]:
    for entry in source.tasks:
        module = entry.module
        if not module or not isinstance(module.value, yaml.MappingNode) or module.value.flow_style:
            continue
        names = [pair.key for pair in entry.arguments]
        if _takes_any_name(module.key) or _WORDS & set(names) or not source.is_first_on_line(module.start):
            continue
        start, end = source.line_start(module.value_start), source.line_start(module.value_end)
        deeper = module.value.start_mark.column - (module.start - source.line_start(module.start))
        lines = source.text[start:end].splitlines(keepends=True)
        yield Change(source.replaced(start, end, "".join(line[deeper:] for line in lines)))


def missing_hosts(source: Source) -> Iterator[Change]:
    for play in source.of_kind("play"):
        hosts = play.get("hosts")
        if hosts and source.is_first_on_line(hosts.start):
            yield Change(source.without(hosts))


def missing_module(source: Source) -> Iterator[Change]:
    for entry in source.tasks:
        module = entry.module
        if module and source.is_first_on_line(module.start):
            yield Change(source.without(module))


def two_modules(source: Source) -> Iterator[Change]:
    for entry in source.tasks:
        module = entry.module
        if module and module.key != "ping" and source.is_first_on_line(module.start):
            yield Change(_line_before(source, module, "ping:"))


def play_keyword_in_a_task(source: Source) -> Iterator[Change]:
    for entry in source.tasks:
        module = entry.module
        if module and source.is_first_on_line(module.start):
            yield Change(_line_before(source, module, "hosts: all"))


def rescue_without_block(source: Source) -> Iterator[Change]:
    for entry in source.of_kind("block"):
        block = entry.get("block")
        if block and (entry.get("rescue") or entry.get("always")) and source.is_first_on_line(block.start):
            yield Change(source.without(block))


def text_instead_of_a_task(source: Source) -> Iterator[Change]:
    for entry in source.tasks:
        if not entry.is_flow:
            yield Change(source.replaced(entry.node.start_mark.index, source.end_of(entry.node), "just some words\n"))


def text_instead_of_tasks(source: Source) -> Iterator[Change]:
    for entry in source.of_kind("play", "block"):
        for pair in entry.pairs:
            if isinstance(pair.value, yaml.SequenceNode) and pair.key in ("tasks", "handlers", "rescue"):
                yield Change(source.replaced(pair.value_start, source.end_of(pair.value), "nothing\n"))


def text_instead_of_arguments(source: Source) -> Iterator[Change]:
    for entry in source.tasks:
        module = entry.module
        if module and isinstance(module.value, yaml.MappingNode) and not module_schema(module.key).get("x-free-form"):
            end = source.end_of(module.value)
            yield Change(source.replaced(module.value_start, end, "words" + "\n" * (not module.value.flow_style)))


def _arguments(source: Source) -> Iterator[tuple[Entry, Pair, Mapping[str, dict[str, object]]]]:
    """Every argument of every module that has names for its arguments, with the module's schema."""
    for entry in source.tasks:
        module = entry.module
        if module and not _takes_any_name(module.key):
            for pair in entry.arguments:
                yield entry, pair, module_schema(module.key)


def _takes_any_name(module: str) -> bool:
    return module_schema(module).get("additionalProperties") is not False or "patternProperties" in module_schema(
        module
    )


def _line_before(source: Source, pair: Pair, line: str) -> str:
    start = source.line_start(pair.start)
    return source.replaced(start, start, f"{' ' * (pair.start - start)}{line}\n")


KINDS: Final[Mapping[str, Breaking]] = {
    "misspelt keyword of a play": _misspelt("play"),
    "misspelt keyword of a block": _misspelt("block"),
    "misspelt keyword of a task": _misspelt("task", "handler"),
    "unknown module": misspelt_module,
    "unknown argument": unknown_argument,
    "missing argument": missing_argument,
    "keyword among arguments": keyword_among_arguments,
    "arguments beside their module": arguments_beside_the_module,
    "play without hosts": missing_hosts,
    "task without module": missing_module,
    "two modules in one task": two_modules,
    "keyword of a play in a task": play_keyword_in_a_task,
    "rescue without block": rescue_without_block,
    "text instead of a task": text_instead_of_a_task,
    "text instead of tasks": text_instead_of_tasks,
    "text instead of arguments": text_instead_of_arguments,
}
