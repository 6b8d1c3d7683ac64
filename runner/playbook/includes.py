"""What a run takes in while it goes on: files of tasks and roles, as entries of the play's tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any, Final

from runner.document import Document, grafted
from runner.errors import Location
from runner.frozen import frozen
from runner.playbook.library import Library, Origin
from runner.playbook.model import Entry, Role
from runner.playbook.parse import included_role, tasks_in
from runner.playbook.roles import FOLDERS, LOADED, Wanted
from runner.playbook.scope import RoleScope

INCLUDES: Final = frozenset({"include_tasks", "include_role"})
"""The actions that take something in while a playbook runs."""


@frozen
class Inclusion:
    """What one include takes in: the document it was read from, and the entries that it gives."""

    document: Document
    entries: tuple[Entry, ...]

    @property
    def role(self) -> Role | None:
        """The role that was included."""
        found = self.entries[0] if self.entries and LOADED in _mapping(self.document.data) else None
        return found if isinstance(found, Role) else None


@frozen
class Taken:
    """What is to be included: a file of tasks, or a role (`path` is its directory) with the files that are not
    `main`."""

    path: FilePath
    is_role: bool = False
    files: tuple[tuple[str, str], ...] = ()

    def shown(self, directory: FilePath) -> str:
        """Its name in paths of tasks: relative to the playbook's directory, if it is below it."""
        name = str(self.path.relative_to(directory) if self.path.is_relative_to(directory) else self.path)
        return ":".join((name, *(f"{folder}={file}" for folder, file in self.files)))


def role_files(args: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The files of a role that an include's arguments ask for, by folder."""
    wanted = ((folder, args.get(f"{folder}_from")) for folder in FOLDERS)
    return tuple((folder, str(name)) for folder, name in wanted if name and name != "main")


def included(
    library: Library, taken: Taken, origin: Origin, prefix: str, place: Location, inside: RoleScope | None
) -> Inclusion | None:
    """Read what is taken in; problems are the library's. `prefix` begins the paths of its tasks, `inside` is the
    role whose task includes it, `place` that of the include."""
    chain = inside.chain if inside else ()
    if taken.is_role:
        loaded = library.role(
            Wanted(taken.path.name, place, dict(taken.files), taken.path), replace(origin, through=())
        )
        if loaded is None:
            return None
        document = grafted(Document({}, {(): place}, {}, place.file), {(LOADED,): loaded})
        return Inclusion(document, (included_role(document, prefix, chain),))
    known: Sequence[FilePath] = origin.through
    search = replace(origin.search, beside=taken.path.parent)
    found = library.tasks(taken.path, replace(origin, search=search, through=(*known, taken.path)))
    return Inclusion(found, tasks_in(found, prefix, chain)) if found else None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
