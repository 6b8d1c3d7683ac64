"""Everything the engine remembers, as a fold of the events it published.

A run that goes on and a run that is resumed see the same state, because both make it from the same
events by the same code. Nothing else in the engine outlives a task.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from runner.engine.gaps import Gaps, gaps_named, unknown, withheld, without_secrets
from runner.errors import ExitCode
from runner.events import (
    AddedHost,
    Confirmed,
    Event,
    FactsCleared,
    HandlersFlushed,
    HostRescued,
    HostsForgiven,
    IncludedVariables,
    ObjectiveMeasured,
    PlayStarted,
    RunStarted,
    Status,
    TaskFinished,
    TaskStarted,
)
from runner.frozen import frozen

Key = tuple[str, str]
"""Path and host."""


@frozen
class Fatal:
    """What took a host out of its play: since which event, and how the run ends because of it."""

    since: int
    path: str
    exit_code: int


@dataclass(slots=True)
class RunState:
    """`ends` are the recorded ends of tasks; `values` what is registered and the facts, by host.

    `added` is what the inventory has besides. `included` are the files of variables that a host sees besides.
    `pending` are the paths of notified handlers that have not run, by host; False if, in check mode, it
    is only possible that they are notified. `handled` has the path of a handler's latest run, by handler
    and host. `started` are the tasks that were begun since the run was started or resumed, `cut_off` those that had
    no end when it was. `confirmed` are the paths of tasks somebody said yes to. `orders` has the hosts of a play in
    the order in which it first worked through them.
    `started_at` is the first start of the run, before any resume. The numbers in `when` count
    events, to tell earlier from later. `is_unsettled`: in check mode, a step was not carried out that would,
    or might, have changed something. `gathering` are the paths of tasks that gather facts, `gathered` the names of what
    they gathered, by host; `cleared` and `forgiven` are the paths of the tasks that cleared facts and host errors, the
    latter with the hosts.
    """

    started_at: float | None = None
    fingerprint: str = ""
    ends: dict[Key, TaskFinished] = field(default_factory=dict)
    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    added: list[AddedHost] = field(default_factory=list)
    included: dict[str, list[IncludedVariables]] = field(default_factory=dict)
    pending: dict[str, dict[str, bool]] = field(default_factory=dict)
    handled: dict[Key, str] = field(default_factory=dict)
    started: set[Key] = field(default_factory=set)
    cut_off: frozenset[Key] = frozenset()
    confirmed: set[str] = field(default_factory=set)
    orders: dict[str, tuple[str, ...]] = field(default_factory=dict)
    flushed: set[Key] = field(default_factory=set)
    rescued: set[Key] = field(default_factory=set)
    fatal: dict[str, Fatal] = field(default_factory=dict)
    gathering: set[str] = field(default_factory=set)
    gathered: dict[str, set[str]] = field(default_factory=dict)
    cleared: set[str] = field(default_factory=set)
    forgiven: dict[str, tuple[str, ...]] = field(default_factory=dict)
    objectives: dict[Key, ObjectiveMeasured] = field(default_factory=dict)
    when: dict[Key, int] = field(default_factory=dict)
    count: int = 0
    is_unsettled: bool = False

    def apply(self, event: Event) -> None:
        """Take in one event."""
        self.count += 1
        match event:
            case TaskFinished():
                self._finished(event)
            case PlayStarted():
                self.orders.setdefault(event.path, event.hosts)
            case TaskStarted():
                self.started.update((event.path, host) for host in event.hosts)
                self.gathering.update([event.path] if event.module == "setup" else [])
            case Confirmed():
                self.confirmed.add(event.path)
            case HandlersFlushed():
                self._mark(self.flushed, event.path, event.hosts)
            case HostRescued():
                self._mark(self.rescued, event.path, (event.host,))
            case ObjectiveMeasured():
                self.objectives[event.path, event.objective] = event
            case RunStarted():
                self._started(event)
            case _:
                self._asked(event)

    def _started(self, event: RunStarted) -> None:
        if self.started_at is None:
            self.started_at = event.at
        self.fingerprint = event.fingerprint
        self.cut_off = frozenset(self.cut_off | self.started) - self.ends.keys()
        self.started.clear()
        self._forget_failures()

    def _asked(self, event: Event) -> None:
        """What `meta` tasks ask of the run."""
        match event:
            case FactsCleared():
                self.cleared.add(event.path)
                for host in event.hosts:
                    for name in self.gathered.pop(host, set()):
                        self.values.get(host, {}).pop(name, None)
            case HostsForgiven():
                self.forgiven[event.path] = event.hosts
                for host in event.hosts:
                    self.fatal.pop(host, None)
            case _:
                pass

    def _finished(self, event: TaskFinished) -> None:
        self.ends[event.path, event.host] = event
        self.is_unsettled = self.is_unsettled or event.partial
        self.when[event.path, event.host] = self.count
        for host in (event.host, *event.shared_with):
            self._learn(host, event)
            if is_fatal(event):
                self.fatal.setdefault(host, Fatal(self.count, event.path, _exit_code(event)))
        self.added += [_added(event, one) for one in event.added]
        for other, facts in event.delegated_facts.items():
            self.values.setdefault(other, {}).update(_facts(event, facts))
        if event.is_handler:
            handler = handler_of(event.path)
            for host in (event.host, *event.shared_with):
                self.handled[handler, host] = event.path
                self.pending.get(host, {}).pop(handler, None)
        for handler in event.notified:
            self._notified(handler, event)

    def _learn(self, host: str, event: TaskFinished) -> None:
        known = self.values.setdefault(host, {})
        known.update(_facts(event, event.facts))
        if event.path in self.gathering:
            self.gathered.setdefault(host, set()).update(event.facts)
        known.update(gaps_named(event.unknown_facts))
        if event.included:
            self.included.setdefault(host, []).extend(event.included)
        if event.registered:
            known[event.registered] = known_result(event, event.registered)

    def _notified(self, handler: str, event: TaskFinished) -> None:
        of_host = self.pending.setdefault(event.host, {})
        of_host[handler] = of_host.get(handler, False) or event.status is not Status.UNKNOWN
        if event.is_handler:
            return
        ran = self.handled.get((handler, event.host), "")
        if ran and (flush_point_of(ran), event.host) not in self.flushed:
            # It ran at a flush that was not completed (the play was stopped) and is due there once more.
            self.ends.pop((ran, event.host), None)

    def _mark(self, marks: set[Key], path: str, hosts: Iterable[str]) -> None:
        for host in hosts:
            marks.add((path, host))
            self.when[path, host] = self.count

    def _forget_failures(self) -> None:
        """A resumed run tries again, on every host that failed, from the task that failed on."""
        for host, fatal in self.fatal.items():
            for key in [key for key, count in self.when.items() if key[1] == host and count >= fatal.since]:
                del self.when[key]
                self.ends.pop(key, None)
                self.flushed.discard(key)
                self.rescued.discard(key)
        plays = {fatal.path.split(".")[0] for fatal in self.fatal.values()}
        self.objectives = {key: event for key, event in self.objectives.items() if key[0] not in plays}
        self.fatal.clear()


def fold(events: Iterable[Event]) -> RunState:
    """The state after `events`."""
    state = RunState()
    for event in events:
        state.apply(event)
    return state


def is_fatal(event: TaskFinished) -> bool:
    """Whether this end took the host out of its play."""
    return event.status in (Status.UNREACHABLE, Status.FAILED) and not event.to_rescue


def handler_of(path: str) -> str:
    """The path of a handler from that of one of its runs: plays[0].flush[1].handlers[2] -> plays[0].handlers[2]."""
    return f"{path.partition('.')[0]}.{_run_at(path)[1]}"


def flush_point_of(path: str) -> str:
    """The flush point of a handler's run: plays[0].flush[1].handlers[2] -> plays[0].flush[1]."""
    return _run_at(path)[0]


def _run_at(path: str) -> tuple[str, str]:
    """The flush point of a handler's run, and the rest of its path."""
    head, _, tail = path.rpartition(".flush[")
    number, _, rest = tail.partition("].")
    return f"{head}.flush[{number}]", rest


def _exit_code(event: TaskFinished) -> int:
    if event.status is Status.UNREACHABLE:
        return ExitCode.UNREACHABLE
    return ExitCode.VERIFICATION_FAILED if event.exit_code == ExitCode.VERIFICATION_FAILED else ExitCode.HOSTS_FAILED


def known_result(event: TaskFinished, name: str) -> Any:
    """The result of an end as templates may see it under `name`: what is not known of it raises when read."""
    if event.withheld and "censored" in event.result:
        known = {key: value for key, value in event.result.items() if key != "censored"}
        return Gaps(known, partial(withheld, name))
    if event.partial:
        return Gaps(event.result, partial(unknown, name))
    return without_secrets(event.result, name) if event.withheld else event.result


def _added(event: TaskFinished, one: AddedHost) -> AddedHost:
    if not event.withheld:
        return one
    return replace(one, variables={name: without_secrets(value, name) for name, value in one.variables.items()})


def _facts(event: TaskFinished, facts: Mapping[str, object]) -> Mapping[str, Any]:
    if event.withheld:
        return {name: without_secrets(value, name) for name, value in facts.items()}
    return facts
