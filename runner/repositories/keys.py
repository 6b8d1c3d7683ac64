"""Which keys an object may have; asked before any store is."""

from __future__ import annotations

import re
from typing import Final

from runner.errors import RepositoryError

# A leading dot is kept for a store's own business: `.`, `..`, and names of unfinished files.
_NAME: Final = re.compile(r"[A-Za-z0-9_=+@-][A-Za-z0-9._=+@-]*")
_LONGEST_NAME: Final = 200
_LONGEST_KEY: Final = 900


def is_key(text: str) -> bool:
    """Whether `text` is a relative path of names made of letters, digits and `._-=+@`, none starting with a dot."""
    names = text.split("/")
    return len(text) <= _LONGEST_KEY and all(
        len(name) <= _LONGEST_NAME and _NAME.fullmatch(name) is not None for name in names
    )


def check_key(key: str) -> str:
    """`key` itself; RepositoryError if it is not one."""
    if is_key(key):
        return key
    raise RepositoryError(
        message=f"{key!r} cannot be the key of an object",
        why="a key that a file system or a store reads differently could reach outside the repository",
        hint="use letters, digits and ._-=+@ in names separated by '/', none starting with a dot",
    )


def check_prefix(prefix: str) -> str:
    """`prefix` itself: empty, or the beginning of a key; RepositoryError otherwise."""
    if prefix and not is_key(prefix.removesuffix("/")):
        check_key(prefix)
    return prefix
