"""A host on which `run` starts a job: what runs outlives the link, and a controller that died finds it again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from typing import BinaryIO, Final

from runner.errors import HostUnreachable, Interrupted, SentraPlayError, TaskFailed
from runner.frozen import frozen
from runner.hosts import jobs, quoting
from runner.hosts.contract import (
    Become,
    FileStat,
    Host,
    OutputSink,
    Pipeline,
    Result,
    Runnable,
    Stream,
    TcpAddress,
    UnixAddress,
)
from runner.hosts.jobs import Stage, State
from runner.hosts.shell import name_of
from runner.hosts.stream import failed

AGAIN_SECONDS: Final = 5.0
"""At least so long between two tries to reach a host whose link is gone."""

DYING_SECONDS: Final = 5.0


@frozen
class Job:
    """`limit` is how many seconds it may take, `poll` how many to wait between two looks; 0: do not wait for it."""

    id: str
    limit: float
    poll: float


class StartedJob(Exception):  # noqa: N818 it is no error: the job runs, and nobody waits for it
    """A job was started that nobody waits for."""

    def __init__(self, job: str, place: str) -> None:
        super().__init__(job)
        self.job = job
        self.place = place


class DetachedHost:
    """See Host. `run` may be called once: it starts the job, or finds the one an earlier controller started.

    `wait` sleeps so many seconds; it raises Interrupted on Ctrl-C, which ends the job, and TimedOut.
    """

    def __init__(self, host: Host, job: Job, wait: Callable[[float], None]) -> None:
        self._host = host
        self._job = job
        self._wait = wait
        self.place = ""

    def run(self, what: Runnable, *, stdin: bytes = b"", timeout: float | None = None, check: bool = True) -> Result:
        """Run it as the job. Raises StartedJob if nobody is to wait for it; else like the contract."""
        if isinstance(what, Pipeline):
            raise TaskFailed("a pipeline cannot be a job", hint="leave `async` out")
        started = time.monotonic()
        jobs.start(self._host, self._job.id, what, stdin, self._job.limit)
        self.place = jobs.where(self._host, self._job.id)
        if not self._job.poll:
            raise StartedJob(self._job.id, self.place)
        try:
            state = self._ended()
        except Interrupted:
            self._end()
            raise
        output, errors = jobs.output(self._host, self._job.id)
        seconds = time.monotonic() - started
        result = Result(quoting.shown(what), state.status, output, errors, seconds, (state.status,))
        if check and not result.ok:
            raise failed(self.name, name_of(what), result)
        return result

    def forget(self) -> None:
        """Remove what the job left on its host: for when its end is recorded. Does nothing if there was no job."""
        if self.place:
            jobs.remove(self._host, self._job.id)

    def _ended(self) -> State:
        while True:
            state, pause = self._look()
            if state is None or state.stage is Stage.RUNNING:
                self._wait(pause)
            elif state.stage is Stage.ENDED:
                return state
            elif state.stage is Stage.LATE:
                raise TaskFailed(
                    f"async task did not complete within the requested time - {self._job.limit:g}s",
                    why="it was killed with everything it had started",
                    hint="give it more time with `async`",
                )
            else:
                raise jobs.lost(self._job.id)

    def _look(self) -> tuple[State | None, float]:
        """How the job stands, nothing if the host cannot be asked now; and how long to wait before the next look."""
        try:
            return jobs.look(self._host, self._job.id), self._job.poll
        except HostUnreachable:
            return None, max(self._job.poll, AGAIN_SECONDS)

    def _end(self) -> None:
        with suppress(SentraPlayError):
            jobs.kill(self._host, self._job.id)
            deadline = time.monotonic() + DYING_SECONDS
            while jobs.look(self._host, self._job.id).stage is Stage.RUNNING and time.monotonic() < deadline:
                time.sleep(0.1)
            self.forget()

    @property
    def name(self) -> str:
        return self._host.name

    @property
    def is_controller(self) -> bool:
        return self._host.is_controller

    def query(self, what: Runnable, *, stdin: bytes = b"", timeout: float | None = None, check: bool = True) -> Result:
        """See the contract."""
        return self._host.query(what, stdin=stdin, timeout=timeout, check=check)

    def stat(self, path: str) -> FileStat | None:
        """See the contract."""
        return self._host.stat(path)

    def read(self, path: str, *, limit: int = jobs.LIMIT) -> bytes:
        """See the contract."""
        return self._host.read(path, limit=limit)

    def forward(self, address: TcpAddress | UnixAddress) -> AbstractContextManager[TcpAddress | UnixAddress]:
        """See the contract."""
        return self._host.forward(address)

    def stream(self, what: Runnable, *, timeout: float | None = None) -> AbstractContextManager[Stream]:
        """See the contract."""
        return self._host.stream(what, timeout=timeout)

    def put(
        self,
        source: BinaryIO,
        path: str,
        *,
        mode: int = 0o600,
        owner: str | None = None,
        group: str | None = None,
        replaces: str | None = None,
    ) -> None:
        """See the contract."""
        self._host.put(source, path, mode=mode, owner=owner, group=group, replaces=replaces)

    def get(self, path: str, sink: BinaryIO) -> None:
        """See the contract."""
        self._host.get(path, sink)

    def private_directory(self, parent: str = "/var/tmp") -> AbstractContextManager[str]:
        """See the contract."""
        return self._host.private_directory(parent)

    def view(
        self,
        *,
        become: Become | None = None,
        deadline: float | None = None,
        env: Mapping[str, str] | None = None,
        on_output: OutputSink | None = None,
    ) -> Host:
        """See the contract."""
        return DetachedHost(
            self._host.view(become=become, deadline=deadline, env=env, on_output=on_output), self._job, self._wait
        )

    def interrupt(self) -> None:
        """See the contract."""
        self._host.interrupt()

    def close(self) -> None:
        """See the contract."""
        self._host.close()
