"""Where the files that tasks name are looked for on the controller, in Ansible's order."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from runner.frozen import frozen
from runner.localfiles import exists, expanded, is_file

ROLES_PATH: Final = "SENTRAPLAY_ROLES_PATH"
"""The environment variable with more directories in which roles are looked for."""


@frozen
class Search:
    """`roles` are the directories of a task's role and of those it came in through, `beside` is that of the
    task's file, `playbook` that of its playbook."""

    playbook: Path
    beside: Path | None = None
    roles: tuple[Path, ...] = ()

    @property
    def bases(self) -> tuple[Path, ...]:
        """Every directory that is looked into, the nearest first."""
        return tuple(dict.fromkeys((*self.roles, self.beside or self.playbook, self.playbook)))

    def candidates(self, kind: str, name: str) -> tuple[Path, ...]:
        """Where `name` may be; `kind` is the directory for its like (`files`, `templates`, `vars`)."""
        wanted = expanded(name)
        if wanted.is_absolute():
            return (wanted,)
        return tuple(dict.fromkeys(place for base in self.bases for place in (base / kind / wanted, base / wanted)))

    def tasks(self, name: str) -> tuple[Path, ...]:
        """Where a file of tasks or handlers may be."""
        wanted = expanded(name)
        return (wanted,) if wanted.is_absolute() else tuple(dict.fromkeys(self._tasks(wanted)))

    def role(self, name: str) -> tuple[Path, ...]:
        """Where the directory of a role may be."""
        wanted = expanded(name)
        beside = (directory.parent for directory in self.roles)
        bases = (self.playbook / "roles", *_roles_path(), *beside, self.playbook)
        return (wanted,) if wanted.is_absolute() else tuple(dict.fromkeys(base / wanted for base in bases))

    def _tasks(self, wanted: Path) -> Iterator[Path]:
        if self.roles:
            handlers = self.roles[0] / "handlers"
            yield (handlers if self.beside == handlers else self.roles[0] / "tasks") / wanted
        yield (self.beside or self.playbook) / wanted
        if self.roles:
            yield self.roles[0] / wanted
        yield self.playbook / wanted


def _roles_path() -> Iterator[Path]:
    return (Path(path) for path in os.environ.get(ROLES_PATH, "").split(os.pathsep) if path)


def first_directory(candidates: tuple[Path, ...]) -> Path | None:
    """The first of them that is a directory."""
    return next((place for place in candidates if exists(place) and place.is_dir()), None)


def first_file(candidates: tuple[Path, ...]) -> Path | None:
    """The first of them that is a file."""
    return next((place for place in candidates if is_file(place)), None)
