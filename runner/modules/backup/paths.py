"""Paths as files_backup and files_restore are given them."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence

from runner.errors import TaskFailed


def absolute(path: str, base: str | None) -> str:
    """`path`, joined to `base` if it is relative, without doubled slashes; TaskFailed if it is no path to swap."""
    whole = posixpath.join(base or "", path)
    if not whole.startswith("/"):
        raise TaskFailed(message=f"{path} is relative", hint="give an absolute path, or `base`")
    if ".." in whole.split("/"):
        raise TaskFailed(message=f"{path} goes up by ..", hint="write the path without ..")
    whole = "/" + posixpath.normpath(whole).strip("/")
    if whole == "/":
        raise TaskFailed(message="the whole file system cannot be one path", hint="name the directories that matter")
    return whole


def check_apart(paths: Sequence[str]) -> None:
    """TaskFailed if a path is given twice or lies inside another."""
    known = sorted(paths)
    for path in known:
        for other in known:
            if path is not other and (path == other or path.startswith(f"{other}/")):
                raise TaskFailed(
                    message=f"{path} is already part of {other}" if path != other else f"{path} is given twice",
                    hint="name each path once; a directory includes everything in it",
                )


def parents(paths: Iterable[str]) -> list[str]:
    """Every directory above the paths but the root, each before those in it."""
    found = set()
    for path in paths:
        while (path := posixpath.dirname(path)) != "/":
            found.add(path)
    return sorted(found)
