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
    content = json.loads(path.read_text(encoding="utf-8"))
    local = content.get("definitions", {}) if name == _SHARED else {}
    inlined: Schema = _inlined(content, local)
    return inlined


def _inlined(node: Any, local: Schema) -> Any:
    if isinstance(node, list):
        return [_inlined(item, local) for item in node]
    if not isinstance(node, dict):
        return node
    reference = node.get("$ref")
    if not isinstance(reference, str):
        return {key: _inlined(value, local) for key, value in node.items()}
    file, _, pointer = reference.partition("#/definitions/")
    if file.endswith(_SHARED):
        target = schema(_SHARED)["definitions"][pointer]
    elif pointer in local:
        target = _inlined(local[pointer], local)
    else:
        return node
    beside = {key: _inlined(value, local) for key, value in node.items() if key != "$ref"}
    return {**target, **beside}
