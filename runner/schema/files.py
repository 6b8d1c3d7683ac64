"""Schema files, found in the package or beside it, with their shared definitions put in place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal

Schema = Mapping[str, Any]
Kind = Literal["play", "import_playbook", "role", "role_meta", "apply", "block", "task", "handler"]

_SHARED: Final = "definitions.json"


@lru_cache(maxsize=2)
def data_dir(kind: Literal["schemas", "playbooks"]) -> Path:
    """Where the shipped files of that kind are: inside an installed package, else in the checkout beside it."""
    package = Path(__file__).resolve().parent.parent
    for place in (package / "data" / kind, package.parent / kind):
        if place.is_dir():
            return place
    raise FileNotFoundError(
        f"the installation is damaged: no directory {kind} in {package / 'data'} or {package.parent}"
    )


@lru_cache(maxsize=1)
def module_names() -> frozenset[str]:
    """The name of everything a task can do: modules, and actions."""
    return action_names() | {path.stem for path in (data_dir("schemas") / "modules").glob("*.json")}


@lru_cache(maxsize=1)
def action_names() -> frozenset[str]:
    """The name of every action: what a task can do that is carried out by the engine, not by a module."""
    return frozenset(path.stem for path in (data_dir("schemas") / "actions").glob("*.json"))


@lru_cache(maxsize=256)
def module_schema(name: str) -> Schema:
    """The schema of a module's or action's arguments, complete in itself; KeyError if there is none of that name."""
    if name not in module_names():
        raise KeyError(name)
    return schema(f"{'actions' if name in action_names() else 'modules'}/{name}.json")


@lru_cache(maxsize=8)
def keyword_schema(kind: Kind) -> Schema:
    """The keywords of a play, a block, a task, … as an object schema without the modules."""
    section: Schema = schema("keywords.json")["definitions"][kind]
    return section


@lru_cache(maxsize=256)
def schema(name: str) -> Schema:
    """A schema file below `schemas/`, with every reference to the shared definitions replaced by what it means."""
    path = data_dir("schemas") / name
    text = path.read_text(encoding="utf-8")
    if name != _SHARED:
        found: Schema = json.loads(text, object_hook=_with_shared)
        return found
    content = json.loads(text)
    inlined: Schema = _inlined(content, content["definitions"])
    return inlined


def _with_shared(node: dict[str, Any]) -> dict[str, Any]:
    """An object of a schema file; one that refers to a shared definition becomes that, and what it says besides."""
    reference = node.get("$ref")
    if not isinstance(reference, str):
        return node
    file, _, pointer = reference.partition("#/definitions/")
    if not file.endswith(_SHARED):
        return node
    return {**schema(_SHARED)["definitions"][pointer], **{key: node[key] for key in node if key != "$ref"}}


def _inlined(node: Any, local: Schema) -> Any:
    """A part of the shared definitions, which refer to one another."""
    if isinstance(node, list):
        return [_inlined(item, local) for item in node]
    if not isinstance(node, dict):
        return node
    reference = node.get("$ref")
    if not isinstance(reference, str):
        return {key: _inlined(value, local) for key, value in node.items()}
    target = _inlined(local[reference.removeprefix("#/definitions/")], local)
    return {**target, **{key: _inlined(value, local) for key, value in node.items() if key != "$ref"}}
