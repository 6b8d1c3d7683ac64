"""Tests that look at paths of the controller."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

_VAULT: Final = b"$ANSIBLE_VAULT"


def _of_path(test: Callable[[Path], bool]) -> Callable[[object], bool]:
    return lambda path: test(Path(str(path)))


def _same_file(path: object, other: object) -> bool:
    return Path(str(path)).samefile(str(other))


def _vaulted(path: object) -> bool:
    with Path(str(path)).open("rb") as file:
        return file.read(len(_VAULT)) == _VAULT


PLACE_TESTS: Final[Mapping[str, Callable[..., bool]]] = {
    **dict.fromkeys(("file", "is_file"), _of_path(Path.is_file)),
    **dict.fromkeys(("directory", "is_dir"), _of_path(Path.is_dir)),
    **dict.fromkeys(("link", "is_link"), _of_path(Path.is_symlink)),
    "exists": _of_path(Path.exists),
    "link_exists": lambda path: os.path.lexists(str(path)),
    **dict.fromkeys(("abs", "is_abs"), _of_path(Path.is_absolute)),
    **dict.fromkeys(("same_file", "is_same_file"), _same_file),
    **dict.fromkeys(("mount", "is_mount"), _of_path(Path.is_mount)),
    "vaulted_file": _vaulted,
}
