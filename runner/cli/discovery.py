"""Which files below a directory are playbooks: told by what they hold, not by what they are called."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from runner.errors import UsageError

_PLAY_KEYS: Final = frozenset(
    {"hosts", "import_playbook", "ansible.builtin.import_playbook", "tasks", "pre_tasks", "post_tasks", "roles"}
)
"""A list with one of these in an item holds plays; no item of a file of tasks has them."""

_MAY_BE: Final = re.compile(rf"\b(?:{'|'.join(map(re.escape, sorted(_PLAY_KEYS)))})[\"']?[ \t]*:")
_BEGINS_A_LIST: Final = re.compile(r"(?:\s*(?:#[^\n]*|---[^\n]*|%[^\n]*)?\n)*\s*[-\[]")


def playbooks_in(paths: Sequence[Path]) -> tuple[Path, ...]:
    """The files as they are given, and in place of each directory the playbooks below it, in order of their names.

    UsageError for a directory that holds none.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        below = [file for file in _yaml_files(path) if is_playbook(file)]
        if not below:
            hint = "a playbook is a YAML file (.yml, .yaml) that holds a list of plays: - hosts: …"
            raise UsageError(f"there is no playbook in {path}", hint=hint)
        found += below
    return tuple(found)


def is_playbook(path: Path) -> bool:
    """Whether a file is meant to be a playbook, right or wrong.

    Task files, roles, inventories and files of variables are not; a file that is no readable YAML counts if its text
    looks like a list of plays, so that it is not passed over.
    """
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return False
    if not _MAY_BE.search(text):
        return False
    from runner.document import examine_text

    document = examine_text(text, str(path)).document
    if document is None:
        return _BEGINS_A_LIST.match(text) is not None
    items = document.data if isinstance(document.data, list) else ()
    return any(isinstance(item, dict) and not _PLAY_KEYS.isdisjoint(item) for item in items)


def _yaml_files(directory: Path) -> Iterator[Path]:
    """The YAML files below a directory, those in hidden ones left out."""
    for place, directories, names in os.walk(directory):
        directories[:] = sorted(name for name in directories if not name.startswith("."))
        for name in sorted(names):
            if name.endswith((".yml", ".yaml")) and not name.startswith("."):
                yield Path(place) / name
