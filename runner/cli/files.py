"""Files named on the command line: found, or answered with the nearest name."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

from runner.errors import UsageError


def existing(what: str, paths: Sequence[Path], *, directories: bool = False) -> tuple[Path, ...]:
    """The paths as given; UsageError for the first that is not there, or is a directory where none may be."""
    for path in paths:
        if path.is_dir() and not directories:
            raise UsageError(f"{path} is a directory, not a {what}", hint=_alternatives(path / "x"))
        if not path.exists():
            raise UsageError(f"there is no {what} {path}", hint=_alternatives(path))
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


def _alternatives(path: Path) -> str:
    try:
        names = sorted(found.name for found in path.parent.iterdir() if found.suffix in (".yml", ".yaml"))
    except OSError:
        return f"there is no directory {path.parent} either"
    if near := difflib.get_close_matches(path.name, names, n=1):
        return f"did you mean {path.parent / near[0]}?"
    return f"{path.parent} holds {', '.join(names[:8])}" if names else f"{path.parent} holds no YAML file"
