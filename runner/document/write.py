"""Plain data -> YAML text."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

from runner.document.encrypted import Encrypted
from runner.document.scalars import AmbiguousError, plain


def dump(
    data: object,
    *,
    indent: int | None = 2,
    width: int = 100,
    sort_keys: bool = False,
    flow: bool | None = False,
    explicit_start: bool = False,
    explicit_end: bool = False,
) -> str:
    """YAML text that reads back equal, in YAML 1.1 and 1.2 alike; mappings keep their order unless sorted.

    `flow`: in brackets and braces (True), in lines (False), or in lines but for what holds no more lists and
    mappings (None). `explicit_start` and `explicit_end` write the marks around a document.
    """
    text: str = yaml.dump(
        _plain(data),
        Dumper=_Dumper,
        indent=indent,
        width=width,
        sort_keys=sort_keys,
        default_flow_style=flow,
        allow_unicode=True,
        explicit_start=explicit_start,
        explicit_end=explicit_end,
    )
    return text if explicit_end else text.removesuffix("...\n")


class _Dumper(yaml.CSafeDumper):
    """Quotes what only YAML 1.2 takes for a number (`1e5`); PyYAML itself knows YAML 1.1's."""


def _text(dumper: yaml.CSafeDumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="'" if _reads_otherwise(text) else None)


def _encrypted(dumper: yaml.CSafeDumper, value: Encrypted) -> yaml.Node:
    return dumper.represent_scalar(value.tag, value.ciphertext, style="|")


_Dumper.add_representer(str, _text)
_Dumper.add_representer(Encrypted, _encrypted)


def _reads_otherwise(text: str) -> bool:
    try:
        return not isinstance(plain(text), str)
    except AmbiguousError:
        return True


def in_quotes(text: str) -> str:
    """Text in double quotes, on one line."""
    written: str = yaml.dump(text, Dumper=yaml.CSafeDumper, default_style='"', width=2**31 - 1, allow_unicode=True)
    return written.removesuffix("\n")


def _plain(value: object) -> object:
    if isinstance(value, Encrypted):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key) if isinstance(key, str) else key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    return value
