"""A role's directory -> one document with all that is in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, Final

from runner.document import Document, Path, grafted
from runner.errors import Location, Problem
from runner.frozen import frozen
from runner.localfiles import exists, is_file
from runner.playbook.places import first_directory, first_file
from runner.rules import Rule
from runner.schema import role_meta_structure

if TYPE_CHECKING:
    from runner.playbook.library import Library, Origin

LOADED: Final = "loaded"
"""The key under which an entry that names a role holds what is in the role's directory."""
FOLDERS: Final = ("tasks", "handlers", "defaults", "vars")
_SUFFIXES: Final = ("", ".yml", ".yaml", ".json")


@frozen
class Wanted:
    """A role that is asked for; `files` are the files of its folders that are not `main`, `directory` where it was
    found, if it was looked for before."""

    name: str
    place: Location
    files: Mapping[str, str]
    directory: FilePath | None = None


class Roles:
    """Finds roles and reads them through the library."""

    def __init__(self, library: Library) -> None:
        self._library = library

    def load(self, wanted: Wanted, origin: Origin) -> Document | None:
        """The role with its dependencies; None, and a problem, if it is not there or leads back to itself."""
        directory = wanted.directory or self._directory(wanted, origin)
        if directory is None or not self._library.is_new(directory, origin.through, wanted.place):
            return None
        search = replace(origin.search, beside=directory / "tasks", roles=(directory, *origin.search.roles))
        inside = replace(origin, search=search, through=(*origin.through, directory))
        parts: dict[Path, Document] = {}
        for folder in FOLDERS:
            part = self._folder(folder, directory, wanted, inside)
            if part is not None:
                parts[folder,] = part
        meta = self._meta(directory, inside)
        if meta is not None:
            parts["meta",] = meta
        about = {"name": directory.name, "directory": str(directory), "files": dict(wanted.files)}
        places: dict[Path, Location] = {(): Location(str(directory), 1, 1)}
        return grafted(Document(about, places, {}, str(directory)), parts)

    def _directory(self, wanted: Wanted, origin: Origin) -> FilePath | None:
        candidates = origin.search.role(wanted.name)
        found = first_directory(candidates)
        if found is None:
            looked = " and ".join(str(place) for place in candidates)
            message = f"there is no role '{wanted.name}'"
            self._library.problems.append(
                Problem(message, wanted.place, f"looked for {looked}", rule=Rule.MISSING_FILE)
            )
        return found

    def _folder(self, folder: str, directory: FilePath, wanted: Wanted, inside: Origin) -> Document | None:
        """The tasks or handlers, or the variables, in a folder of the role; None if it has none."""
        name = wanted.files.get(folder, "main")
        path = first_file(tuple(directory / folder / f"{name}{suffix}" for suffix in _SUFFIXES))
        if path is None:
            several = directory / folder / name
            if folder in ("defaults", "vars") and exists(several) and several.is_dir():
                return self._variables([one for one in sorted(several.rglob("*")) if is_file(one)])
            if folder in wanted.files:
                message = f"the role '{directory.name}' has no file '{folder}/{name}'"
                hint = f"looked in {directory / folder}"
                self._library.problems.append(Problem(message, wanted.place, hint, rule=Rule.MISSING_FILE))
            return None
        if folder in ("defaults", "vars"):
            return self._variables([path])
        known = {**inside.known, **_values(self._folder("defaults", directory, wanted, inside))}
        here = replace(inside, kind="handler" if folder == "handlers" else "task", known=known)
        here = replace(here, search=replace(here.search, beside=path.parent))
        return self._library.tasks(path, here)

    def _variables(self, paths: list[FilePath]) -> Document | None:
        """The variables of these files, the later ones winning."""
        data: dict[str, object] = {}
        parts: dict[Path, Document] = {}
        for path in paths:
            document = self._library.variables(path)
            if document is None:
                continue
            for name, value in _values(document).items():
                data[name] = value
                places = {at[1:]: place for at, place in document.places.items() if at[:1] == (name,)}
                keys = {at[1:]: place for at, place in document.key_places.items() if at[:1] == (name,)}
                parts[name,] = Document(value, places, keys, document.file)
        return grafted(Document(data, {}, {}, str(paths[0])), parts) if paths else None

    def _meta(self, directory: FilePath, inside: Origin) -> Document | None:
        path = first_file(tuple(directory / "meta" / f"main{suffix}" for suffix in _SUFFIXES))
        document = self._library.read(path, role_meta_structure) if path else None
        if document is None or not isinstance(document.data, dict):
            return None
        entries = document.data.get("dependencies") or ()
        outside = replace(inside, search=replace(inside.search, beside=None))
        return grafted(document, self._library.roles(entries, ("dependencies",), document, outside))


def _values(document: Document | None) -> Mapping[str, Any]:
    return document.data if document is not None and isinstance(document.data, dict) else {}
