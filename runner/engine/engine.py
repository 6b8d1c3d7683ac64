"""A plan carried out: plays in order, from the first step without a recorded end to the exit code."""

from __future__ import annotations

import threading
import time
from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import Any, cast

from runner.engine.chronicle import Chronicle, Unrecorded
from runner.engine.context import Ask, nobody_to_ask
from runner.engine.crew import Crew
from runner.engine.including import actions
from runner.engine.locking import Locks
from runner.engine.metas import Meta
from runner.engine.play import Parts, PlayRun
from runner.engine.recap import exit_code, recap
from runner.engine.recollect import Done, refuse_changed_plan
from runner.engine.roster import Roster
from runner.errors import ExitCode, Interrupted
from runner.events import Event, RunFinished, RunStarted, Warned
from runner.hosts.contract import Hosts
from runner.inventory import Inventory
from runner.modules.contract import Module, RunInfo
from runner.plan import Plan, PlannedPlay
from runner.repositories.contract import Repositories
from runner.secret import Redactor
from runner.template import Templar


class Engine:
    """Carries out one plan, once.

    `publish` is called from several threads; it returns when the event is durable, and if it raises, what
    the event announces does not happen. `done` is what an earlier, broken run of the same plan got done.
    `follow` is handed the inventory as each play sees it, and whenever a task has added to it.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        hosts: Hosts,
        repositories: Callable[[PlannedPlay], Repositories],
        modules: Mapping[str, Module[Any]],
        templar: Templar,
        redactor: Redactor,
        publish: Callable[[Event], None],
        run: RunInfo,
        done: Done | None = None,
        clock: Callable[[], float] = time.time,
        ask: Ask = nobody_to_ask,
        follow: Callable[[Inventory], None] = lambda _: None,
    ) -> None:
        self._plan = plan
        self._run = run
        self._clock = clock
        self._hosts = hosts
        self._interrupted = threading.Event()
        self._resumed = done is not None
        chronicle = Chronicle(publish, redactor, done or Done())
        modules = ChainMap({**actions(plan.includes), Meta.name: Meta()}, cast(Any, modules))  # only read
        self._parts = Parts(
            plan=plan,
            hosts=hosts,
            repositories=repositories,
            modules=modules,
            templar=templar,
            redactor=redactor,
            chronicle=chronicle,
            locks=Locks(hosts, run, plan.options.forks, plan.options.break_lock, self._warn),
            roster=Roster(plan, chronicle.state, templar, follow),
            crew=Crew(plan.options.forks, modules, templar, redactor),
            run=run,
            interrupted=self._interrupted,
            clock=clock,
            ask=ask,
        )

    def execute(self) -> ExitCode:
        """Do it. Returns how the process is to end.

        Raises Refused if `done` belongs to another plan, and what `publish` raises: the run is then as
        dead as after a crash, and can be resumed.
        """
        refuse_changed_plan(self._parts.chronicle.state, self._plan.fingerprint)
        started = self._clock()
        try:
            self._tell_start(started)
            code = self._plays()
            self._tell_end(started, code)
        except Unrecorded as failure:
            raise failure.error from None
        finally:
            self._parts.crew.close()
        return code

    def interrupt(self) -> None:
        """Stop: what runs on the hosts is killed, nothing new starts. Safe from any thread; idempotent."""
        self._interrupted.set()
        for host in self._hosts.all_open():
            host.interrupt()

    def _warn(self, message: str) -> None:
        self._parts.chronicle.watch(Warned(message, at=self._clock()))

    def _plays(self) -> ExitCode:
        lost: frozenset[str] = frozenset()
        try:
            for planned in self._plan.plays:
                self._parts.roster.enter(planned)
                play = PlayRun(self._parts, planned, lost)
                play.execute()
                lost = play.lost
                if play.stopped:
                    break
        except Interrupted:
            return ExitCode.INTERRUPTED
        return exit_code(self._parts.chronicle.state)

    def _tell_start(self, started: float) -> None:
        options = self._plan.options
        said = {
            "limit": options.limit,
            "tags": list(options.tags),
            "skip_tags": list(options.skip_tags),
            "extra_vars": sorted(options.extra_vars),
            "check": options.check,
            "diff": options.diff,
            "forks": options.forks,
        }
        event = RunStarted(
            self._run.id, self._run.playbook, self._plan.fingerprint, said, resumed=self._resumed, at=started
        )
        self._parts.chronicle.tell(event)

    def _tell_end(self, started: float, code: ExitCode) -> None:
        state, now = self._parts.chronicle.state, self._clock()
        hosts = {host for planned in self._plan.plays for host in planned.hosts}
        seconds = now - (started if state.started_at is None else state.started_at)
        self._parts.chronicle.tell(RunFinished(self._run.id, int(code), recap(state, hosts), seconds, at=now))
