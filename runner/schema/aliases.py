"""Other names of arguments: those Ansible's modules take beside the documented ones (`x-aliases`)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from runner.schema.files import module_schema


@lru_cache(maxsize=256)
def aliases(module: str) -> Mapping[str, str]:
    """Other name -> the argument it means."""
    properties = module_schema(module).get("properties", {})
    return {other: name for name, described in properties.items() for other in described.get("x-aliases", ())}


def named(module: str, args: Mapping[str, object]) -> dict[str, object]:
    """Arguments under their documented names, whatever they were given as."""
    known = aliases(module)
    return {known.get(name, name): value for name, value in args.items()}


def spelled(module: str, name: object, args: Mapping[str, object]) -> object:
    """What an argument is called among these: its documented name, or the other one that was written."""
    if name in args:
        return name
    return next((other for other, meant in aliases(module).items() if meant == name and other in args), name)
