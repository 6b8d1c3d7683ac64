"""The walk over a play's tree of blocks and tasks, all hosts of a batch in step.

A block's tasks run on every host that still stands; those that fail in it go on to its `rescue`
section, all that can be reached to its `always` section. The walk keeps nothing that the recorded ends
of tasks would not lead to again: a resumed run walks the same way, past what is done.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field, replace
from enum import Enum, auto
from typing import Final

from runner.engine import keywords
from runner.engine.conditions import Reader
from runner.engine.crew import Crew, Ends
from runner.engine.including import parts, taken_in
from runner.engine.metas import FOR_ALL, Action, action_of, clear_facts, forgive, reset
from runner.engine.step import Failure, Stage, Step
from runner.events import HostRescued, Status
from runner.frozen import frozen
from runner.plan import selected
from runner.playbook import INCLUDES, Block, Entry, Keywords, Role, Task, inside


class Fall(Enum):
    """Why a host left: it failed, it could not be reached, others took it with them (out of the play, or to the
    rescue of a block), or a `meta` task said that the play or the role is over for it."""

    FAILED = auto()
    DRAWN_ALONG = auto()
    UNREACHABLE = auto()
    STOPPED = auto()
    ENDED = auto()
    LEFT_ROLE = auto()


@frozen
class Fallen:
    fall: Fall
    failure: Failure | None = None


Falls = dict[str, Fallen]
LEAVES: Final = {Action.END_HOST: Fall.ENDED, Action.END_ROLE: Fall.LEFT_ROLE}
BEYOND_ALWAYS: Final = frozenset({Fall.UNREACHABLE, Fall.ENDED, Fall.LEFT_ROLE})
"""Hosts that left so do not come to `always` sections."""
Flush = Callable[["Walk", str, Sequence[str], "Scope"], Falls]
"""Gives the notified handlers their turn, at a point that is named for ever."""


@frozen
class Scope:
    """What surrounds a step. `must_run` holds in `always` sections, which even a stopped play finishes."""

    keywords: Keywords
    rescuable: bool = False
    must_run: bool = False
    is_handler: bool = False
    failures: Mapping[str, Failure] = field(default_factory=dict)


class Walk:
    """The walk of one batch; hosts that go each on its own share it.

    `is_too_much` decides, from the hosts lost for good, whether the play stops. `over`: a `meta` task ended the batch,
    or the play, for all; `forgiven` are hosts that may take part in later plays although they were lost.
    """

    def __init__(self, stage: Stage, crew: Crew, is_too_much: Callable[[frozenset[str]], bool], flush: Flush) -> None:
        self._stage = stage
        self._crew = crew
        self._is_too_much = is_too_much
        self._flush = flush
        self._lock = threading.Lock()
        self._roles_done: set[tuple[str, str]] = set()
        self.lost: frozenset[str] = frozenset()
        self.stopped = False
        self.over: Action | None = None
        self.forgiven: frozenset[str] = frozenset()

    def run(self, steps: Sequence[Entry], hosts: Sequence[str], scope: Scope) -> Falls:
        """Do `steps` in order on `hosts`; returns those that did not come through, and why."""
        fallen: Falls = {}
        for step in steps:
            standing = tuple(host for host in hosts if host not in fallen)
            if not standing:
                break
            fallen |= self._entry(step, standing, scope)
            if self.over:
                return {host: fallen.get(host, Fallen(Fall.ENDED)) for host in hosts}
            if self.stopped and not scope.must_run:
                return {host: fallen.get(host, Fallen(Fall.STOPPED)) for host in hosts}
        return fallen

    def _entry(self, entry: Entry, hosts: tuple[str, ...], scope: Scope) -> Falls:
        if isinstance(entry, Block):
            return self._block(entry, hosts, scope)
        return self._role(entry, hosts, scope) if isinstance(entry, Role) else self._task(entry, hosts, scope)

    def step(self, step: Step, hosts: tuple[str, ...], outer: Scope) -> Falls:
        """Do one task on `hosts`, and what it includes; those that fall for good are counted. `outer` surrounds it."""
        ends = self._crew.perform(self._stage.beside(step), step, hosts)
        fallen = self._ended(step, ends)
        if step.rescuable:
            fallen |= self._drawn_along(step, hosts, fallen)
        if step.task.module in INCLUDES:
            fallen |= self._include(step, {host: end for host, end in ends.items() if host not in fallen}, outer)
        return fallen

    def _ended(self, step: Step, ends: Ends) -> Falls:
        fallen = self._falls(step, ends)
        gone = {host for host, it in fallen.items() if it.fall is Fall.UNREACHABLE or not step.rescuable}
        if gone:
            is_fatal = self._is_fatal(step, gone, fallen)
            with self._lock:
                self.lost |= gone
                self.stopped = self.stopped or is_fatal or self._is_too_much(self.lost)
        return fallen

    def _drawn_along(self, step: Step, hosts: tuple[str, ...], fallen: Falls) -> Falls:
        """Where any error is fatal and the block is rescued, every host goes to the rescue."""
        failed = [host for host, it in fallen.items() if it.fall is Fall.FAILED]
        if not failed or not self._is_fatal(step, failed, fallen):
            return {}
        return {host: Fallen(Fall.DRAWN_ALONG) for host in hosts if host not in fallen}

    def _falls(self, step: Step, ends: Ends) -> Falls:
        fallen: Falls = {}
        counts_as_failed = self._stage.on_unreachable == "rescue"
        for host, end in ends.items():
            if end.status is Status.FAILED or (end.status is Status.UNREACHABLE and counts_as_failed):
                fallen[host] = Fallen(Fall.FAILED, Failure(step.task, end, step.keywords.role))
            elif end.status is Status.UNREACHABLE:
                fallen[host] = Fallen(Fall.UNREACHABLE)
        return fallen

    def _is_fatal(self, step: Step, gone: Iterable[str], fallen: Falls) -> bool:
        """Whether what took these hosts out for good ends the play for all."""
        if self._stage.on_unreachable == "fail" and any(fallen[host].fall is Fall.UNREACHABLE for host in gone):
            return True
        written, reader = step.keywords.any_errors_fatal, Reader(self._stage.around.templar)
        if written is None or isinstance(written, bool):
            return written is True
        return any(reader.flag(written, self._stage.variables.of(host, step.keywords)) for host in gone)

    def _task(self, task: Task, hosts: tuple[str, ...], scope: Scope) -> Falls:
        own = keywords.inside(scope.keywords, task.keywords)
        if not selected(own.tags, self._stage.options):
            return {}
        action = action_of(task)
        if action in FOR_ALL:
            own = replace(own, run_once=True)
        step = Step(task, task.path, own, scope.rescuable, scope.is_handler, failures=scope.failures)
        fallen = self.step(step, hosts, scope)
        return fallen | self._meta(action, step, hosts, scope) if action else fallen

    def _meta(self, action: Action, step: Step, hosts: tuple[str, ...], scope: Scope) -> Falls:
        """Do what the task asks, for the hosts whose conditions held."""
        ends = self._stage.chronicle.state.ends
        asking = tuple(host for host in hosts if (end := ends.get((step.path, host))) and end.status is Status.OK)
        if not asking:
            return {}
        if action is Action.FLUSH_HANDLERS:
            return self._flush(self, f"{step.path}.flush[0]", asking, scope)
        if action in LEAVES:
            return {host: Fallen(LEAVES[action]) for host in asking}
        if action in (Action.END_BATCH, Action.END_PLAY):
            self.over = action
        elif action is Action.CLEAR_FACTS:
            clear_facts(self._stage, step, self._stage.variables.hosts)
        elif action is Action.CLEAR_HOST_ERRORS:
            self.forgiven |= forgive(self._stage, step, self._stage.variables.lost)
        elif action is Action.RESET_CONNECTION:
            reset(self._stage, asking)
        return {}

    def _include(self, step: Step, ends: Ends, outer: Scope) -> Falls:
        """What the hosts take in, one part after the other."""
        fallen: Falls = {}
        for part in parts(step, ends, self._stage.around.directory):
            entries, own = taken_in(self._stage, part, step, outer.keywords)
            standing = tuple(host for host in part.hosts if host not in fallen)
            fallen |= self.run(entries, standing, replace(outer, keywords=own, is_handler=step.is_handler))
            if self.stopped and not outer.must_run:
                break
        return fallen

    def _block(self, block: Block, hosts: tuple[str, ...], outer: Scope) -> Falls:
        scope = replace(outer, keywords=keywords.inside(outer.keywords, block.keywords))
        fallen = self.run(block.block, hosts, replace(scope, rescuable=outer.rescuable or bool(block.rescue)))
        failures = {host: it.failure for host, it in fallen.items() if it.failure}
        if block.rescue:
            fallen = self._rescue(block, fallen, replace(scope, failures={**outer.failures, **failures}))
        if block.always:
            reachable = [host for host in hosts if host not in fallen or fallen[host].fall not in BEYOND_ALWAYS]
            always = replace(scope, must_run=True, failures={**outer.failures, **failures})
            fallen = {**self.run(block.always, reachable, always), **fallen}
        return fallen

    def _role(self, role: Role, hosts: tuple[str, ...], outer: Scope) -> Falls:
        """The roles it depends on and its own tasks, on the hosts that have not done the very same before."""
        if not role.allow_duplicates:
            hosts = tuple(host for host in hosts if (role.identity, host) not in self._roles_done)
        fallen = self.run(inside(role), hosts, replace(outer, keywords=keywords.inside(outer.keywords, role.keywords)))
        fallen = {host: it for host, it in fallen.items() if it.fall is not Fall.LEFT_ROLE}
        began = f"{role.path}."
        ends = list(self._stage.chronicle.state.ends.items())
        did = {host for (path, host), end in ends if path.startswith(began) and end.status is not Status.SKIPPED}
        self._roles_done |= {(role.identity, host) for host in hosts if host in did and host not in fallen}
        return fallen

    def _rescue(self, block: Block, fallen: Falls, scope: Scope) -> Falls:
        failed = tuple(host for host, it in fallen.items() if it.fall in (Fall.FAILED, Fall.DRAWN_ALONG))
        if not failed:
            return fallen
        again = self.run(block.rescue, failed, scope)
        saved = [host for host in failed if host not in again and fallen[host].fall is Fall.FAILED]
        recorded = self._stage.chronicle.state.rescued
        for host in saved:
            if (block.path, host) not in recorded:
                self._stage.chronicle.tell(HostRescued(block.path, host, at=self._stage.around.clock()))
        return {**{host: it for host, it in fallen.items() if host not in failed}, **again}
