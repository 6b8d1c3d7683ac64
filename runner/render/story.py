"""The lines people read, the same whether they are piped or shown on a terminal.

Ansible's words and order: PLAY, TASK, one line per host, PLAY RECAP. Each line carries its kind, so
that a terminal can colour it; the text alone says everything.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from enum import StrEnum
from typing import Any, Final

from runner.events import (
    AttemptFailed,
    BatchStarted,
    Confirmed,
    Event,
    HostRecap,
    HostRescued,
    ItemFinished,
    ObjectiveMeasured,
    OutputLine,
    PlayStarted,
    RunFinished,
    RunStarted,
    Status,
    TaskFinished,
    TaskInterrupted,
    TaskStarted,
    Warned,
)
from runner.frozen import frozen
from runner.render.text import excerpt, indented, lines_of, printable
from runner.units import human_seconds

BANNER_WIDTH: Final = 79
SHOW_RESULTS: Final = 2


class Kind(StrEnum):
    """What a line is about; renderers give it a colour or none."""

    HEADING = "heading"
    OK = "ok"
    CHANGED = "changed"
    SKIPPED = "skipped"
    FAILED = "failed"
    WARNING = "warning"
    DETAIL = "detail"
    ADDED = "added"
    REMOVED = "removed"


@frozen
class Line:
    text: str
    kind: Kind


_KIND_OF_STATUS: Final[Mapping[Status, Kind]] = {
    Status.OK: Kind.OK,
    Status.CHANGED: Kind.CHANGED,
    Status.SKIPPED: Kind.SKIPPED,
    Status.FAILED: Kind.FAILED,
    Status.IGNORED: Kind.FAILED,
    Status.UNREACHABLE: Kind.FAILED,
    Status.UNKNOWN: Kind.WARNING,
}
_WORD_OF_STATUS: Final[Mapping[Status, str]] = {
    Status.SKIPPED: "skipping",
    Status.IGNORED: "failed",
}


class Story:
    """Tells a run. `verbosity` 1 adds what commands print while they run, 2 every result."""

    def __init__(self, *, verbosity: int = 0, diff: bool = False) -> None:
        self._verbosity = verbosity
        self._diff = diff
        self._modules: dict[str, str] = {}
        self._looped: set[tuple[str, str]] = set()
        self._check = False
        self._tellers: Mapping[type[Event], Callable[[Any], Iterator[Line]]] = {
            RunStarted: self._run_started,
            PlayStarted: self._play_started,
            BatchStarted: self._batch_started,
            TaskStarted: self._task_started,
            Confirmed: self._confirmed,
            OutputLine: self._output_line,
            AttemptFailed: self._attempt_failed,
            ItemFinished: self._item_finished,
            TaskFinished: self._task_finished,
            TaskInterrupted: self._task_interrupted,
            HostRescued: self._host_rescued,
            ObjectiveMeasured: self._objective_measured,
            Warned: self._warned,
            RunFinished: self._run_finished,
        }

    def tell(self, event: Event) -> Iterator[Line]:
        """The lines an event is worth; none for those that only machines care for."""
        teller = self._tellers.get(type(event))
        return teller(event) if teller else iter(())

    def _run_started(self, event: RunStarted) -> Iterator[Line]:
        self._check = bool(event.options.get("check"))
        word = "resumed" if event.resumed else "started"
        mode = ", check mode: nothing is changed" if self._check else ""
        yield Line(f"RUN [{printable(event.playbook)}] {event.run} {word}{mode}", Kind.HEADING)

    def _play_started(self, event: PlayStarted) -> Iterator[Line]:
        yield from _banner("PLAY", event.name)

    def _batch_started(self, event: BatchStarted) -> Iterator[Line]:
        if event.index > 0:
            yield Line("", Kind.DETAIL)
            yield Line(f"BATCH {event.index + 1}: {', '.join(event.hosts)}", Kind.HEADING)

    def _confirmed(self, event: Confirmed) -> Iterator[Line]:
        yield Line("", Kind.DETAIL)
        yield Line(f"CONFIRMED: {printable(event.question)}", Kind.WARNING)

    def _task_started(self, event: TaskStarted) -> Iterator[Line]:
        self._modules[event.path] = event.module
        if event.module == "meta":
            return
        yield from _banner("RUNNING HANDLER" if event.is_handler else "TASK", event.name or event.module)

    def _output_line(self, event: OutputLine) -> Iterator[Line]:
        if self._verbosity:
            mark = "!" if event.stream == "stderr" else "|"
            yield Line(f"  {event.host} {mark} {printable(event.text)}", Kind.DETAIL)

    def _attempt_failed(self, event: AttemptFailed) -> Iterator[Line]:
        left = max(event.retries - event.attempt, 0)
        reason = f": {printable(event.message)}" if event.message else ""
        yield Line(f"retrying: [{event.host}] attempt {event.attempt} failed, {left} left{reason}", Kind.WARNING)

    def _item_finished(self, event: ItemFinished) -> Iterator[Line]:
        self._looped.add((event.path, event.host))
        head = f"{self._done(event.path, event.host, event.status, event.result)} => (item={printable(event.label)})"
        message = event.result.get("msg") if _KIND_OF_STATUS[event.status] is Kind.FAILED else None
        yield Line(f"{head}: {printable(str(message))}" if message else head, _KIND_OF_STATUS[event.status])
        yield from self._result(event.path, event.status, event.result)

    def _task_finished(self, event: TaskFinished) -> Iterator[Line]:
        if _KIND_OF_STATUS[event.status] is Kind.FAILED:
            yield from self._failure(event)
        elif self._modules.get(event.path) == "meta":
            return
        elif (event.path, event.host) not in self._looped:
            told = event.message and (self._verbosity or event.status is not Status.SKIPPED)
            note = f" ({printable(event.message)})" if told else ""
            done = self._done(event.path, event.host, event.status, event.result)
            yield Line(f"{done}{note}", _KIND_OF_STATUS[event.status])
            yield from self._result(event.path, event.status, event.result)
        self._looped.discard((event.path, event.host))
        if self._diff and event.diff:
            yield from _diff(event.diff)

    def _done(self, path: str, host: str, status: Status, result: Mapping[str, object]) -> str:
        """How a task or an item ended, in Ansible's words."""
        if status is Status.OK and self._modules.get(path) in ("include_tasks", "include_role") and "include" in result:
            return f"included: {printable(str(result['include']))} for {host}"
        return f"{_word(status)}: [{host}]"

    def _failure(self, event: TaskFinished) -> Iterator[Line]:
        message = lines_of(event.message or str(event.result.get("msg") or "failed"))
        yield Line(f"{_word(event.status)}: [{event.host}] => {message[0]}", Kind.FAILED)
        details = [*message[1:], *_evidence(event.result, event.message)]
        details += [f"hint: {line}" if n == 0 else f"      {line}" for n, line in enumerate(lines_of(event.hint))]
        yield from (Line(text, Kind.FAILED) for text in indented(details))
        if event.status is Status.IGNORED:
            yield Line("...ignoring", Kind.SKIPPED)

    def _result(self, path: str, status: Status, result: Mapping[str, object]) -> Iterator[Line]:
        if self._verbosity >= SHOW_RESULTS:
            shown: object = result
        elif self._modules.get(path) == "debug" and status is not Status.SKIPPED:
            shown = _what_debug_shows(result)
        else:
            return
        text = shown if isinstance(shown, str) else json.dumps(shown, indent=4, default=str, ensure_ascii=False)
        yield from (Line(line, _KIND_OF_STATUS[status]) for line in indented(lines_of(text)))

    def _task_interrupted(self, event: TaskInterrupted) -> Iterator[Line]:
        yield Line(f"interrupted: [{event.host}]", Kind.FAILED)

    def _host_rescued(self, event: HostRescued) -> Iterator[Line]:
        yield Line(f"rescued: [{event.host}]", Kind.CHANGED)

    def _objective_measured(self, event: ObjectiveMeasured) -> Iterator[Line]:
        reached = "not measured" if event.reached_seconds is None else human_seconds(event.reached_seconds)
        verdict = "met" if event.met else "MISSED"
        wanted = human_seconds(event.target_seconds)
        yield Line("", Kind.DETAIL)
        yield Line(
            f"OBJECTIVE {event.objective}: {verdict}, reached {reached}, wanted at most {wanted}",
            Kind.OK if event.met else Kind.FAILED,
        )

    def _warned(self, event: Warned) -> Iterator[Line]:
        place = f"{event.where}: " if event.where else ""
        first, *rest = lines_of(event.message) or [""]
        yield Line(f"{printable(place)}warning: {first}", Kind.WARNING)
        hints = [f"hint: {line}" for line in lines_of(event.hint)]
        yield from (Line(text, Kind.WARNING) for text in indented([*rest, *hints]))

    def _run_finished(self, event: RunFinished) -> Iterator[Line]:
        yield from _banner("PLAY RECAP", None)
        for host, recap in event.recap.items():
            yield Line(recap_line(host, recap), _kind_of(recap))
        if event.exit_code:
            # Check mode did nothing, so there is nothing to go on with.
            onward = "" if self._check else f"; to go on where it stopped: sentraplay resume {event.run}"
            took = human_seconds(event.seconds)
            yield Line("", Kind.DETAIL)
            yield Line(f"run {event.run} ended with exit code {event.exit_code} after {took}{onward}", Kind.FAILED)


def recap_line(host: str, recap: HostRecap) -> str:
    """Ansible's recap of one host: `host : ok=2 changed=1 unreachable=0 …`."""
    return f"{host} : " + " ".join(f"{name}={count}" for name, count in asdict(recap).items())


def _kind_of(recap: HostRecap) -> Kind:
    if recap.failed or recap.unreachable:
        return Kind.FAILED
    return Kind.CHANGED if recap.changed else Kind.OK


def _banner(word: str, name: str | None) -> Iterator[Line]:
    title = word if name is None else f"{word} [{printable(name)}]"
    yield Line("", Kind.DETAIL)
    yield Line(f"{title} {'*' * max(3, BANNER_WIDTH - len(title) - 1)}", Kind.HEADING)


def _word(status: Status) -> str:
    return _WORD_OF_STATUS.get(status, status.value)


def _evidence(result: Mapping[str, object], message: str) -> list[str]:
    """What the command said about its failure, unless the message says it already."""
    for stream in ("stderr", "stdout"):
        said = result.get(stream)
        if isinstance(said, str) and said.strip() and said.strip() not in message:
            return [f"{stream}:", *indented(excerpt(lines_of(said)), "  ")]
    return []


def _what_debug_shows(result: Mapping[str, object]) -> object:
    if "msg" in result:
        return result["msg"]
    noise = {"changed", "failed", "skipped", "attempts"}
    return {key: value for key, value in result.items() if key not in noise}


def _diff(diff: str) -> Iterator[Line]:
    for line in lines_of(diff):
        added, removed = line.startswith("+"), line.startswith("-")
        yield Line(line, Kind.ADDED if added else Kind.REMOVED if removed else Kind.DETAIL)
