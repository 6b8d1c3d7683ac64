"""A playbook's tasks in one line, each with what surrounds it and its place in its file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any

from runner.document import Document, Path
from runner.errors import Location
from runner.frozen import frozen
from runner.playbook import IMPORTED, IMPORTS, LOADED, Block, Entry, Inclusion, Play, Role, RoleScope, Search, Task
from runner.schema import BLOCK_KEYS, Kind, keyword_schema, named

Raw = Mapping[str, Any]
Key = tuple[int, Path]
"""What tells two places apart, whatever documents they are in."""


@frozen
class Level:
    """A task, or what surrounds it, as it is written at `at` of a document."""

    kind: Kind
    raw: Raw
    at: Path
    document: Document

    @property
    def key(self) -> Key:
        return id(self.document), self.at

    @property
    def own_vars(self) -> Mapping[str, object]:
        """The variables it gives the tasks inside it, which see those of a role and of a play in another way."""
        if self.kind == "role":
            known = keyword_schema("role")["properties"]
            return {name: value for name, value in self.raw.items() if name not in known and name != LOADED}
        return {} if self.kind in ("play", "import_playbook") else self.raw.get("vars") or {}

    def place(self, *inside: str | int) -> Location:
        """The place of the value at `inside` this entry."""
        return self.document.at((*self.at, *inside))


@frozen
class Step:
    """A task as parsed and as written.

    `around` are the blocks it stands in, outermost first. `recovering`: it stands in a `rescue` or `always`
    section. `is_handler`: it waits to be notified. `search` is where its files are looked for. `given` are the
    variables that loops around it set.
    """

    task: Task
    own: Level
    search: Search
    around: tuple[Level, ...] = ()
    recovering: bool = False
    is_handler: bool = False
    role: RoleScope | None = None
    given: frozenset[str] = frozenset()
    play: Level | None = None

    @property
    def raw(self) -> Raw:
        return self.own.raw

    @property
    def at(self) -> Path:
        return self.own.at

    @property
    def document(self) -> Document:
        return self.own.document

    @property
    def levels(self) -> tuple[Level, ...]:
        """What surrounds it and itself, outermost first."""
        return (*self.around, self.own)

    @property
    def own_vars(self) -> dict[str, object]:
        """The variables of its blocks and its own, the innermost winning."""
        return {name: value for level in self.levels for name, value in level.own_vars.items()}

    @property
    def loop_variables(self) -> frozenset[str]:
        """The variables that its loop sets, and those around it."""
        if self.task.loop is None:
            return self.given
        control = self.task.loop_control
        return self.given | {control.loop_var, *([control.index_var] if control.index_var else [])}


def levels_of_play(document: Document, index: int) -> tuple[Level, ...]:
    """A play, and the entries that import its playbook, outermost first."""
    raw: Raw = document.data[index]  # type: ignore[index]  # a playbook is a list
    imports = [
        Level("import_playbook", entry, (index, IMPORTS, n), document) for n, entry in enumerate(raw.get(IMPORTS, ()))
    ]
    return (*imports, Level("play", raw, (index,), document))


def inner_steps(step: Step, inclusion: Inclusion) -> Iterator[Step]:
    """The tasks that an include takes in."""
    document, at = step.document, step.at
    around = [*step.around, Level("task", step.raw, at, document)]
    for part in (step.task.module, "args"):
        written = step.raw.get(part)
        if isinstance(written, Mapping) and isinstance(written.get("apply"), Mapping):
            around.append(Level("apply", written["apply"], (*at, part, "apply"), document))
    walk = _Walk(
        inclusion.document,
        step.play,
        step.search,
        tuple(around),
        step.recovering,
        role=step.role,
        given=step.loop_variables,
    )
    return walk.inclusion(inclusion)


def steps_in(inclusion: Inclusion, search: Search) -> list[Step]:
    """The tasks that are taken in, on their own."""
    return list(_Walk(inclusion.document, None, search).inclusion(inclusion))


def steps(play: Play, document: Document, index: int) -> list[Step]:
    """Every task and handler of a play, in order."""
    *imports, own = levels_of_play(document, index)
    walk = _Walk(document, own, Search(play.directory), tuple(imports))
    found: list[Step] = []
    for section in ("pre_tasks", "roles", "tasks", "post_tasks", "handlers"):
        here = replace(walk, is_handler=section == "handlers")
        found.extend(here.below(getattr(play, section), own.raw.get(section) or (), (index, section)))
    return found


@frozen
class _Walk:
    document: Document
    play: Level | None
    search: Search
    around: tuple[Level, ...] = ()
    recovering: bool = False
    is_handler: bool = False
    role: RoleScope | None = None
    given: frozenset[str] = frozenset()

    def inclusion(self, inclusion: Inclusion) -> Iterator[Step]:
        data: Any = inclusion.document.data
        if role := inclusion.role:
            return self._inside(role, None)._role(role, data[LOADED], (LOADED,))
        beside = FilePath(inclusion.document.file).parent
        return replace(self, search=replace(self.search, beside=beside)).below(inclusion.entries, data, ())

    def below(self, entries: Sequence[Entry], raws: Sequence[Raw], at: Path) -> Iterator[Step]:
        for index, (entry, raw) in enumerate(zip(entries, raws, strict=True)):
            here = (*at, index)
            if isinstance(entry, Task):
                own = Level("handler" if self.is_handler else "task", raw, here, self.document)
                yield self._step(_with_defaults(entry, (self.play, *self.around, own)), own)
            elif isinstance(entry, Role):
                level = Level("task" if "import_role" in raw else "role", raw, here, self.document)
                yield from self._inside(entry, level)._role(entry, raw[LOADED], (*here, LOADED))
            elif IMPORTED in raw and not BLOCK_KEYS & raw.keys():
                yield from self._inside(entry, Level("task", raw, here, self.document)).below(
                    entry.block, raw[IMPORTED], (*here, IMPORTED)
                )
            else:
                yield from self._inside(entry, Level("block", raw, here, self.document))._block(entry, raw, here)

    def _step(self, task: Task, own: Level) -> Step:
        return Step(task, own, self.search, self.around, self.recovering, self.is_handler, self.role, self.given)

    def _block(self, block: Block, raw: Raw, at: Path) -> Iterator[Step]:
        recovering = replace(self, recovering=True)
        yield from self.below(block.block, raw.get("block") or (), (*at, "block"))
        yield from recovering.below(block.rescue, raw.get("rescue") or (), (*at, "rescue"))
        yield from recovering.below(block.always, raw.get("always") or (), (*at, "always"))

    def _role(self, role: Role, loaded: Raw, at: Path) -> Iterator[Step]:
        needed = (loaded.get("meta") or {}).get("dependencies") or ()
        yield from self.below(role.dependencies, needed, (*at, "meta", "dependencies"))
        yield from self.below(role.tasks, loaded.get("tasks") or (), (*at, "tasks"))
        beside = replace(self.search, beside=role.scope.directory / "handlers")
        handlers = replace(self, is_handler=True, search=beside)
        yield from handlers.below(role.handlers, loaded.get("handlers") or (), (*at, "handlers"))

    def _inside(self, entry: Block | Role, level: Level | None) -> _Walk:
        beside = entry.keywords.directory or self.search.beside
        role = entry.keywords.role or self.role
        search = replace(self.search, beside=beside, roles=role.directories if role else ())
        around = (*self.around, level) if level else self.around
        return replace(self, around=around, search=search, role=role)


def _with_defaults(task: Task, levels: Sequence[Level | None]) -> Task:
    """The task with the arguments that the innermost `module_defaults` for its module gives."""
    for level in reversed(levels):
        defaults = level.raw.get("module_defaults") if level else None
        if isinstance(defaults, Mapping) and task.module in defaults:
            return replace(task, args={**named(task.module, defaults[task.module]), **task.args})
    return task
