"""A host on which `run` starts a job: what runs outlives the link, and a controller that died finds it again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from functools import partial
from typing import BinaryIO, Final, TypeVar

from runner.errors import ConnectionLost, HostUnreachable, Interrupted, SentraPlayError, TaskFailed
from runner.frozen import frozen
from runner.hosts import jobs, quoting
from runner.hosts.contract import (
    Become,
    Command,
    FileStat,
    Host,
    OutputSink,
    Pipeline,
    Result,
    Runnable,
    Script,
    Stream,
    TcpAddress,
    UnixAddress,
)
from runner.hosts.jobs import Stage, State
from runner.hosts.shell import name_of
from runner.hosts.stream import failed

T = TypeVar("T")

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
        self._was_linked = False

    def run(self, what: Runnable, *, stdin: bytes = b"", timeout: float | None = None, check: bool = True) -> Result:
        """Run it as the job. Raises StartedJob if nobody is to wait for it; else like the contract."""
        if isinstance(what, Pipeline):
            raise TaskFailed("a pipeline cannot be a job", hint="leave `async` out")
        started = time.monotonic()
        try:
            status, output, errors = self._done(what, stdin)
        except Interrupted:
            self._end()
            raise
        result = Result(quoting.shown(what), status, output, errors, time.monotonic() - started, (status,))
        if check and not result.ok:
            raise failed(self.name, name_of(what), result)
        return result

    def _done(self, what: Command | Script, stdin: bytes) -> tuple[int, str, str]:
        """The job's status and outputs, once it has ended."""
        self._insist(partial(jobs.start, self._host, self._job.id, what, stdin, self._job.limit))
        place = self._insist(lambda: jobs.where(self._host, self._job.id))
        if not self._job.poll:
            raise StartedJob(self._job.id, place)
        self.place = place
        state = self._ended()
        return (state.status, *self._insist(lambda: jobs.output(self._host, self._job.id)))

    def forget(self) -> None:
        """Remove what the job left on its host, now that its end is recorded; nothing if nobody waited for it."""
        if self.place:
            jobs.remove(self._host, self._job.id)

    def _ended(self) -> State:
        while True:
            state = self._insist(lambda: jobs.look(self._host, self._job.id))
            if state.stage is Stage.RUNNING:
                self._wait(self._job.poll)
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

    def _insist(self, action: Callable[[], T]) -> T:
        """Do it again and again while the link, which was there once, is gone. Every action here may be repeated."""
        while True:
            try:
                done = action()
            except HostUnreachable as error:
                self._was_linked = self._was_linked or isinstance(error, ConnectionLost)
                if not self._was_linked:
                    raise
                self._wait(max(self._job.poll, AGAIN_SECONDS))
            else:
                self._was_linked = True
                return done

    def _end(self) -> None:
        with suppress(SentraPlayError):
            jobs.kill(self._host, self._job.id)
            deadline = time.monotonic() + DYING_SECONDS
            while jobs.look(self._host, self._job.id).stage is Stage.RUNNING and time.monotonic() < deadline:
                time.sleep(0.1)
            jobs.remove(self._host, self._job.id)

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
