"""Which tasks set a variable while the run goes on, and whether one of them can have done so before another task."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from runner.document import Document
from runner.frozen import frozen
from runner.plan.model import Options
from runner.plan.tags import selected, written_tags
from runner.plan.tree import Level, Step, levels_of_play

_SETS_ANYTHING: Final = frozenset({"add_host", "group_by"})
"""Modules that set variables which nobody can name before the run."""


@frozen
class Setter:
    """A task that sets a variable on `hosts`; None if it may be any. `order` is its place among all tasks."""

    step: Step
    play: int
    order: int
    hosts: frozenset[str] | None


class Setters:
    """Of all plays of a playbook, in order: their tasks, and the hosts they work on (none: not known).

    `elsewhere` are names that are set in other ways too; `in_order` is false if there are tasks that only the run
    can tell, or that are done more than once.
    """

    def __init__(
        self,
        document: Document,
        plays: Sequence[tuple[Sequence[Step], Sequence[str]]],
        options: Options,
        elsewhere: frozenset[str],
        in_order: bool = True,
    ) -> None:
        self._elsewhere = elsewhere
        self._complete = in_order
        self._names: set[str] = set()
        self._orders: dict[str, tuple[int, int, bool]] = {}
        self._setters: defaultdict[str, list[Setter]] = defaultdict(list)
        order = 0
        for index, (steps, hosts) in enumerate(plays):
            around = levels_of_play(document, index)
            for step in steps:
                order += 1
                self._orders[step.task.path] = (index, order, step.is_handler)
                if step.task.module in _SETS_ANYTHING:
                    self._complete = False
                self._names.update(_names(step))
                if not _is_left_out(step, around, options):
                    self._note(step, index, order, hosts)

    def of(self, name: str) -> Sequence[Setter]:
        return self._setters.get(name, ())

    def too_late(self, name: str, step: Step, host: str) -> bool:
        """Whether no task that sets a variable can have set it on a host when a task is due."""
        known = self._orders.get(step.task.path)
        if not self._complete or known is None or name not in self._names or name in self._elsewhere:
            return False
        play, order, is_handler = known
        for setter in self.of(name):
            here = setter.hosts is None or host in setter.hosts
            same = setter.play == play and (is_handler or setter.step.is_handler or setter.order <= order)
            if here and (setter.play < play or same):
                return False
        return True

    def alike(self, name: str, hosts: Sequence[str]) -> bool:
        """Whether the hosts are all among those a variable is set on, or none is, task by task."""
        return all(
            setter.hosts is None or setter.hosts.issuperset(hosts) or setter.hosts.isdisjoint(hosts)
            for setter in self.of(name)
        )

    def _note(self, step: Step, play: int, order: int, hosts: Sequence[str]) -> None:
        elsewhere = not hosts or any("delegate_facts" in level.raw for level in step.levels)
        where = None if elsewhere else frozenset(hosts)
        for name in _names(step):
            self._setters[name].append(Setter(step, play, order, where))


def _names(step: Step) -> Iterator[str]:
    if step.task.register:
        yield step.task.register
    if step.task.module == "set_fact":
        yield from (name for name in step.task.args if name != "cacheable")


def _is_left_out(step: Step, around: Sequence[Level], options: Options) -> bool:
    """Whether --tags or --skip-tags leave the task out."""
    if not (options.tags or options.skip_tags):
        return False
    levels: list[Mapping[str, object]] = [level.raw for level in (*around, *step.levels)]
    return not selected((tag for raw in levels for tag in written_tags(raw)), options)
