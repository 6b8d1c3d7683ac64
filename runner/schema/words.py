"""What a schema's violation is called when it is told to a person."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from runner.document import Path
from runner.frozen import frozen
from runner.suggestions import did_you_mean, listed

Words = tuple[str, str]
"""Message and hint."""


@frozen
class Violation:
    """One rule of a schema that a value breaks: `rule` with what it wants, `said` in JSON Schema's own words."""

    rule: str
    wanted: Any
    schema: Mapping[str, Any]
    value: Any
    path: Path
    said: str
    none_fits: bool = False
    is_name: bool = False


_TYPES: Final = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "nothing",
}
_WHOLE: Final = frozenset({"required", "minProperties", "maxProperties", "dependencies", "not", "oneOf", "anyOf"})


def of(error: Violation, noun: str) -> Words:
    """Message and hint for any violation but an unknown key."""
    known = _WORDS.get(error.rule)
    if known:
        return known(error, noun)
    if expects := error.schema.get("x-expects"):
        return f"{subject(error)}expected {expects}, got {shown(error)}", _hint(error)
    return f"{subject(error)}{error.said}", _hint(error)


def is_about_the_whole(error: Violation) -> bool:
    """Whether the mapping as such is wrong, so that its key is the place to point at."""
    return error.rule in _WHOLE and isinstance(error.value, Mapping)


def is_choice(error: Violation) -> bool:
    """Whether the alternatives only say which keys go together (`required` alone)."""
    return all(isinstance(branch, Mapping) and set(branch) == {"required"} for branch in error.wanted)


def unknown_keys(error: Violation) -> list[str]:
    """The keys of a mapping that its schema does not have."""
    patterns = error.schema.get("patternProperties", {})
    return [
        key
        for key in error.value
        if key not in error.schema.get("properties", {}) and not any(re.search(pattern, key) for pattern in patterns)
    ]


def unknown_key(key: str, error: Violation, noun: str) -> Words:
    known = error.schema.get("properties", {})
    within = f" of '{error.path[-1]}'" if error.path else ""
    if patterns := error.schema.get("patternProperties"):
        pattern = next(iter(patterns.values()))
        if expects := pattern.get("x-names"):
            return f"'{key}' is not {expects}", _hint(error)
    allowed = f"known are {listed(known)}" if known else "nothing can be given here"
    return f"unknown {noun} '{key}'{within}", did_you_mean(key, known, allowed)


def bad_name(error: Violation) -> Words:
    expects = error.schema.get("x-expects", "a name that can be used here")
    return f"'{error.value}' is not {expects}", error.schema.get("x-hint", "")


def subject(error: Violation) -> str:
    """ "'timeout': " — the name of what is wrong, with the index of a list's item."""
    names: list[str] = []
    for step in reversed(error.path):
        if isinstance(step, str):
            names.append(f"'{step}'")
            break
        names.append(f"item {step + 1}")
    return f"{' of '.join(names)}: " if names else ""


def shown(error: Violation) -> str:
    """The value for a message: its type if it is large, *** if it is secret."""
    if error.schema.get("x-secret"):
        return "***"
    return value_shown(error.value)


def value_shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if isinstance(value, str):
        return f"'{value}'" if len(value) <= 60 and "\n" not in value else f"'{value[:50].splitlines()[0]}…'"
    return "a mapping" if isinstance(value, Mapping) else "a list" if isinstance(value, list) else type(value).__name__


def _type(error: Violation, _: str) -> Words:
    wanted = error.wanted
    types = [wanted] if isinstance(wanted, str) else wanted
    expects = error.schema.get("x-expects") or listed((_TYPES[kind] for kind in types), "or")
    return f"{subject(error)}expected {expects}, got {shown(error)}", _hint(error) or _type_hint(error, types)


def _type_hint(error: Violation, types: list[str]) -> str:
    value = error.value
    if "string" in types and isinstance(value, (bool, int, float)):
        text = json.dumps(value)
        if re.search(error.schema.get("pattern", ""), text):
            return f'write it in quotes: "{text}"'
    if "boolean" in types and isinstance(value, str) and value.lower() in ("yes", "no", "true", "false", "on", "off"):
        return f"write {'true' if value.lower() in ('yes', 'true', 'on') else 'false'} without quotes"
    if {"integer", "number"} & set(types) and isinstance(value, str) and value.strip().isdigit():
        return f"write {value.strip()} without quotes"
    if types == ["array"] and isinstance(value, str):
        return "write it as a list: [" + value_shown(value).strip("'") + "]"
    return _example(error.schema)


def _required(error: Violation, noun: str) -> Words:
    missing = [key for key in error.wanted if error.said.startswith(repr(key))]
    key = missing[0] if missing else str(error.wanted[0])
    described = error.schema.get("properties", {}).get(key, {})
    within = f" of '{error.path[-1]}'" if error.path else ""
    return f"the {noun} '{key}'{within} is missing", _example(described, key)


def _enum(error: Violation, _: str) -> Words:
    allowed = [value if isinstance(value, str) else json.dumps(value) for value in error.wanted]
    hint = _hint(error) or (did_you_mean(error.value, allowed) if isinstance(error.value, str) else "")
    if len(allowed) == 1:
        return f"{subject(error)}only {allowed[0]} is possible, got {shown(error)}", hint
    return f"{subject(error)}expected {listed(allowed, 'or')}, got {shown(error)}", hint


def _not(error: Violation, noun: str) -> Words:
    forbidden = error.wanted
    if set(forbidden) == {"required"}:
        names = listed(f"'{key}'" for key in forbidden["required"])
        return f"{subject(error)}{names} exclude each other", _hint(error) or "give one of them"
    return f"{subject(error)}these {noun}s do not go together", _hint(error)


def _choice(error: Violation, noun: str) -> Words:
    if is_choice(error):
        sets = [listed(f"'{key}'" for key in branch["required"]) for branch in error.wanted]
        verb = "exactly one of" if error.rule == "oneOf" else "at least one of"
        given = "; here are several" if error.rule == "oneOf" and not error.none_fits else ""
        return f"{subject(error)}{verb} the {noun}s {listed(sets, 'or')} is needed{given}", _hint(error)
    expects = error.schema.get("x-expects")
    if not expects:
        branches = [branch.get("x-expects") or _TYPES.get(str(branch.get("type"))) for branch in error.wanted]
        expects = listed({branch for branch in branches if branch}, "or") or "something else"
    return f"{subject(error)}expected {expects}, got {shown(error)}", _hint(error) or _example(error.schema)


def _dependencies(error: Violation, noun: str) -> Words:
    for key, needed in error.wanted.items():
        if key in error.value and isinstance(needed, list):
            missing = [name for name in needed if name not in error.value]
            if missing:
                names = listed(f"'{name}'" for name in missing)
                return f"the {noun} '{key}' needs {names} beside it", _hint(error)
    return f"{subject(error)}{error.said}", _hint(error)


def _limit(text: str) -> Callable[[Violation, str], Words]:
    def worded(error: Violation, _: str) -> Words:
        expects = error.schema.get("x-expects") or text.format(error.wanted)
        return f"{subject(error)}expected {expects}, got {shown(error)}", _hint(error)

    return worded


def _empty(error: Violation, noun: str) -> Words:
    if error.wanted == 1:
        return f"{subject(error) or f'the {noun}s: '}must not be empty", _hint(error) or _example(error.schema)
    return f"{subject(error)}at least {error.wanted} are needed", _hint(error)


def _constant(error: Violation, _: str) -> Words:
    return f"{subject(error)}only {json.dumps(error.wanted)} is possible, got {shown(error)}", _hint(error)


def _hint(error: Violation) -> str:
    return str(error.schema.get("x-hint", ""))


def _example(schema: Mapping[str, Any], key: str = "") -> str:
    examples = schema.get("examples")
    if not examples:
        return ""
    text = examples[0] if isinstance(examples[0], str) else json.dumps(examples[0], ensure_ascii=False)
    return f"for example {key + ': ' if key else ''}{text}"


_WORDS: Final[Mapping[str, Callable[[Violation, str], Words]]] = {
    "type": _type,
    "required": _required,
    "enum": _enum,
    "const": _constant,
    "not": _not,
    "oneOf": _choice,
    "anyOf": _choice,
    "dependencies": _dependencies,
    "minimum": _limit("{} or more"),
    "maximum": _limit("{} or less"),
    "exclusiveMinimum": _limit("more than {}"),
    "exclusiveMaximum": _limit("less than {}"),
    "maxLength": _limit("at most {} characters"),
    "minLength": _empty,
    "minItems": _empty,
    "minProperties": _empty,
}
