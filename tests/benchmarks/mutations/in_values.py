"""Values of the wrong type, or that are not possible."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import yaml

from runner.schema import keyword_schema, module_schema
from tests.benchmarks.mutations.mutant import Breaking, Change
from tests.benchmarks.mutations.source import Pair, Source, pairs_of, swapped

_OF_ANOTHER_TYPE: Final = {
    "name": "[a]",
    "register": "[a]",
    "vars": "[a]",
    "tags": "{a: 1}",
    "notify": "{a: 1}",
    "listen": "{a: 1}",
    "when": "{a: 1}",
    "become": "[a]",
    "become_user": "[a]",
    "delegate_to": "[a]",
    "environment": "[a]",
    "loop_control": "word",
    "vars_files": "{a: 1}",
    "handlers": "word",
    "block": "word",
    "hosts": "{a: 1}",
}
_IMPOSSIBLE: Final = {
    "retries": ("-3", "many"),
    "delay": ("-3", "a while"),
    "serial": ("0", "some"),
    "max_fail_percentage": ("150", "-1"),
    "timeout": ("soon", "-5"),
    "register": ("not-a-name", "1st"),
    "loop": ("5", "word"),
    "become": ("perhaps",),
    "ignore_errors": ("perhaps",),
    "run_once": ("perhaps",),
    "no_log": ("perhaps",),
    "gather_facts": ("perhaps",),
    "any_errors_fatal": ("perhaps",),
    "check_mode": ("perhaps",),
    "strategy": ("fastest",),
    "order": ("random",),
    "throttle": ("-1", "few"),
    "async": ("-1", "later"),
    "poll": ("-1", "often"),
}


def keyword_of_another_type(source: Source) -> Iterator[Change]:
    for pair in _keywords(source):
        if wrong := _OF_ANOTHER_TYPE.get(pair.key):
            yield Change(_with(source, pair, wrong))


def _impossible(*keys: str) -> Breaking:
    def breaking(source: Source) -> Iterator[Change]:
        for pair in _keywords(source):
            for wrong in _IMPOSSIBLE[pair.key] if pair.key in keys else ():
                yield Change(_with(source, pair, wrong))

    return breaking


def argument_of_another_type(source: Source) -> Iterator[Change]:
    for pair, schema in _described(source):
        types = schema.get("type", [])
        types = [types] if isinstance(types, str) else types
        if types and "object" not in types and pair.scalar is not None:
            yield Change(_with(source, pair, "{a: 1}"))


def argument_that_is_no_boolean(source: Source) -> Iterator[Change]:
    for pair, schema in _described(source):
        if schema.get("type") == "boolean":
            yield Change(_with(source, pair, "perhaps"))


def argument_that_is_no_number(source: Source) -> Iterator[Change]:
    for pair, schema in _described(source):
        if schema.get("type") == "integer":
            yield Change(_with(source, pair, "many"))


def argument_out_of_bounds(source: Source) -> Iterator[Change]:
    for pair, schema in _described(source):
        if "maximum" in schema:
            yield Change(_with(source, pair, str(schema["maximum"] + 1)))
        if "minimum" in schema:
            yield Change(_with(source, pair, str(schema["minimum"] - 1)))


def not_among_the_possible(source: Source) -> Iterator[Change]:
    for pair, schema in _described(source):
        wrong = swapped(pair.scalar or "")
        if "enum" in schema and pair.scalar in schema["enum"] and wrong not in schema["enum"]:
            yield Change(_with(source, pair, wrong))


def mode_as_a_number(source: Source) -> Iterator[Change]:
    for pair, _ in _described(source):
        if pair.key == "mode" and pair.style == '"':
            yield Change(_with(source, pair, (pair.scalar or "").lstrip("0")))


def name_of_a_variable(source: Source) -> Iterator[Change]:
    for entry in source.entries:
        module = entry.module
        facts = module if module and module.key == "set_fact" else None
        for holder in (entry.get("vars"), facts):
            for pair in pairs_of(holder.value) if holder else ():
                yield Change(source.replaced(pair.start, pair.end, f"my-{pair.key}"))


def _keywords(source: Source) -> Iterator[Pair]:
    for entry in source.entries:
        known = keyword_schema(entry.kind)["properties"]
        yield from (pair for pair in entry.pairs if pair.key in known)


def _described(source: Source) -> Iterator[tuple[Pair, Mapping[str, Any]]]:
    """The arguments that a schema describes."""
    for entry in source.tasks:
        module = entry.module
        properties = module_schema(module.key).get("properties", {}) if module else {}
        for pair in entry.arguments:
            if pair.key in properties:
                yield pair, properties[pair.key]


def _with(source: Source, pair: Pair, value: str) -> str:
    """The text with another value for a key."""
    block = isinstance(pair.value, yaml.CollectionNode) and not pair.value.flow_style
    literal = pair.style in ("|", ">")
    return source.replaced(pair.value_start, source.end_of(pair.value), value + "\n" * (block or literal))


KINDS: Final[Mapping[str, Breaking]] = {
    "keyword of another type": keyword_of_another_type,
    "argument of another type": argument_of_another_type,
    "word that is no boolean": _impossible(
        "become", "ignore_errors", "run_once", "no_log", "gather_facts", "any_errors_fatal", "check_mode"
    ),
    "argument that is no boolean": argument_that_is_no_boolean,
    "argument that is no number": argument_that_is_no_number,
    "argument out of bounds": argument_out_of_bounds,
    "value that is not among the possible": not_among_the_possible,
    "mode as a number": mode_as_a_number,
    "impossible retries or delay": _impossible("retries", "delay"),
    "impossible batches": _impossible("serial", "max_fail_percentage"),
    "impossible duration": _impossible("timeout"),
    "impossible strategy, order or throttle": _impossible("strategy", "order", "throttle"),
    "impossible async or poll": _impossible("async", "poll"),
    "impossible name to register": _impossible("register"),
    "impossible name of a variable": name_of_a_variable,
    "loop over a single value": _impossible("loop"),
}
