"""Reads a playbook and every file it imports, and puts what is imported in its place.

An imported file becomes a part of the document that imports it: data as if it had been written there, each
part with its place in its own file. So all that follows deals with one tree, and its problems lie where
they were written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path as FilePath
from typing import Any, Final, Literal

from runner.document import Document, Examined, Path, grafted, listed, part_of
from runner.errors import Location, Problem
from runner.frozen import frozen
from runner.playbook.places import Search, first_file
from runner.playbook.roles import FOLDERS, LOADED, Roles, Wanted
from runner.rules import Rule
from runner.schema import (
    BLOCK_KEYS,
    Structure,
    handlers_structure,
    modules_with_defaults,
    playbook_structure,
    tasks_structure,
    variables_structure,
)
from runner.template import Templar, TemplateError, is_template

IMPORTED: Final = "import"
"""The key under which a task that imports a file holds the file's tasks."""
IMPORTS: Final = "imports"
"""The key under which a play holds the entries of the playbooks that import it, outermost first."""

Kind = Literal["task", "handler"]
Check = Callable[[Document, frozenset[str]], Structure]
Key = tuple[FilePath, Check]


@frozen
class Origin:
    """From where a file is taken in: what may be looked for where, the variables that are known before any host
    is, and the files that are being read, outermost first."""

    search: Search
    kind: Kind = "task"
    known: Mapping[str, object] = field(default_factory=dict)
    through: tuple[FilePath, ...] = ()

    def inside(self, path: FilePath, known: Mapping[str, object]) -> Origin:
        """The same from within a file."""
        search = replace(self.search, beside=path.parent)
        return replace(self, search=search, known={**self.known, **known}, through=(*self.through, path))


class Library:
    """`problems` is what is wrong with the files; `unreadable` are the places where not even YAML is right.

    `defaulted` are the modules that `module_defaults` names.
    `has_sealed`: a file of variables is encrypted and there is no key, so that any variable may exist.
    """

    def __init__(self, templar: Templar, extra_vars: Mapping[str, object]) -> None:
        self.problems: list[Problem] = []
        self.unreadable: set[Location | None] = set()
        self.has_sealed = False
        self.defaulted: frozenset[str] = frozenset()
        self._templar = templar
        self._extra_vars = extra_vars
        self._read: dict[Key, tuple[Document | None, tuple[Problem, ...]]] = {}
        self._roles = Roles(self)

    def playbook(self, examined: Examined, through: tuple[FilePath, ...] = ()) -> Document | None:
        """A playbook with all it imports, without what is wrong; None if it is no playbook at all."""
        document = self._usable(examined, playbook_structure)
        if document is None or not isinstance(document.data, list):
            return None
        through = (*through, FilePath(document.file))
        plays: list[Document] = []
        for index, play in enumerate(document.data):
            part = part_of(document, (index,))
            plays += self._plays(part, through) if "import_playbook" in play else [self._play(part, through)]
        return listed(plays, document.file)

    def _plays(self, entry: Document, through: tuple[FilePath, ...]) -> Iterator[Document]:
        """The plays of an imported playbook, each with the entry that imports it."""
        data: Any = entry.data
        place = entry.at(("import_playbook",))
        search = Search(through[-1].parent)
        name = self._name(data["import_playbook"], data.get("vars") or {}, place)
        path = self._found(name, (search.playbook / name,), through, place) if name else None
        document = self.playbook(self._templar.keys.examine(path), through) if path else None
        for index in range(len(document.data)) if document and isinstance(document.data, list) else ():
            play = part_of(document, (index,)) if document else entry
            entries = [entry, *(part_of(play, (IMPORTS, n)) for n in range(len(_mapping(play.data).get(IMPORTS, ()))))]
            yield grafted(play, {(IMPORTS,): listed(entries, entry.file)})

    def _play(self, play: Document, through: tuple[FilePath, ...]) -> Document:
        data = _mapping(play.data)
        grafts: dict[Path, Document] = {}
        origin = Origin(Search(through[-1].parent), known=data.get("vars") or {}, through=through)
        grafts |= self.roles(data.get("roles"), ("roles",), play, origin)
        for section in ("pre_tasks", "tasks", "post_tasks"):
            grafts |= self._imports(data.get(section), (section,), play, origin)
        grafts |= self._imports(data.get("handlers"), ("handlers",), play, replace(origin, kind="handler"))
        return grafted(play, grafts)

    def tasks(self, path: FilePath, origin: Origin) -> Document | None:
        """A file of tasks or handlers with all it imports, without what is wrong; None if it holds none at all."""
        check = handlers_structure if origin.kind == "handler" else tasks_structure
        document = self.read(path, check)
        if document is None:
            return None
        entries = document.data if isinstance(document.data, list) else []
        return grafted(replace(document, data=entries), self._imports(entries, (), document, origin))

    def read(self, path: FilePath, check: Check) -> Document | None:
        """A file, read and checked once, without what is wrong; it may be empty."""
        key = (path, check)
        if key not in self._read:
            self._keep(key, self._templar.keys.examine(path, allow_empty=True))
        return self._again(key)

    def variables(self, path: FilePath) -> Document | None:
        """A file of variables, which may be encrypted: if it cannot be opened it is empty, and `has_sealed` set."""
        key = (path, variables_structure)
        if key not in self._read:
            keys = self._templar.keys
            examined = keys.variables(path, allow_empty=True)
            self.has_sealed = self.has_sealed or examined.sealed
            self._keep(key, examined)
        return self._again(key)

    def role(self, wanted: Wanted, origin: Origin) -> Document | None:
        """What is in a role's directory, with its dependencies; None, and a problem, if it cannot be had."""
        return self._roles.load(wanted, origin)

    def roles(self, entries: Any, at: Path, document: Document, origin: Origin) -> dict[Path, Document]:
        """A list of roles, each with what is in its directory, by the place it belongs to."""
        found: dict[Path, Document] = {}
        for index, entry in enumerate(entries or ()):
            here = (*at, index)
            named: Mapping[str, Any] = {"role": entry} if isinstance(entry, str) else entry
            key = "role" if "role" in named else "name"
            if isinstance(entry, str):
                found[here] = Document(named, {(): document.at(here), (key,): document.at(here)}, {}, document.file)
            place = document.at((*here, key))
            found[*here, LOADED] = self._role(named, str(named.get(key, "")), {}, place, origin)
        return found

    def _role(
        self, entry: Mapping[str, Any], written: str, files: Mapping[str, str], place: Location, origin: Origin
    ) -> Document:
        """What is in a role's directory; nothing, and a problem, if it cannot be had."""
        own = {key: value for key, value in entry.items() if key not in ("role", "name")}
        known = {**own, **(entry.get("vars") or {})}
        name = written and self._name(written, {**origin.known, **known}, place)
        inside = replace(origin, kind="task", known={**origin.known, **known})
        loaded = self._roles.load(Wanted(name, place, files), inside) if name else None
        return loaded or Document({"name": written, "directory": ""}, {}, {}, place.file)

    def _imports(self, entries: Any, at: Path, document: Document, origin: Origin) -> dict[Path, Document]:
        """The files of tasks that are imported among `entries`, by the place they belong to."""
        found: dict[Path, Document] = {}
        for index, entry in enumerate(entries or ()):
            here = (*at, index)
            for section in sorted(BLOCK_KEYS & entry.keys()):
                inner = replace(origin, known={**origin.known, **(entry.get("vars") or {})})
                found |= self._imports(entry[section], (*here, section), document, inner)
            if "import_tasks" in entry:
                part = self._imported(entry, here, document, origin)
                found[*here, IMPORTED] = part or Document([], {}, {}, document.file)
            elif "import_role" in entry:
                found[*here, LOADED] = self._imported_role(entry, here, document, origin)
        return found

    def _imported(self, entry: Mapping[str, Any], at: Path, document: Document, origin: Origin) -> Document | None:
        written, inside = _argument(entry, "import_tasks", "file")
        if not isinstance(written, str):
            return None
        own = entry.get("vars") or {}
        place = document.at((*at, *inside))
        name = written and self._name(written, {**origin.known, **own}, place)
        path = self._found(name, origin.search.tasks(name), origin.through, place) if name else None
        return self.tasks(path, origin.inside(path, own)) if path else None

    def _imported_role(self, entry: Mapping[str, Any], at: Path, document: Document, origin: Origin) -> Document:
        args = {**_mapping(entry.get("args")), **_mapping(entry["import_role"])}
        _, inside = _argument(entry, "import_role", "name")
        files = {folder: str(args[f"{folder}_from"]) for folder in FOLDERS if args.get(f"{folder}_from")}
        given = {"vars": entry.get("vars") or {}}
        return self._role(given, str(args.get("name", "")), files, document.at((*at, *inside)), origin)

    def _name(self, text: str, known: Mapping[str, object], place: Location) -> str | None:
        """The name of an imported file, which may hold templates over what is known before any host is."""
        if not is_template(text):
            return text
        try:
            return self._templar.render_text(text, {**known, **self._extra_vars})
        except TemplateError as error:
            hint = "an import is read before the run, so only the play's own vars and -e are known; use include_tasks"
            self.problems.append(Problem(error.message, place, hint, rule=error.rule))
            return None

    def _found(
        self, name: str, candidates: tuple[FilePath, ...], through: Sequence[FilePath], place: Location
    ) -> FilePath | None:
        """The file of that name; None, and a problem, if there is none or if it leads back to where one is."""
        path = first_file(candidates)
        if path is None:
            looked = " and ".join(str(candidate) for candidate in candidates)
            message = f"there is no file '{name}'"
            self.problems.append(Problem(message, place, f"looked for {looked}", rule=Rule.MISSING_FILE))
            return None
        return path if self.is_new(path, through, place) else None

    def is_new(self, path: FilePath, through: Sequence[FilePath], place: Location) -> bool:
        """Whether a file, or a role's directory, is not among those that lead to it; else there is a problem."""
        same = [index for index, other in enumerate(through) if other.resolve() == path.resolve()]
        if same:
            circle = " → ".join(str(file) for file in (*through[same[0] :], path))
            what = "role" if path.is_dir() else "file"
            message = f"the {what} takes itself in: {circle}"
            self.problems.append(Problem(message, place, "break the circle", rule=Rule.CIRCULAR_FILE))
        return not same

    def _keep(self, key: Key, examined: Examined) -> None:
        before = len(self.problems)
        document = self._usable(examined, key[1])
        self._read[key] = document, tuple(self.problems[before:])
        del self.problems[before:]

    def _again(self, key: Key) -> Document | None:
        """What was read; whoever takes it in hears of its problems."""
        document, problems = self._read[key]
        self.problems += problems
        return document

    def _usable(self, examined: Examined, check: Check) -> Document | None:
        """What can be used of a file that was read; the rest becomes problems."""
        self.problems += examined.problems
        self.unreadable |= {problem.location for problem in examined.problems}
        if examined.document is None:
            return None
        self.defaulted |= modules_with_defaults(examined.document.data)
        structure = check(examined.document, self.defaulted)
        self.problems += [problem for problem in structure.problems if problem.location not in self.unreadable]
        return structure.usable


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _argument(entry: Mapping[str, Any], action: str, name: str) -> tuple[object, Path]:
    """The value of an action's argument and where it stands in the task; the argument may be its free form."""
    written = entry[action]
    if isinstance(written, Mapping) and name in written:
        return written[name], (action, name)
    if name in _mapping(entry.get("args")):
        return entry["args"][name], ("args", name)
    return written, (action,)
