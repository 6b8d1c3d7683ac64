"""One task on one host: whether, for which items, how often, and what its end means."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, Final

from runner.engine import including, results
from runner.engine.arguments import Preparer
from runner.engine.conditions import Reader
from runner.engine.doing import Doing, decide
from runner.engine.gaps import Gaps, Unknown, Withheld, gaps_named, refuse_gaps, unknown
from runner.engine.loops import item_variables
from runner.engine.results import Ended
from runner.engine.step import Stage, Step
from runner.errors import HostUnreachable, Interrupted, SentraPlayError, TaskFailed
from runner.events import AttemptFailed, ItemFinished, Status, TaskFinished
from runner.hosts.detached import DetachedHost
from runner.playbook import INCLUDES

DEFAULT_RETRIES: Final = 3
DEFAULT_DELAY_SECONDS: Final = 5.0

Variables = Mapping[str, Any]


class Attempt:
    """Does the task and says how it ended; nothing of it outlives the returned event."""

    def __init__(self, stage: Stage, step: Step, preparer: Preparer, host: str) -> None:
        self._stage = stage
        self._step = step
        self._task = step.task
        self._preparer = preparer
        self.host = host
        self._reader = Reader(stage.around.templar)
        self._check = stage.options.check
        self._doings = 0
        self._jobs: list[DetachedHost] = []
        self.no_log = step.keywords.no_log is not None

    def run(self, name: str, shared_with: tuple[str, ...] = ()) -> TaskFinished:
        """Never raises for what a host, a module or a playbook did wrong: that is in the event.

        Raises Interrupted, what the journal raises, and bugs.
        """
        started = time.monotonic()
        ended = self._honest(guarded(self._whole))
        notified: tuple[str, ...] = ()
        bad = ended.status in (Status.FAILED, Status.UNREACHABLE)
        if bad and self._stage.around.interrupted.is_set():
            # What a killed command or a closed connection reports now is Ctrl-C's doing, not the host's.
            raise Interrupted("interrupted")
        if bad and self._is_ignored(ended.status):
            ended = replace(ended, status=Status.IGNORED)
        elif ended.status in (Status.CHANGED, Status.UNKNOWN) and self._step.keywords.notify:
            ended, notified = self._notified(ended)
        return self._finished(ended, notified, name, shared_with, time.monotonic() - started)

    @property
    def has_jobs(self) -> bool:
        """Whether jobs left something on its host."""
        return bool(self._jobs)

    def forget_jobs(self) -> None:
        """Remove what the task's jobs left on its host, now that their end is recorded. Nobody's end depends on it."""
        with suppress(SentraPlayError):
            for job in self._jobs:
                job.forget()

    def _finished(
        self, ended: Ended, notified: tuple[str, ...], name: str, shared_with: tuple[str, ...], seconds: float
    ) -> TaskFinished:
        return TaskFinished(
            path=self._step.path,
            host=self.host,
            name=name,
            status=ended.status,
            result=ended.result,
            seconds=seconds,
            message=ended.message,
            hint=ended.hint,
            facts={} if ended.failed else ended.facts,
            delegated_facts={} if ended.failed else ended.delegated,
            included=() if ended.failed else ended.included,
            added=() if ended.failed else ended.added,
            notified=notified,
            registered=self._task.register or "",
            diff=ended.diff,
            exit_code=ended.exit_code,
            is_handler=self._step.is_handler,
            counts=self._counts(ended),
            shared_with=shared_with,
            to_rescue=self._step.rescuable and self._counts_as_failed(ended),
            partial=ended.partial,
            unknown_facts=ended.unknown_facts,
            at=self._stage.around.clock(),
        )

    def _counts(self, ended: Ended) -> int:
        """How often the recap counts the end: an include once for each file or role it takes in, meta never."""
        if self._task.module == "meta" and not ended.failed:
            return 0
        takes_in = self._task.module in INCLUDES and ended.status is Status.OK
        return including.count(ended.result) if takes_in else 1

    def _counts_as_failed(self, ended: Ended) -> bool:
        return ended.failed or (ended.status is Status.UNREACHABLE and self._stage.on_unreachable == "rescue")

    def _whole(self) -> Ended:
        variables = self._variables()
        self.no_log = self._hides(variables)
        self._check = self._reader.flag(self._step.keywords.check_mode, variables, default=self._stage.options.check)
        if self._task.loop is None:
            return self._item(variables)
        return self._loop(variables)

    def _variables(self) -> dict[str, Any]:
        found = self._stage.variables.of(self.host, self._step.keywords)
        if self.host in self._step.failures:
            found.update(self._step.failures[self.host].variables())
        return found

    def _hides(self, variables: Variables) -> bool:
        written = self._step.keywords.no_log
        try:
            return self._reader.flag(written, variables)
        except SentraPlayError:
            # Whether to hide it cannot be told (yet: it may speak of the loop's item), so it is hidden.
            return True

    def _loop(self, variables: dict[str, Any]) -> Ended:
        try:
            items = self._reader.items(self._task.loop, variables)
            refuse_gaps(items)
        except SentraPlayError:
            # As in Ansible: what the loop is over need not exist if the task is not for this host.
            false = self._reader.first_false(self._step.keywords.when, variables)
            if false is not None:
                return results.skipped("Conditional result was False", false)
            raise
        if not items:
            nothing = results.skipped("No items in the list")
            return replace(nothing, result={**nothing.result, "results": []})
        return results.of_loop(self._items(items, variables))

    def _items(self, items: list[Any], variables: dict[str, Any]) -> list[Ended]:
        control, ends = self._task.loop_control, list[Ended]()
        pause = self._reader.seconds(control.pause, variables, 0.0)
        for index, item in enumerate(items):
            if pause and index:
                self._wait(pause)
            of_item = item_variables(control, items, index)
            seen = {**variables, **of_item}
            ended = self._honest(guarded(partial(self._item, seen)))
            ended = replace(ended, result={**ended.result, **results.plain(of_item)})
            self._tell_item(index, item, ended, seen)
            ends.append(ended)
            variables.update({**ended.facts, **gaps_named(ended.unknown_facts)})
            if ended.status is Status.UNREACHABLE or self._ends_loop(ended, seen):
                break
        return ends

    def _ends_loop(self, ended: Ended, seen: Variables) -> bool:
        conditions = self._task.loop_control.break_when
        return bool(conditions) and self._reader.all_hold(conditions, self._seen(ended, seen))

    def _honest(self, ended: Ended) -> Ended:
        """In check mode: a failure is not certain any more once a step before it was not carried out, for it met
        the hosts as they are and not as that step leaves them. What an unknown task would set is unknown too."""
        if self._check and ended.failed and self._stage.chronicle.state.is_unsettled:
            ended = results.would_fail(ended)
        if ended.status is not Status.UNKNOWN or ended.facts or ended.unknown_facts:
            return ended
        return replace(ended, unknown_facts=self._preparer.facts)

    def _tell_item(self, index: int, item: object, ended: Ended, seen: Variables) -> None:
        label = guarded_text(lambda: self._reader.text(self._task.loop_control.label, seen, default=str(item)))
        event = ItemFinished(
            self._step.path, self.host, index, label, ended.status, ended.result, at=self._stage.around.clock()
        )
        self._stage.chronicle.tell(event, no_log=self.no_log)

    def _item(self, variables: Variables) -> Ended:
        false = self._reader.first_false(self._step.keywords.when, variables)
        if false is not None:
            return results.skipped("Conditional result was False", false)
        if self.host in self._step.doubtful:
            raise Unknown("it is not known in check mode whether this handler is notified")
        doing = self._decided(variables)
        return self._judged(guarded(self._once(doing)), variables) if self._check else self._tries(doing, variables)

    def _decided(self, variables: Variables) -> Doing:
        args = self._preparer.args(variables)
        return decide(
            self._stage,
            self._step,
            self.host,
            args,
            variables,
            check=self._check,
            silent=self.no_log,
            keep=self._jobs.append,
        )

    def _once(self, doing: Doing) -> Callable[[], Ended]:
        self._doings += 1
        return partial(doing.once, self._doings)

    def _tries(self, doing: Doing, variables: Variables) -> Ended:
        """Until `until` holds, at most 1 + `retries` times (Ansible counts the same way)."""
        if not self._task.until and self._task.retries is None:
            return self._judged(guarded(self._once(doing)), variables)
        given = self._task.retries
        retries = max(0, DEFAULT_RETRIES if given is None else self._reader.count(given, variables))
        for attempt in range(1, retries + 2):
            ended = self._judged(guarded(self._once(doing)), variables)
            if ended.status is Status.UNREACHABLE:
                return ended
            ended = replace(ended, result={**ended.result, "attempts": attempt})
            if self._is_enough(ended, variables):
                return ended
            if attempt <= retries:
                self._try_again(attempt, retries, ended, variables)
        result = {**ended.result, "attempts": retries, "failed": True}
        message = ended.message or "the condition of `until` was not met"
        return replace(ended, status=Status.FAILED, result=result, message=message, exit_code=ended.exit_code or 2)

    def _is_enough(self, ended: Ended, variables: Variables) -> bool:
        if not self._task.until:
            return not ended.failed
        return self._reader.all_hold(self._task.until, self._seen(ended, variables))

    def _try_again(self, attempt: int, retries: int, ended: Ended, variables: Variables) -> None:
        around = self._stage.around
        event = AttemptFailed(self._step.path, self.host, attempt, retries, ended.message, at=around.clock())
        self._stage.chronicle.tell(event, no_log=self.no_log)
        self._wait(self._reader.seconds(self._task.delay, variables, DEFAULT_DELAY_SECONDS))

    def _judged(self, ended: Ended, variables: Variables) -> Ended:
        """What `changed_when` and `failed_when` make of it."""
        if ended.status is Status.UNREACHABLE:
            return ended
        try:
            if self._task.changed_when is not None:
                changed = self._reader.all_hold(self._task.changed_when, self._seen(ended, variables))
                ended = results.with_changed(ended, changed)
            if self._task.failed_when is not None:
                fails = self._reader.all_hold(self._task.failed_when, self._seen(ended, variables))
                judge = results.refused_by if fails else lambda it, _: results.accepted(it) if it.failed else it
                ended = judge(ended, self._task.failed_when)
        except SentraPlayError as error:
            if not (self._check and gap_in(error)):
                raise
            known = {key: value for key, value in ended.result.items() if key != "changed"}
            ended = replace(ended, status=Status.UNKNOWN, result=known, partial=True)
        return ended

    def _seen(self, ended: Ended, variables: Variables) -> dict[str, Any]:
        seen = {**variables, **ended.facts}
        if self._task.register:
            name = self._task.register
            seen[name] = Gaps(ended.result, partial(unknown, name)) if ended.partial else ended.result
        return seen

    def _is_ignored(self, status: Status) -> bool:
        keywords = self._step.keywords
        written = keywords.ignore_errors if status is Status.FAILED else keywords.ignore_unreachable
        try:
            return written is not None and self._reader.flag(written, self._variables())
        except SentraPlayError:
            return False

    def _notified(self, ended: Ended) -> tuple[Ended, tuple[str, ...]]:
        try:
            variables = self._variables()
            names = [self._reader.text(name, variables) for name in self._step.keywords.notify or ()]
            paths = [path for name in names for path in self._stage.handlers_named(name)]
        except SentraPlayError as error:
            return results.failed(error), ()
        return ended, tuple(dict.fromkeys(paths))

    def _wait(self, seconds: float) -> None:
        if self._stage.around.interrupted.wait(seconds):
            raise Interrupted("interrupted while waiting")


def guarded(action: Callable[[], Ended]) -> Ended:
    """The end of `action`, whatever expected error it raises; Interrupted and bugs go on."""
    try:
        return action()
    except Interrupted:
        raise
    except HostUnreachable as error:
        return results.unreachable(error)
    except SentraPlayError as error:
        gap = gap_in(error)
        if isinstance(gap, Unknown):
            return results.unknown(gap)
        return results.failed(gap or error)


def guarded_text(action: Callable[[], str]) -> str:
    try:
        return action()
    except SentraPlayError as error:
        return f"({error.message})"


def gap_in(error: BaseException | None) -> TaskFailed | None:
    """The gap an error is about, however many errors were made of it on the way."""
    while error is not None:
        if isinstance(error, (Unknown, Withheld)):
            return error
        error = error.__cause__ or error.__context__
    return None
