"""Plain data -> YAML text."""

from __future__ import annotations

from collections.abc import Mapping

import yaml


def dump(data: object, *, indent: int = 2, width: int = 100) -> str:
    """YAML text that reads back equal, in YAML 1.1 and 1.2 alike; mappings keep their order."""
    text: str = yaml.dump(
        _plain(data),
        Dumper=yaml.CSafeDumper,
        indent=indent,
        width=width,
        sort_keys=False,
        default_flow_style=False,
        allow_unicode=True,
    )
    return text.removesuffix("...\n")


def _plain(value: object) -> object:
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key) if isinstance(key, str) else key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    return value
