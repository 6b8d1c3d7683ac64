"""One play: its batches one after the other, each with its sections and handler flushes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any, Final

from runner.engine import keywords, objectives
from runner.engine.blocks import Fall, Falls, Scope, Walk
from runner.engine.chronicle import Chronicle
from runner.engine.context import Ask, Surroundings
from runner.engine.crew import Crew
from runner.engine.handlers import Handlers
from runner.engine.lineup import facts_task, lined_up
from runner.engine.locking import Locks
from runner.engine.metas import Action
from runner.engine.roster import Roster
from runner.engine.step import Stage, Step
from runner.engine.strategies import go_through
from runner.engine.variables import PlayVariables
from runner.events import BatchFinished, BatchStarted, PlayFinished, PlayStarted
from runner.frozen import frozen
from runner.hosts.contract import Hosts
from runner.modules.contract import Module, RunInfo
from runner.plan import Plan, PlannedPlay
from runner.repositories.contract import Repositories
from runner.secret import Redactor
from runner.template import Templar

ALL_MAY_FAIL: Final = 100.0
"""The `max_fail_percentage` from which on not even a batch that failed as a whole stops the next one."""


@frozen
class Parts:
    """What all plays of a run share."""

    plan: Plan
    hosts: Hosts
    repositories: Callable[[PlannedPlay], Repositories]
    modules: Mapping[str, Module[Any]]
    templar: Templar
    redactor: Redactor
    chronicle: Chronicle
    crew: Crew
    roster: Roster
    locks: Locks
    run: RunInfo
    interrupted: threading.Event
    clock: Callable[[], float]
    ask: Ask


class PlayRun:
    """Carries a play out on the hosts that are not `lost` yet. Afterwards `lost` holds all that are, and
    `stopped` tells whether the playbook ends here."""

    def __init__(self, parts: Parts, planned: PlannedPlay, lost: frozenset[str]) -> None:
        self._parts = parts
        self._planned = lined_up(parts.roster.planned(planned), parts.chronicle.state)
        self._play = planned.play
        self._tell = parts.chronicle.tell
        self._hold = parts.chronicle.hold
        self._lock = threading.Lock()
        self.lost = lost
        self.stopped = False
        self._is_over = False

    def execute(self) -> None:
        """Raises Interrupted, Unrecorded, Refused if a lock is held by others, and bugs."""
        hosts = self._standing(self._planned.hosts)
        if not hosts:
            return
        with self._locked(hosts):
            self._begun(hosts)

    def _locked(self, hosts: tuple[str, ...]) -> AbstractContextManager[None]:
        parts = self._parts
        if self._play.lock is None or parts.plan.options.check:
            return nullcontext()
        known = self._variables(lambda: (hosts, hosts)).of(hosts[0])
        return parts.locks.held(parts.templar.render_text(self._play.lock, known), hosts)

    def _begun(self, hosts: tuple[str, ...]) -> None:
        path = self._play.path
        # Held for the batch that begins at once, and the end of a batch for what comes after it.
        self._hold(PlayStarted(path, self._play.name, hosts, at=self._parts.clock()))
        repositories = self._parts.repositories(self._planned)
        try:
            for index, batch in enumerate(self._planned.batches):
                self._batch(index, self._standing(batch), repositories)
                if self.stopped or self._is_over:
                    break
        finally:
            repositories.close()
        if self._standing(self._planned.hosts) and not self.stopped:
            self._measure()
        self._tell(PlayFinished(path, at=self._parts.clock()))

    def _batch(self, index: int, hosts: tuple[str, ...], repositories: Repositories) -> None:
        if not hosts:
            return
        self._tell(BatchStarted(self._play.path, index, hosts, at=self._parts.clock()))
        before = self.lost
        walk, handlers = self._walk(hosts, repositories)
        fallen = go_through(
            self._play.strategy,
            lambda some: self._sections(walk, handlers, some),
            hosts,
            self._parts.plan.options.forks,
        )
        gone = _lost(fallen)
        self.lost = (before | gone) - walk.forgiven
        all_fell = len(gone) == len(hosts) and not self._all_may_fail()
        self.stopped = walk.stopped or all_fell
        self._is_over = walk.over is Action.END_PLAY
        self._hold(BatchFinished(self._play.path, index, at=self._parts.clock()))

    def _sections(self, walk: Walk, handlers: Handlers, hosts: tuple[str, ...]) -> Falls:
        try:
            return self._in_order(walk, handlers, hosts)
        finally:
            self._parts.chronicle.release()

    def _in_order(self, walk: Walk, handlers: Handlers, hosts: tuple[str, ...]) -> Falls:
        scope = Scope(keywords.of_play(self._play))
        fallen = self._gather(walk, hosts, scope)
        for number, steps in enumerate(self._play.sections):
            fallen |= walk.run(steps, [host for host in hosts if host not in fallen], scope)
            self._lose(fallen)
            forced = self._play.force_handlers
            flushing = [host for host in hosts if host not in fallen or (forced and _is_reachable(fallen, host))]
            point = f"{self._play.path}.flush[{number}]"
            fallen = {**handlers.flush(walk, point, flushing, replace(scope, must_run=forced)), **fallen}
            self._lose(fallen)
        return fallen

    def _gather(self, walk: Walk, hosts: tuple[str, ...], scope: Scope) -> Falls:
        """Gather the facts of the hosts, if the play wants or uses them."""
        if not self._planned.gathers:
            return {}
        task = facts_task(self._play)
        fallen = walk.step(Step(task, task.path, keywords.inside(scope.keywords, task.keywords)), hosts, scope)
        self._lose(fallen)
        return fallen

    def _lose(self, fallen: Falls) -> None:
        with self._lock:
            self.lost |= _lost(fallen)

    def _walk(self, hosts: tuple[str, ...], repositories: Repositories) -> tuple[Walk, Handlers]:
        parts = self._parts
        handlers = Handlers(self._play, parts.chronicle, parts.clock)
        walk: Walk

        def standing() -> tuple[tuple[str, ...], tuple[str, ...]]:
            out = self.lost | walk.lost
            if not out:
                return self._planned.hosts, hosts
            return tuple(h for h in self._planned.hosts if h not in out), tuple(h for h in hosts if h not in out)

        stage = self._stage(hosts, repositories, handlers, standing)

        def flush(walk: Walk, point: str, some: Sequence[str], scope: Scope) -> Falls:
            return handlers.flush(walk, point, some, replace(scope, keywords=keywords.of_play(self._play)))

        walk = Walk(stage, parts.crew, lambda lost: self._is_too_much(len(lost), len(hosts)), flush)
        return walk, handlers

    def _stage(
        self,
        hosts: tuple[str, ...],
        repositories: Repositories,
        handlers: Handlers,
        standing: Callable[[], tuple[tuple[str, ...], tuple[str, ...]]],
    ) -> Stage:
        parts = self._parts
        variables = self._variables(standing)
        around = Surroundings(
            hosts=parts.hosts,
            repositories=repositories,
            templar=parts.templar,
            directory=self._play.directory,
            play_vars=self._play.keywords.vars,
            watch=parts.chronicle.watch,
            interrupted=parts.interrupted,
            clock=parts.clock,
            ask=parts.ask,
        )
        return Stage(
            around=around,
            variables=variables,
            chronicle=parts.chronicle,
            options=parts.plan.options,
            run=parts.run,
            modules=parts.modules,
            redactor=parts.redactor,
            handlers_named=handlers.named,
            add_handlers=handlers.add,
            includes=parts.plan.includes,
            on_unreachable=self._play.on_unreachable,
        )

    def _variables(self, standing: Callable[[], tuple[tuple[str, ...], tuple[str, ...]]]) -> PlayVariables:
        parts = self._parts
        return PlayVariables(
            parts.plan,
            self._planned,
            state=parts.chronicle.state,
            templar=parts.templar,
            run=parts.run,
            standing=standing,
            inventory=parts.roster.seen,
        )

    def _is_too_much(self, lost: int, batch: int) -> bool:
        """Whether the play stops for all its hosts, now that `lost` of `batch` are out."""
        limit = self._play.max_fail_percentage
        return limit is not None and 100.0 * lost / batch > limit

    def _all_may_fail(self) -> bool:
        limit = self._play.max_fail_percentage
        return limit is not None and limit >= ALL_MAY_FAIL

    def _measure(self) -> None:
        """Nothing is restored in check mode, so nothing is measured; nor if the play did not reach its end."""
        if self._parts.plan.options.check:
            return
        state, now = self._parts.chronicle.state, self._parts.clock()
        failure_at = self._failure_at()
        for event in objectives.measured(self._play, state, now, failure_at):
            self._tell(event)

    def _failure_at(self) -> object:
        written = {**self._play.keywords.vars, **self._parts.plan.options.extra_vars}
        if "failure_at" not in written:
            return None
        return self._parts.templar.render(written["failure_at"], written)

    def _standing(self, hosts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(host for host in hosts if host not in self.lost)


def _lost(fallen: Falls) -> frozenset[str]:
    """The hosts that are out of the run, not only of the play."""
    return frozenset(host for host, it in fallen.items() if it.fall is not Fall.ENDED)


def _is_reachable(fallen: Falls, host: str) -> bool:
    return fallen[host].fall not in (Fall.UNREACHABLE, Fall.ENDED)
