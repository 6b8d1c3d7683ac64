"""One task across hosts: at most `forks` at a time, each end recorded when it comes."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from threading import Semaphore
from typing import Any

from runner.engine import recording
from runner.engine.arguments import Preparer
from runner.engine.attempt import Attempt
from runner.engine.conditions import Reader
from runner.engine.confirming import confirm
from runner.engine.settling import settled
from runner.engine.step import Stage, Step
from runner.errors import Interrupted, SentraPlayError
from runner.events import TaskFinished, TaskStarted
from runner.modules.contract import Module
from runner.schema import module_schema
from runner.secret import Redactor
from runner.template import Templar

Ends = dict[str, TaskFinished]


class Crew:
    """The threads of a run."""

    def __init__(self, forks: int, modules: Mapping[str, Module[Any]], templar: Templar, redactor: Redactor) -> None:
        self._pool = ThreadPoolExecutor(max_workers=max(1, forks), thread_name_prefix="host")
        self._modules = modules
        self._templar = templar
        self._redactor = redactor
        self._preparers: dict[str, Preparer] = {}
        self._throttles: dict[str, Semaphore] = {}

    def perform(self, stage: Stage, step: Step, hosts: tuple[str, ...]) -> Ends:
        """The end of the task on each of `hosts`; where one is recorded, it is not done again.

        Raises Interrupted, Unrecorded, and bugs, after the hosts that were at work have ended.
        """
        recorded = stage.chronicle.state.ends
        once = self._is_once(stage, step, hosts)
        ends = {host: recorded[step.path, host] for host in hosts if (step.path, host) in recorded}
        ends |= settled(stage, step, tuple(host for host in hosts if host not in ends))
        if once:
            end = next(iter(ends.values())) if ends else self._start(stage, step, hosts[:1], hosts[1:])[hosts[0]]
            return dict.fromkeys(hosts, end)
        if module_schema(step.task.module).get("x-first-host"):
            return ends or self._start(stage, step, hosts[:1], ())
        fresh = tuple(host for host in hosts if host not in ends)
        if fresh:
            ends |= self._start(stage, step, fresh, ())
        return {host: ends[host] for host in hosts}

    def close(self) -> None:
        """Let the threads go; those still at work are waited for."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _start(self, stage: Stage, step: Step, hosts: tuple[str, ...], shared_with: tuple[str, ...]) -> Ends:
        around = stage.around
        if around.interrupted.is_set():
            raise Interrupted("interrupted")
        confirm(stage, step, hosts)
        preparer = self._preparer(step, around.templar)
        slots = self._slots(stage, step, hosts[0])
        name = self._name(stage, step, hosts[0])
        stage.chronicle.tell(TaskStarted(step.path, name, step.task.module, hosts, step.is_handler, at=around.clock()))
        attempts = [Attempt(stage, step, preparer, host) for host in hosts]
        work = {self._pool.submit(_one, attempt, stage, name, shared_with, slots): attempt for attempt in attempts}
        return recording.recorded(stage, step, name, work, tidy=lambda attempt: self._pool.submit(attempt.forget_jobs))

    def _preparer(self, step: Step, templar: Templar) -> Preparer:
        task = step.task
        found = self._preparers.get(task.path)
        if found is None:
            if defaults := step.keywords.module_defaults.get(task.module):
                task = replace(task, args={**defaults, **task.args})
            found = Preparer(task, self._modules[task.module], templar, self._redactor)
            self._preparers[task.path] = found
        return found

    def _slots(self, stage: Stage, step: Step, host: str) -> AbstractContextManager[object]:
        """What a host must hold to be at work on the task: one of `throttle` slots, which all hosts share."""
        written, reader = step.keywords.throttle, Reader(self._templar)
        if written is None:
            return nullcontext()
        count = reader.count(written, stage.variables.of(host, step.keywords))
        return self._throttles.setdefault(step.path, Semaphore(count)) if count > 0 else nullcontext()

    def _is_once(self, stage: Stage, step: Step, hosts: tuple[str, ...]) -> bool:
        written = step.keywords.run_once
        if written is None or isinstance(written, bool):
            return written is True
        return Reader(self._templar).flag(written, stage.variables.of(hosts[0], step.keywords))

    def _name(self, stage: Stage, step: Step, host: str) -> str:
        """The task's name for people; one that cannot be rendered (yet) is shown as it was written."""
        role = step.keywords.role
        written = f"{role.name} : {step.task.name}" if role else step.task.name
        if not self._templar.is_template(written):
            return written
        try:
            return self._templar.render_text(written, stage.variables.of(host, step.keywords))
        except SentraPlayError:
            return written


def _one(
    attempt: Attempt, stage: Stage, name: str, shared_with: tuple[str, ...], slots: AbstractContextManager[object]
) -> TaskFinished:
    with slots:
        if stage.around.interrupted.is_set():
            raise Interrupted("interrupted")
        return attempt.run(name, shared_with)
