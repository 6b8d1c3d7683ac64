"""What is generated from the schemas: the reference for people and `schemas/playbook.json` for editors.

`python -m runner.reference` writes the file again; a test fails while it is stale.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, Final

from runner.document import dump
from runner.schema import IMPORTS, data_dir, keyword_schema, module_names, module_schema
from runner.suggestions import listed

Schema = Mapping[str, Any]

WIDTH: Final = 100

_TEMPLATE: Final = {"type": "string", "pattern": r"\{[{%]", "description": "A template."}
_KINDS: Final = ("play", "import_playbook", "role", "block", "task", "handler")
_IMPORT: Final = "import_playbook"
_SHOWN_BESIDE: Final = ("description", "default", "examples")
_TYPES: Final = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "array": "list",
    "object": "mapping",
    "null": "nothing",
}


def documented() -> frozenset[str]:
    """Everything that has a reference: modules, actions, and what stands among plays."""
    return module_names() | {_IMPORT}


def module_table() -> str:
    """Everything documented in a line: its name and the first sentence of its description."""
    width = max(map(len, documented()), default=0)
    lines = [f"{name:<{width}}  {_first_sentence(name, WIDTH - width - 2)}" for name in sorted(documented())]
    return "\n".join([*lines, "", "sentraplay doc MODULE shows one in full.", ""])


def module_reference(name: str) -> str:
    """A module or action in full; KeyError if there is none of that name."""
    schema = _described(name)
    lines = [name, "=" * len(name), "", *_paragraph(schema.get("description", ""), "")]
    if free_form := schema.get("x-free-form"):
        lines += ["", *_paragraph(f"Text instead of a mapping is the argument '{free_form}'.", "")]
    lines += ["", "Arguments", "---------"]
    for pattern in schema.get("patternProperties", {}).values():
        lines += ["", "any name", *_paragraph(pattern.get("description", ""), "    ")]
    required = schema.get("required", ())
    for key, described in schema.get("properties", {}).items():
        lines += ["", *_argument(key, described, key in required, "")]
    for example in schema.get("examples", ()):
        task = [{name: example}]
        lines += ["", "Example", "-------", *dump(task, width=WIDTH).rstrip("\n").split("\n")]
    return "\n".join([*lines, ""])


def _described(name: str) -> Schema:
    return keyword_schema("import_playbook") if name == _IMPORT else module_schema(name)


def _argument(key: str, described: Schema, required: bool, indent: str) -> Iterator[str]:
    facts = [_type(described)]
    if required:
        facts.append("required")
    if "default" in described and described["default"] not in ({}, []):
        facts.append(f"default {_value(described['default'])}")
    if described.get("x-secret"):
        facts.append("kept secret")
    if others := described.get("x-aliases"):
        facts.append(f"also called {', '.join(others)}")
    yield f"{indent}{key} ({', '.join(facts)})"
    yield from _paragraph(described.get("description", ""), f"{indent}    ")
    for example in described.get("examples", ())[:2]:
        yield from _paragraph(f"e.g. {_value(example)}", f"{indent}    ")
    inner = _inner(described)
    for name, below in inner.get("properties", {}).items():
        yield from _argument(name, below, name in inner.get("required", ()), f"{indent}    ")


def _inner(described: Schema) -> Schema:
    """The mapping an argument is, or is a list of, or may be."""
    items = described.get("items")
    for schema in (described, items if isinstance(items, dict) else {}, *described.get("anyOf", ())):
        if "properties" in schema:
            found: Schema = schema
            return found
    return {}


def _type(described: Schema) -> str:
    if "enum" in described:
        return listed((_value(value) for value in described["enum"]), "or")
    if "type" not in described:
        branches = [*described.get("anyOf", ()), *described.get("oneOf", ())]
        return listed({_type(branch) for branch in branches}, "or") if branches else "anything"
    types = described["type"]
    return listed((_TYPES[kind] for kind in ([types] if isinstance(types, str) else types)), "or")


def _value(value: object) -> str:
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)


def _paragraph(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_long_words=False)


def _first_sentence(name: str, width: int) -> str:
    sentence = str(_described(name).get("description", "")).split(". ")[0].rstrip(".")
    return textwrap.shorten(sentence, width, placeholder=" …")


def playbook_schema() -> dict[str, object]:
    """The schema of playbooks for editors: every keyword and module a property, templates allowed anywhere."""
    definitions: dict[str, object] = {kind: _entry(kind) for kind in _KINDS}
    for kind in ("task", "handler", "role"):
        definitions[f"{kind}_list_item"] = _list_item(kind)
    definitions["modules"] = {name: _module(module_schema(name)) for name in sorted(module_names())}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$comment": "Generated from keywords.json and modules/ by `python -m runner.reference`. Do not edit.",
        "title": "SentraPlay playbook",
        "description": "A list of plays.",
        "type": "array",
        "minItems": 1,
        "items": {
            "if": {"required": [_IMPORT]},
            "then": {"$ref": f"#/definitions/{_IMPORT}"},
            "else": {"$ref": "#/definitions/play"},
        },
        "definitions": definitions,
    }


def playbook_schema_text() -> str:
    """`schemas/playbook.json` as it must be."""
    return json.dumps(playbook_schema(), indent=1, ensure_ascii=False) + "\n"


def _list_item(kind: str) -> dict[str, object]:
    if kind == "handler":
        return {"$ref": "#/definitions/handler"}
    if kind == "role":
        return {"anyOf": [{"type": "string", "minLength": 1}, {"$ref": "#/definitions/role"}]}
    return {
        "if": {"anyOf": [{"required": [key]} for key in ("block", "rescue", "always")]},
        "then": {"$ref": "#/definitions/block"},
        "else": {"$ref": "#/definitions/task"},
    }


def _entry(kind: Any) -> dict[str, object]:
    schema = keyword_schema(kind)
    properties = {key: _keyword(described) for key, described in schema["properties"].items()}
    if kind in ("task", "handler"):
        properties |= {name: {"$ref": f"#/definitions/modules/{name}"} for name in sorted(module_names())}
    rest = {key: value for key, value in schema.items() if key != "properties"}
    if kind == "handler":
        rest["anyOf"] = [*rest["anyOf"], *({"required": [action]} for action in sorted(IMPORTS & module_names()))]
    # Every other key of a role is a parameter.
    return {**rest, "additionalProperties": kind == "role", "properties": properties}


def _keyword(described: Schema) -> dict[str, object]:
    if inner := described.get("x-tasks"):
        items = {"$ref": f"#/definitions/{inner}_list_item"}
        return {**_published(described), "items": items}
    return _templated(described)


def _module(schema: Schema) -> dict[str, object]:
    mapping = _with_aliases(schema, _published(schema))
    others: list[object] = []
    if "x-free-form" in schema:
        others.append({"type": "string", "minLength": 1})
    if not schema.get("required"):
        others.append({"type": "null"})
    if not others:
        return mapping
    beside: dict[str, object] = {
        key: mapping.pop(key) for key in ("title", "description", "examples") if key in mapping
    }
    return {**beside, "anyOf": [mapping, *others]}


def _with_aliases(schema: Schema, mapping: dict[str, Any]) -> dict[str, Any]:
    """Every other name of an argument as one more property; a required argument has to be there under any of them."""
    names = {name: (name, *described.get("x-aliases", ())) for name, described in schema.get("properties", {}).items()}
    for name, others in names.items():
        for other in others:
            mapping["properties"][other] = mapping["properties"][name]
    return _by_any_name(mapping, names)


def _by_any_name(rule: dict[str, Any], names: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """The rule, where what it requires may be given under any name."""
    found = {key: _by_any_name(inner, names) if key in ("then", "else") else inner for key, inner in rule.items()}
    several = [names[key] for key in found.get("required", ()) if len(names.get(key, ())) > 1]
    if several:
        ways = [{"anyOf": [{"required": [name]} for name in others]} for others in several]
        left = [key for key in found.pop("required") if len(names.get(key, ())) == 1]
        found["allOf"] = [*found.get("allOf", ()), *ways]
        if left:
            found["required"] = left
    return found


def _published(schema: Schema) -> dict[str, object]:
    """A schema without our annotations, whose inner values may be templates."""
    result: dict[str, object] = {}
    for key, value in schema.items():
        if key.startswith("x-") or key == "$schema":
            continue
        if key in ("properties", "patternProperties"):
            result[key] = {name: _templated(inner) for name, inner in value.items()}
        elif key in ("items", "additionalProperties") and isinstance(value, dict):
            result[key] = _templated(value)
        elif key in ("anyOf", "oneOf", "allOf"):
            result[key] = [_published(branch) for branch in value]
        elif key in ("then", "else"):
            result[key] = _published(value)
        else:
            result[key] = value
    return result


def _templated(schema: Schema) -> dict[str, object]:
    published = _published(schema)
    if not published or _takes_any_text(published):
        return published
    beside: dict[str, object] = {key: published.pop(key) for key in _SHOWN_BESIDE if key in published}
    return {**beside, "anyOf": [published, _TEMPLATE]}


def _takes_any_text(schema: Schema) -> bool:
    limits = ("pattern", "enum", "const", "format", "anyOf", "oneOf", "allOf", "if", "$ref")
    types = schema.get("type", "string")
    return "string" in ([types] if isinstance(types, str) else types) and not any(limit in schema for limit in limits)


if __name__ == "__main__":
    (data_dir("schemas") / "playbook.json").write_text(playbook_schema_text(), encoding="utf-8")
