"""Filters over paths. Those that look (`realpath`, `fileglob`, `expanduser`) look on the controller."""

from __future__ import annotations

import glob
import os.path
import posixpath
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from runner.localfiles import is_file
from runner.template.values import items_of


def _path_join(parts: object) -> str:
    return posixpath.join(*[parts] if isinstance(parts, str) else [str(part) for part in items_of(parts)])


def _fileglob(pathname: str) -> list[str]:
    return [found for found in glob.glob(pathname) if is_file(Path(found))]  # noqa: PTH207  the text stays as written


PATH_FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "basename": lambda path: posixpath.basename(str(path)),
    "dirname": lambda path: posixpath.dirname(str(path)),
    "splitext": lambda path: list(posixpath.splitext(str(path))),
    "normpath": lambda path: posixpath.normpath(str(path)),
    "path_join": _path_join,
    "commonpath": lambda paths: posixpath.commonpath([str(path) for path in items_of(paths)]),
    "relpath": lambda path, start=os.curdir: os.path.relpath(str(path), start),
    "realpath": lambda path: os.path.realpath(str(path)),
    "expanduser": lambda path: os.path.expanduser(str(path)),  # noqa: PTH111  `~nobody` stays as it is
    "expandvars": lambda path: os.path.expandvars(str(path)),
    "fileglob": _fileglob,
}
