"""A playbook's tasks in one line, each with what surrounds it and its place in its file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from runner.document import Document, Path
from runner.errors import Location
from runner.frozen import frozen
from runner.playbook import IMPORTED, IMPORTS, Block, Play, Search, Task
from runner.schema import Kind

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

    def place(self, *inside: str | int) -> Location:
        """The place of the value at `inside` this entry."""
        return self.document.at((*self.at, *inside))


@frozen
class Step:
    """A task as parsed and as written.

    `around` are the blocks it stands in, outermost first. `recovering`: it stands in a `rescue` or `always`
    section. `is_handler`: it waits to be notified. `search` is where its files are looked for.
    """

    task: Task
    own: Level
    search: Search
    around: tuple[Level, ...] = ()
    recovering: bool = False
    is_handler: bool = False

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
        inner = (level.raw.get("vars") or {} for level in self.levels if level.kind != "import_playbook")
        return {name: value for variables in inner for name, value in variables.items()}

    @property
    def loop_variables(self) -> frozenset[str]:
        """The variables a loop sets."""
        if self.task.loop is None:
            return frozenset()
        control = self.task.loop_control
        return frozenset({control.loop_var, *([control.index_var] if control.index_var else [])})


def levels_of_play(document: Document, index: int) -> tuple[Level, ...]:
    """A play, and the entries that import its playbook, outermost first."""
    raw: Raw = document.data[index]  # type: ignore[index]  # a playbook is a list
    imports = [
        Level("import_playbook", entry, (index, IMPORTS, n), document) for n, entry in enumerate(raw.get(IMPORTS, ()))
    ]
    return (*imports, Level("play", raw, (index,), document))


def steps(play: Play, document: Document, index: int) -> list[Step]:
    """Every task and handler of a play, in order."""
    *imports, own = levels_of_play(document, index)
    walk = _Walk(document, Search(play.directory), tuple(imports))
    found: list[Step] = []
    for section in ("pre_tasks", "tasks", "post_tasks", "handlers"):
        here = replace(walk, is_handler=section == "handlers")
        found.extend(here.below(getattr(play, section), own.raw.get(section) or (), (index, section)))
    return found


@frozen
class _Walk:
    document: Document
    search: Search
    around: tuple[Level, ...] = ()
    recovering: bool = False
    is_handler: bool = False

    def below(self, entries: Sequence[Task | Block], raws: Sequence[Raw], at: Path) -> Iterator[Step]:
        for index, (entry, raw) in enumerate(zip(entries, raws, strict=True)):
            here = (*at, index)
            if isinstance(entry, Task):
                own = Level("handler" if self.is_handler else "task", raw, here, self.document)
                yield Step(entry, own, self.search, self.around, self.recovering, self.is_handler)
            elif IMPORTED in raw:
                yield from self._inside(entry, Level("task", raw, here, self.document)).below(
                    entry.block, raw[IMPORTED], (*here, IMPORTED)
                )
            else:
                yield from self._inside(entry, Level("block", raw, here, self.document))._block(entry, raw, here)

    def _block(self, block: Block, raw: Raw, at: Path) -> Iterator[Step]:
        recovering = replace(self, recovering=True)
        yield from self.below(block.block, raw.get("block") or (), (*at, "block"))
        yield from recovering.below(block.rescue, raw.get("rescue") or (), (*at, "rescue"))
        yield from recovering.below(block.always, raw.get("always") or (), (*at, "always"))

    def _inside(self, block: Block, level: Level) -> _Walk:
        beside = block.keywords.directory or self.search.beside
        return replace(self, around=(*self.around, level), search=replace(self.search, beside=beside))
