"""A module's schema and its Args say the same; a schema explains everything it allows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import jsonschema
import pytest

from runner.modules.arguments import convert, property_name
from runner.modules.table import MODULES
from runner.schema import action_names, argument_problems, data_dir, module_names, module_schema
from runner.secret import Secret

Schema = Mapping[str, Any]
SCALARS: Mapping[Any, str] = {
    str: "string",
    Secret: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    NoneType: "null",
}


def test_every_module_has_a_schema_and_every_schema_a_module() -> None:
    assert set(MODULES) == module_names() - action_names()


@pytest.mark.parametrize("name", sorted(MODULES))
def test_schema_and_args_agree(name: str) -> None:
    assert list(disagreements(MODULES[name].Args, module_schema(name), name)) == []


@pytest.mark.parametrize("name", sorted(MODULES))
def test_everything_is_described_and_exemplified(name: str) -> None:
    assert list(unexplained(module_schema(name), name)) == []


@pytest.mark.parametrize("name", sorted(MODULES))
def test_every_example_is_allowed(name: str) -> None:
    schema = module_schema(name)
    for example in schema["examples"]:
        assert argument_problems(name, example, rendered=False) == [], example
    for place, one in properties_of(schema, name):
        for example in one["examples"]:
            if "{{" not in json.dumps(example):
                jsonschema.Draft7Validator(one).validate(example), place


@pytest.mark.parametrize("name", sorted(MODULES))
def test_no_other_name_of_an_argument_means_anything_else(name: str) -> None:
    properties = module_schema(name).get("properties", {})
    others = [other for described in properties.values() for other in described.get("x-aliases", ())]
    assert len(others) == len(set(others)) and not set(others) & properties.keys()


@pytest.mark.parametrize("path", sorted((data_dir("schemas") / "modules").glob("*.json")), ids=lambda path: path.stem)
def test_every_schema_file_is_draft_07_and_named_after_its_module(path: Any) -> None:
    schema = json.loads(path.read_text())
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert schema["title"] == path.stem
    jsonschema.Draft7Validator.check_schema(schema)


@dataclass(frozen=True, slots=True)
class _Args:
    name: str
    size: int = 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"required": []}, "is optional in the schema and required in Args"),
        ({"properties": {"name": {"type": "string"}}}, "size: only in Args"),
        ({"properties": {"name": {"type": "integer"}, "size": {"type": "integer", "default": 1}}}, "types differ"),
        ({"properties": {"name": {"type": "string"}, "size": {"type": "integer", "default": 2}}}, "defaults differ"),
        ({"properties": {"name": {"type": "string"}, "size": {"type": "integer"}}}, "defaults differ"),
    ],
)
def test_a_disagreement_is_found(change: Schema, said: str) -> None:
    right = {
        "required": ["name"],
        "additionalProperties": False,
        "properties": {"name": {"type": "string"}, "size": {"type": "integer", "default": 1}},
    }
    assert list(disagreements(_Args, right, "x")) == []
    assert said in "\n".join(disagreements(_Args, {**right, **change}, "x"))


def disagreements(args: type, schema: Schema, where: str) -> Iterator[str]:
    hints = get_type_hints(args)
    rest = [field for field in fields(args) if field.metadata.get("rest")]
    ours = {property_name(field): field for field in fields(args) if field not in rest}
    theirs: Schema = schema.get("properties", {})
    yield from (f"{where}.{name}: only in Args" for name in ours.keys() - theirs.keys())
    yield from (f"{where}.{name}: only in the schema" for name in theirs.keys() - ours.keys())
    if schema.get("additionalProperties") is not False:
        yield f"{where}: additionalProperties is not false"
    if bool(rest) != bool(schema.get("patternProperties")):
        yield f"{where}: free properties only on one side"
    for name in ours.keys() & theirs.keys():
        place, field = f"{where}.{name}", ours[name]
        yield from _requirement(field, hints[field.name], theirs[name], name in schema.get("required", []), place)
        yield from _types(hints[field.name], theirs[name], place)


def _requirement(field: Field[Any], hint: Any, schema: Schema, required: bool, where: str) -> Iterator[str]:
    has_default = field.default is not MISSING or field.default_factory is not MISSING
    if required == has_default:
        words = ("required", "optional") if required else ("optional", "required")
        yield f"{where} is {words[0]} in the schema and {words[1]} in Args"
    if not has_default:
        return
    default = field.default if field.default_factory is MISSING else field.default_factory()
    wanted = convert(hint, schema["default"], where) if "default" in schema else None
    if default != wanted:
        yield f"{where}: defaults differ: {wanted!r} in the schema, {default!r} in Args"


def _types(hint: Any, schema: Schema, where: str) -> Iterator[str]:
    if hint is object:
        return
    members = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    accepted = {one for member in members for one in _accepted(member)}
    wanted = {one for member in members for one in _main(member)}
    allowed = _allowed(schema)
    if not allowed <= accepted or not wanted - {"null"} <= allowed:
        yield f"{where}: types differ: {sorted(allowed)} in the schema, {sorted(accepted)} in Args"
    if (Secret in members) != bool(schema.get("x-secret")):
        yield f"{where}: x-secret and Secret belong together"
    for member in members:
        yield from _inside(member, schema, where)


def _inside(member: Any, schema: Schema, where: str) -> Iterator[str]:
    origin = get_origin(member)
    if origin is Literal and set(get_args(member)) != set(schema.get("enum", ())):
        yield f"{where}: choices differ"
    elif origin is tuple and "items" in schema:
        yield from _types(get_args(member)[0], schema["items"], f"{where}[]")
    elif origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        if isinstance(schema.get("additionalProperties"), Mapping):
            yield from _types(get_args(member)[1], schema["additionalProperties"], f"{where}.*")
    elif is_dataclass(member) and isinstance(member, type):
        yield from disagreements(member, _branch_of_mappings(schema), where)


def _branch_of_mappings(schema: Schema) -> Schema:
    """The alternative that allows a mapping, where there are alternatives."""
    branches = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    return next((branch for branch in branches if branch.get("type") == "object"), schema)


def _main(member: Any) -> set[str]:
    """The JSON types a member of a hint is there for."""
    origin = get_origin(member)
    if member in SCALARS:
        return _numbers({SCALARS[member]})
    if origin is Literal:
        return {SCALARS[type(choice)] for choice in get_args(member)}
    return {"array"} if origin is tuple else {"object"}


def _accepted(member: Any) -> set[str]:
    """The same, and what is turned into it."""
    if get_origin(member) is not tuple:
        return _main(member)
    item = get_args(member)[0]
    inner = get_args(item) if get_origin(item) in (Union, UnionType) else (item,)
    return {"array"}.union(*(_main(one) for one in inner))


def _allowed(schema: Schema) -> set[str]:
    if "type" in schema:
        return _numbers({schema["type"]} if isinstance(schema["type"], str) else set(schema["type"]))
    if "enum" in schema:
        return {SCALARS[type(choice)] for choice in schema["enum"]}
    branches = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    return set().union(*(_allowed(branch) for branch in branches)) if branches else {"anything"}


def _numbers(types: set[str]) -> set[str]:
    """Every integer is a number too."""
    return types | {"integer"} if "number" in types else types


def unexplained(schema: Schema, name: str) -> Iterator[str]:
    for key in ("title", "description", "examples"):
        if not schema.get(key):
            yield f"{name} has no {key}"
    for place, one in properties_of(schema, name):
        yield from (f"{place} has no {key}" for key in ("description", "examples") if not one.get(key))


def properties_of(schema: Schema, where: str) -> Iterator[tuple[str, Schema]]:
    """Every property at any depth."""
    for group in ("properties", "patternProperties"):
        for name, one in schema.get(group, {}).items():
            yield f"{where}.{name}", one
            yield from properties_of(one, f"{where}.{name}")
            if isinstance(one.get("items"), Mapping):
                yield from properties_of(one["items"], f"{where}.{name}[]")
    for branch in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        yield from properties_of(branch, where)
