"""A playbook's tasks in one line, each with what surrounds it and its place in the document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from runner.document import Path
from runner.frozen import frozen
from runner.playbook import Block, Play, Task

Raw = Mapping[str, Any]


@frozen
class Step:
    """A task as parsed and as written (`raw`, at `at`).

    `around` are the blocks it stands in, outermost first, with their places. `recovering`: it stands in a
    `rescue` or `always` section. `is_handler`: it waits to be notified.
    """

    task: Task
    raw: Raw
    at: Path
    around: tuple[tuple[Raw, Path], ...] = ()
    recovering: bool = False

    @property
    def is_handler(self) -> bool:
        return "handlers" in self.at

    @property
    def levels(self) -> tuple[tuple[Raw, Path], ...]:
        """Its blocks and itself, outermost first, with their places."""
        return (*self.around, (self.raw, self.at))

    @property
    def own_vars(self) -> dict[str, object]:
        """The variables of its blocks and its own, the innermost winning."""
        return {name: value for raw, _ in self.levels for name, value in (raw.get("vars") or {}).items()}

    @property
    def loop_variables(self) -> frozenset[str]:
        """The variables a loop sets."""
        if self.task.loop is None:
            return frozenset()
        control = self.task.loop_control
        return frozenset({control.loop_var, *([control.index_var] if control.index_var else [])})


def steps(play: Play, raw: Raw, index: int) -> list[Step]:
    """Every task and handler of a play, in order."""
    found: list[Step] = []
    for section in ("pre_tasks", "tasks", "post_tasks", "handlers"):
        entries = getattr(play, section)
        found.extend(_below(entries, raw.get(section) or (), (index, section), (), False))
    return found


def _below(
    entries: Sequence[Task | Block],
    raws: Sequence[Raw],
    at: Path,
    around: tuple[tuple[Raw, Path], ...],
    recovering: bool,
) -> Iterator[Step]:
    for index, (entry, raw) in enumerate(zip(entries, raws, strict=True)):
        here = (*at, index)
        if isinstance(entry, Task):
            yield Step(entry, raw, here, around, recovering)
            continue
        inside = (*around, (raw, here))
        yield from _below(entry.block, raw.get("block") or (), (*here, "block"), inside, recovering)
        yield from _below(entry.rescue, raw.get("rescue") or (), (*here, "rescue"), inside, True)
        yield from _below(entry.always, raw.get("always") or (), (*here, "always"), inside, True)
