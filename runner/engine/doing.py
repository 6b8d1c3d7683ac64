"""One task, on one host, for one item: as whom, where, until when; then preview or apply, once."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from runner.engine import results
from runner.engine.conditions import Reader
from runner.engine.context import Context
from runner.engine.lines import Lines
from runner.engine.results import Ended
from runner.engine.step import Stage, Step
from runner.errors import TaskFailed, TimedOut
from runner.events import OutputLine
from runner.frozen import frozen
from runner.hosts.contract import Become, Host
from runner.hosts.detached import DetachedHost, Job, StartedJob
from runner.modules.contract import Module, RunInfo
from runner.secret import Secret, reveal

DEFAULT_TIMEOUT_SECONDS: Final = 3600.0
"""How long a task without `timeout` (or with 0) may take on a host, per attempt and item."""

DEFAULT_POLL_SECONDS: Final = 15.0
JOB_GRACE_SECONDS: Final = 120.0
"""How much longer than a job itself the task may take to learn of its end: its host may be out of reach."""

Variables = Mapping[str, Any]


@frozen
class Doing:
    """Everything decided; `once` may be called again for `until`."""

    stage: Stage
    step: Step
    host: str
    module: Module[Any]
    args: Any
    variables: Variables
    target: str
    check: bool
    diff: bool
    silent: bool
    timeout: float
    become: Become | None
    environment: Mapping[str, str]
    delegates_facts: bool = False
    job: Job | None = None
    keep: Callable[[DetachedHost], None] = lambda _: None

    def once(self, number: int = 0) -> Ended:
        """Preview or apply; raises what the module raises.

        `number` tells one doing of the task on its host from another: a job is found again by it. `keep` is handed the
        host of a job, whose traces may be removed only once its end is recorded.
        """
        lines = Lines(self.stage.redactor, self._line)
        deadline = time.monotonic() + self.timeout
        try:
            return self._done(deadline, lines, number)
        except TimedOut as late:
            if time.monotonic() >= deadline:
                late.data = {**late.data, "timedout": {"period": self.timeout}}
            raise
        finally:
            lines.flush()

    def _done(self, deadline: float, lines: Lines, number: int) -> Ended:
        context = Context(
            self.stage.around,
            host=self._view(deadline, lines),
            keywords=self.step.keywords,
            run=self._run(),
            variables=self.variables,
            path=self.step.path,
            name=self.host,
            deadline=deadline,
            silent=self.silent,
        )
        if self.check:
            ended = results.previewed(self.module.preview(context, self.args), self.diff)
        elif self.job is None:
            ended = results.acted(self.module.apply(context, self.args), self.diff)
        else:
            ended = self._as_job(context, replace(self.job, id=f"{self.job.id}-{number}"))
        return results.delegated(ended, self.target) if self.delegates_facts else ended

    def _as_job(self, context: Context, job: Job) -> Ended:
        host = context.detach(job)
        self.keep(host)
        try:
            ended = results.acted(self.module.apply(context, self.args), self.diff)
        except StartedJob as started:
            return results.of_started_job(started.job, started.place)
        except TaskFailed as error:
            raise replace(error, data={**error.data, **results.of_job(job.id, host.place)}) from error
        return replace(ended, result={**ended.result, **results.of_job(job.id, host.place)}) if host.place else ended

    def _run(self) -> RunInfo:
        run = self.stage.run
        same = (run.check, run.diff) == (self.check, self.diff)
        return run if same else replace(run, check=self.check, diff=self.diff)

    def _view(self, deadline: float, lines: Lines) -> Host:
        return self.stage.around.hosts.get(self.target).view(
            become=self.become,
            deadline=deadline,
            env=self.environment or None,
            on_output=None if self.silent else lines,
        )

    def _line(self, stream: str, text: str) -> None:
        around = self.stage.around
        around.watch(OutputLine(self.step.path, self.host, stream, text, at=around.clock()))


def decide(
    stage: Stage,
    step: Step,
    host: str,
    args: Any,
    variables: Variables,
    *,
    check: bool,
    silent: bool,
    keep: Callable[[DetachedHost], None],
) -> Doing:
    """Read every keyword that says how the task is to be done on `host`."""
    reader, keywords = Reader(stage.around.templar), step.keywords
    target = reader.text(keywords.delegate_to, variables, default=host)
    job = _job(stage, step, host, reader, variables)
    timeout = reader.seconds(keywords.timeout, variables, 0.0) or DEFAULT_TIMEOUT_SECONDS
    return Doing(
        stage=stage,
        step=step,
        host=host,
        module=stage.modules[step.task.module],
        args=args,
        variables=variables,
        target=target,
        check=check,
        diff=reader.flag(keywords.diff, variables, default=stage.options.diff),
        silent=silent,
        timeout=job.limit + JOB_GRACE_SECONDS if job else timeout,
        become=_become(stage, step, reader, target, host, variables),
        environment=_environment(step, reader, variables),
        delegates_facts=target != host and reader.flag(keywords.delegate_facts, variables),
        job=job,
        keep=keep,
    )


def _job(stage: Stage, step: Step, host: str, reader: Reader, variables: Variables) -> Job | None:
    """The job that `async` makes of the task: its id is the same whenever this run does the task on this host."""
    limit = reader.seconds(step.task.async_, variables, 0.0)
    if not limit:
        return None
    name = hashlib.sha256(f"{step.path} {host}".encode()).hexdigest()[:12]
    return Job(f"{stage.run.id}-{name}", limit, reader.seconds(step.task.poll, variables, DEFAULT_POLL_SECONDS))


def _become(stage: Stage, step: Step, reader: Reader, target: str, host: str, variables: Variables) -> Become | None:
    """Whom to act as. What the inventory says of it is looked up for the host that is really worked on."""
    there = variables if target == host else stage.variables.of(target)
    wanted = step.keywords.become
    if not (
        reader.flag(wanted, variables)
        if wanted is not None
        else reader.flag(reader.named("ansible_become", there), there)
    ):
        return None
    if step.keywords.become_user is not None:
        user = reader.text(step.keywords.become_user, variables)
    else:
        user = str(reader.named("ansible_become_user", there) or "root")
    password = reader.named("ansible_become_password", there)
    if password is None:
        return Become(user)
    text = password.reveal() if isinstance(password, Secret) else str(password)
    stage.redactor.register(text)
    return Become(user, Secret(text))


def _environment(step: Step, reader: Reader, variables: Variables) -> dict[str, str]:
    found: dict[str, object] = {}
    for part in step.keywords.environment:
        rendered = reader.value(part if isinstance(part, str) else dict(part), variables)
        if not isinstance(rendered, Mapping):
            raise TaskFailed(
                "the environment is no mapping", hint="give it as `NAME: value`, or a variable that is that"
            )
        found.update(rendered)
    return {str(name): reveal(value) if isinstance(value, Secret) else str(value) for name, value in found.items()}
