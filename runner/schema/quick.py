"""A quick answer for what is right, which is nearly everything that is ever checked.

Loading jsonschema and asking it costs more than everything else that is done before a run. It stays the judge:
what is not accepted here, for a schema's word unknown here too, goes to it, and only it says what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from runner.document.model import holds_template

Schema = Mapping[str, Any]


def certainly_fits(schema: Schema, value: object, rendered: bool) -> bool:
    """Whether a value fits a draft-07 schema for sure.

    If not `rendered`, text that holds a template fits anything but what is `x-literal`.
    """
    try:
        return _fits(schema, value, not rendered)
    except _UnknownWordError:
        return False


class _UnknownWordError(Exception):
    """A schema says something that only jsonschema understands."""


def _fits(schema: Schema | bool, value: Any, lenient: bool) -> bool:
    if isinstance(schema, bool):
        return schema
    if lenient and isinstance(value, str) and holds_template(value) and not schema.get("x-literal"):
        return True
    for word, wanted in schema.items():
        rule = _RULES.get(word)
        if rule is None:
            if word in _SAYS_NOTHING or word.startswith("x-"):
                continue
            raise _UnknownWordError(word)
        if not rule(wanted, value, schema, lenient):
            return False
    return True


_SAYS_NOTHING: Final = frozenset({"$schema", "$id", "title", "description", "examples", "default", "definitions"})

_TYPES: Final[Mapping[str, Callable[[Any], bool]]] = {
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: _is_number(value),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
}


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_of_type(wanted: str | list[str], value: Any) -> bool:
    return any(_TYPES[kind](value) for kind in ([wanted] if isinstance(wanted, str) else wanted))


def _is_same(wanted: object, value: object) -> bool:
    if isinstance(wanted, (list, dict)):
        raise _UnknownWordError("const")
    return wanted == value and isinstance(wanted, bool) == isinstance(value, bool)


def _properties_fit(wanted: Mapping[str, Schema], value: Any, lenient: bool) -> bool:
    return not isinstance(value, dict) or all(
        key not in wanted or _fits(wanted[key], item, lenient) for key, item in value.items()
    )


def _patterns_fit(wanted: Mapping[str, Schema], value: Any, lenient: bool) -> bool:
    return not isinstance(value, dict) or all(
        _fits(described, item, lenient)
        for pattern, described in wanted.items()
        for key, item in value.items()
        if re.search(pattern, str(key))
    )


def _rest_fits(wanted: Schema | bool, value: Any, schema: Schema, lenient: bool) -> bool:
    if not isinstance(value, dict) or wanted is True:
        return True
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    return all(
        key in known or any(re.search(pattern, str(key)) for pattern in patterns) or _fits(wanted, item, lenient)
        for key, item in value.items()
    )


def _items_fit(wanted: object, value: Any, lenient: bool) -> bool:
    if not isinstance(wanted, (dict, bool)):
        raise _UnknownWordError("items")
    return not isinstance(value, list) or all(_fits(wanted, item, lenient) for item in value)


def _branch_fits(condition: Schema, value: Any, schema: Schema, lenient: bool) -> bool:
    # What decides between branches is read strictly, as jsonschema reads it.
    branch = "then" if _fits(condition, value, False) else "else"
    return branch not in schema or _fits(schema[branch], value, lenient)


_Rule = Callable[[Any, Any, Schema, bool], bool]
_RULES: Final[Mapping[str, _Rule]] = {
    "type": lambda wanted, value, _, __: _is_of_type(wanted, value),
    "enum": lambda wanted, value, _, __: any(_is_same(one, value) for one in wanted),
    "const": lambda wanted, value, _, __: _is_same(wanted, value),
    "minLength": lambda wanted, value, _, __: not isinstance(value, str) or len(value) >= wanted,
    "pattern": lambda wanted, value, _, __: not isinstance(value, str) or re.search(wanted, value) is not None,
    "minimum": lambda wanted, value, _, __: not _is_number(value) or value >= wanted,
    "maximum": lambda wanted, value, _, __: not _is_number(value) or value <= wanted,
    "minItems": lambda wanted, value, _, __: not isinstance(value, list) or len(value) >= wanted,
    "minProperties": lambda wanted, value, _, __: not isinstance(value, dict) or len(value) >= wanted,
    "required": lambda wanted, value, _, __: not isinstance(value, dict) or all(key in value for key in wanted),
    "properties": lambda wanted, value, _, lenient: _properties_fit(wanted, value, lenient),
    "patternProperties": lambda wanted, value, _, lenient: _patterns_fit(wanted, value, lenient),
    "additionalProperties": _rest_fits,
    "propertyNames": lambda wanted, value, _, __: (
        not isinstance(value, dict) or all(_fits(wanted, key, False) for key in value)
    ),
    "items": lambda wanted, value, _, lenient: _items_fit(wanted, value, lenient),
    "allOf": lambda wanted, value, _, lenient: all(_fits(one, value, lenient) for one in wanted),
    "anyOf": lambda wanted, value, _, lenient: any(_fits(one, value, lenient) for one in wanted),
    "oneOf": lambda wanted, value, _, lenient: sum(_fits(one, value, lenient) for one in wanted) == 1,
    "not": lambda wanted, value, _, __: not _fits(wanted, value, False),
    "if": _branch_fits,
    "then": lambda _, __, ___, ____: True,
    "else": lambda _, __, ___, ____: True,
}
