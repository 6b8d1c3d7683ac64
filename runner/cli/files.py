"""Files named on the command line: found, or answered with the nearest name."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from runner.errors import UsageError

_YAML: Final = (".yml", ".yaml")


def existing(what: str, paths: Sequence[Path], *, directories: bool = False) -> tuple[Path, ...]:
    """The paths as given; UsageError for the first that is not there, or is a directory where none may be."""
    for path in paths:
        if path.is_dir() and not directories:
            raise UsageError(f"{path} is a directory, not a {what}", hint=_alternatives(path / "x", _YAML))
        if not path.exists():
            raise UsageError(f"there is no {what} {path}", hint=_alternatives(path, () if directories else _YAML))
    return tuple(paths)


def existing_inventories(sources: Sequence[str]) -> tuple[str, ...]:
    """The inventory sources as given; UsageError for the first that is a path where nothing is."""
    from runner.inventory import is_host_list

    existing("inventory", [Path(source) for source in sources if not is_host_list(source)], directories=True)
    return tuple(sources)


def absolute(source: str) -> str:
    """An inventory source that means the same in every directory."""
    from runner.inventory import is_host_list

    return source if is_host_list(source) else str(Path(source).absolute())


def _alternatives(path: Path, suffixes: Sequence[str]) -> str:
    """The nearest name beside a path, or some of those there are; only files with these suffixes, if there are any."""
    try:
        beside = sorted(found.name for found in path.parent.iterdir() if not found.name.startswith("."))
        names = [name for name in beside if not suffixes or name.endswith(tuple(suffixes))]
    except OSError:
        return f"there is no directory {path.parent} either"
    if near := difflib.get_close_matches(path.name, names, n=1):
        return f"did you mean {path.parent / near[0]}?"
    return f"{path.parent} holds {', '.join(names[:8])}" if names else f"{path.parent} holds no such file"
