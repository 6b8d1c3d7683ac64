"""Whether files are there on the controller, for names anybody may have written."""

from __future__ import annotations

from pathlib import Path


def exists(path: Path) -> bool:
    """Whether something is there; False for names no file can have (too long, with a null character)."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def is_file(path: Path) -> bool:
    """Whether a regular file is there; False for names no file can have."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def expanded(name: str) -> Path:
    """The path a name means, with `~` and `~user` replaced where that user exists."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)
