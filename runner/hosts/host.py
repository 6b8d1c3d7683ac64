"""A host driven by `sh`, whatever leads there: the same for this machine and for SSH."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import field, replace
from typing import BinaryIO, Protocol

from runner.frozen import frozen
from runner.hosts import files, quoting
from runner.hosts.contract import (
    Become,
    FileStat,
    Host,
    OutputSink,
    Result,
    Runnable,
    Stream,
    TcpAddress,
    UnixAddress,
)
from runner.hosts.framing import text
from runner.hosts.sessions import Sessions, deadline_in
from runner.hosts.shell import Answer, name_of
from runner.hosts.stream import StreamSession, ended_early, failed
from runner.hosts.wire import Line

OUTPUT_LIMIT = 16 * 1024 * 1024
"""Bytes a command may write on each output before it is killed."""

INLINE_INPUT = 128 * 1024
"""Input up to this size goes with the request; more goes through a stream."""


class ForwardingLine(Line, Protocol):
    """A line that can also lead connections to servers on its machine."""

    def forward(
        self, address: TcpAddress | UnixAddress, deadline: float
    ) -> AbstractContextManager[TcpAddress | UnixAddress]: ...


def _with_password(wanted: Become | None, known: Become | None) -> Become | None:
    """sudo asks for the password of who logs in, whoever is become: one that was given serves for everybody."""
    if wanted is None or wanted.password is not None or known is None:
        return wanted or known
    return replace(wanted, password=known.password)


@frozen
class View:
    """How a host is seen: as whom, until when, with which environment, told to whom."""

    become: Become | None = None
    deadline: float | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    on_output: OutputSink | None = None


class ShellHost:
    """Implements the Host contract over a line. Views share line and sessions."""

    def __init__(
        self,
        name: str,
        line: ForwardingLine,
        *,
        is_controller: bool,
        command_timeout: float,
        sessions: Sessions | None = None,
        view: View | None = None,
    ) -> None:
        self._name = name
        self._line = line
        self._is_controller = is_controller
        self._command_timeout = command_timeout
        self._sessions = sessions or Sessions(name, line)
        self._view = view or View()

    @property
    def name(self) -> str:
        return self._name

    @property
    def is_controller(self) -> bool:
        return self._is_controller

    def query(self, what: Runnable, *, stdin: bytes = b"", timeout: float | None = None, check: bool = True) -> Result:
        """See the contract."""
        return self._execute(what, stdin, timeout, check, sink=None)

    def run(self, what: Runnable, *, stdin: bytes = b"", timeout: float | None = None, check: bool = True) -> Result:
        """See the contract."""
        return self._execute(what, stdin, timeout, check, sink=self._view.on_output)

    def answer(self, what: Runnable, *, stdin: bytes = b"", limit: int = OUTPUT_LIMIT) -> Answer:
        """Run it and give the bytes it wrote, whatever its status."""
        return self._answer(what, stdin, self._deadline(None), None, limit)

    @contextmanager
    def stream(self, what: Runnable, *, timeout: float | None = None) -> Iterator[Stream]:
        """See the contract."""
        with self._stream(what, self._deadline(timeout)) as session:
            try:
                yield session
            except BrokenPipeError:
                # It ended before it had read everything: its own status tells more than the pipe.
                session.finish()
                raise ended_early(self._name, name_of(what)) from None

    @contextmanager
    def keeping(self, what: Runnable) -> Iterator[Stream]:
        """A stream that `interrupt` leaves alone: it keeps something for what unwinds after an interruption."""
        with self._stream(what, self._deadline(None), interruptible=False) as session:
            yield session

    def stat(self, path: str) -> FileStat | None:
        """See the contract."""
        return files.stat(self, path)

    def read(self, path: str, *, limit: int = OUTPUT_LIMIT) -> bytes:
        """See the contract."""
        return files.read(self, path, limit)

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
        files.put(self, source, path, mode=mode, owner=owner, group=group, replaces=replaces)

    def get(self, path: str, sink: BinaryIO) -> None:
        """See the contract."""
        files.get(self, path, sink)

    def forward(self, address: TcpAddress | UnixAddress) -> AbstractContextManager[TcpAddress | UnixAddress]:
        """See the contract."""
        return self._line.forward(address, self._deadline(None))

    def private_directory(self, parent: str = "/var/tmp") -> AbstractContextManager[str]:
        """See the contract."""
        return files.private_directory(self, parent)

    def view(
        self,
        *,
        become: Become | None = None,
        deadline: float | None = None,
        env: Mapping[str, str] | None = None,
        on_output: OutputSink | None = None,
    ) -> Host:
        """See the contract."""
        changed = replace(
            self._view,
            become=_with_password(become, self._view.become),
            deadline=self._view.deadline if deadline is None else deadline,
            env=self._view.env if env is None else env,
            on_output=on_output or self._view.on_output,
        )
        return ShellHost(
            self._name,
            self._line,
            is_controller=self._is_controller,
            command_timeout=self._command_timeout,
            sessions=self._sessions,
            view=changed,
        )

    def interrupt(self) -> None:
        """See the contract."""
        self._sessions.interrupt()

    def close(self) -> None:
        """See the contract."""
        self._sessions.close()
        self._line.close()

    def _deadline(self, timeout: float | None) -> float:
        if self._view.deadline is None:
            return deadline_in(self._command_timeout if timeout is None else min(timeout, self._command_timeout))
        return self._view.deadline if timeout is None else deadline_in(timeout, self._view.deadline)

    def _execute(
        self, what: Runnable, stdin: bytes, timeout: float | None, check: bool, sink: OutputSink | None
    ) -> Result:
        started = time.monotonic()
        answer = self._answer(what, stdin, self._deadline(timeout), sink, OUTPUT_LIMIT)
        result = Result(
            argv=quoting.shown(what),
            exit_code=answer.exit_code,
            stdout=text(answer.stdout),
            stderr=text(answer.stderr),
            seconds=time.monotonic() - started,
            statuses=answer.statuses,
        )
        if check and not result.ok:
            raise failed(self._name, name_of(what), result)
        return result

    def _answer(self, what: Runnable, stdin: bytes, deadline: float, sink: OutputSink | None, limit: int) -> Answer:
        if len(stdin) > INLINE_INPUT:
            return self._with_much_input(what, stdin, deadline, sink, limit)
        with self._sessions.shell(self._view.become, deadline) as shell:
            return shell.run(what, env=self._view.env, stdin=stdin, deadline=deadline, sink=sink, limit=limit)

    def _with_much_input(
        self, what: Runnable, stdin: bytes, deadline: float, sink: OutputSink | None, limit: int
    ) -> Answer:
        with self._sessions.stream(self._view.become, deadline, sink) as session:
            session.begin(what, self._view.env)
            return session.converse(stdin, limit)

    @contextmanager
    def _stream(self, what: Runnable, deadline: float, *, interruptible: bool = True) -> Iterator[StreamSession]:
        sink = self._view.on_output
        with self._sessions.stream(self._view.become, deadline, sink, interruptible=interruptible) as session:
            session.begin(what, self._view.env)
            yield session
