"""What templates cannot use, told with what to do instead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from runner.rules import Rule
from runner.suggestions import did_you_mean
from runner.template.errors import TemplateError

_RULES: Final = {
    "filter": Rule.UNKNOWN_FILTER,
    "test": Rule.UNKNOWN_TEST,
    "lookup": Rule.UNKNOWN_LOOKUP,
}
_PREFIXES: Final = ("ansible.builtin.", "ansible.legacy.")

_INSTEAD: Final[Mapping[str, Mapping[str, str]]] = {
    "filter": {
        "password_hash": "make the hash once with `openssl passwd -6 -stdin` and keep it as a variable",
        "json_query": "use selectattr, map and dict2items",
        "ipaddr": "addresses are text here; compare them with `is match`",
        "vault": "encrypt values on the command line",
        "unvault": "encrypted values are decrypted when they are read",
        "win_basename": "targets have POSIX paths: use basename",
        "win_dirname": "targets have POSIX paths: use dirname",
        "win_splitdrive": "targets have POSIX paths, without drives",
    },
    "lookup": {
        "url": "use the module uri and register its result",
        "inventory_hostnames": "use groups['name'], with union and difference",
        "config": "there is no configuration file to look into",
        "unvault": "encrypted files are decrypted when they are read",
    },
}


def unknown(kind: str, name: str, known: Iterable[str], line: int = 1) -> TemplateError:
    """The error for a filter, test or lookup (`kind`) that does not exist."""
    short = next((name.removeprefix(prefix) for prefix in _PREFIXES if name.startswith(prefix)), None)
    if short is not None and short in known:
        hint = f"write '{short}'"
    else:
        hint = _INSTEAD.get(kind, {}).get(short or name) or did_you_mean(name, known)
    return TemplateError(f"there is no {kind} '{name}'", hint=hint, line=line, rule=_RULES[kind])
