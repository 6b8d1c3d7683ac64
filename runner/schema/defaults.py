"""Defaults live in the schemas; here they are filled in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runner.schema.files import module_schema


def with_defaults(module: str, args: Mapping[str, object]) -> dict[str, object]:
    """A module's checked arguments with what was left out filled in, at every depth."""
    return _object(module_schema(module), args)


def _object(schema: Mapping[str, Any], value: Mapping[str, object]) -> dict[str, object]:
    properties = schema.get("properties", {})
    result = {key: _filled(properties[key], item) if key in properties else item for key, item in value.items()}
    for key, described in properties.items():
        if key not in result and "default" in described:
            result[key] = _filled(described, _copy(described["default"]))
    return result


def _filled(schema: Mapping[str, Any], value: object) -> object:
    if isinstance(value, Mapping):
        return _object(_object_branch(schema), value)
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        return [_filled(schema["items"], item) for item in value]
    return value


def _object_branch(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of alternatives, the one that describes an object."""
    for branch in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        if "properties" in branch:
            return {**branch, "properties": {**schema.get("properties", {}), **branch["properties"]}}
    return schema


def _copy(value: object) -> object:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value
