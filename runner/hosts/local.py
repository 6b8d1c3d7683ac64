"""The machine SentraPlay runs on."""

from __future__ import annotations

import contextlib
import os
import pwd
import select
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from runner.errors import HostUnreachable
from runner.hosts.contract import Host, TcpAddress, UnixAddress
from runner.hosts.host import ShellHost
from runner.hosts.wire import BLOCK, DeadlineError, Wire, remaining

COMMAND_TIMEOUT = 4 * 3600.0
"""Seconds a command may take where nothing else is said."""


def open_local(name: str = "localhost", *, command_timeout: float = COMMAND_TIMEOUT) -> Host:
    """The controller as a host."""
    return ShellHost(name, LocalLine(name), is_controller=True, command_timeout=command_timeout)


class LocalLine:
    """Starts programs as children of this process, out of the terminal's reach."""

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def user(self) -> str:
        try:
            return pwd.getpwuid(os.geteuid()).pw_name
        except KeyError:  # a user id without a name, as containers have them
            return str(os.geteuid())

    def connect(self, deadline: float) -> None:
        """Nothing to do."""

    def start(self, argv: Sequence[str], deadline: float) -> Wire:
        """A child in a session of its own: Ctrl-C reaches this process alone, which then decides."""
        try:
            return LocalWire(
                subprocess.Popen(
                    list(argv),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    bufsize=0,
                    start_new_session=True,
                )
            )
        except OSError as error:
            raise HostUnreachable(f"cannot start {argv[0]}: {error}", where=self._name) from error

    @contextmanager
    def forward(self, address: TcpAddress | UnixAddress, deadline: float) -> Iterator[TcpAddress | UnixAddress]:
        """The address itself: the controller sees it already."""
        yield address

    def close(self) -> None:
        """Nothing is kept open."""


class LocalWire:
    """A child process and its three pipes."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        self._process = process
        self._in, self._out, self._err = process.stdin, process.stdout, process.stderr
        os.set_blocking(self._in.fileno(), False)
        self._open = {self._out.fileno(), self._err.fileno()}
        self._poll = select.poll()
        for descriptor in self._open:
            self._poll.register(descriptor, select.POLLIN)

    def send(self, data: bytes, deadline: float) -> None:
        """See Wire."""
        if self._in.closed:
            raise BrokenPipeError
        view, descriptor = memoryview(data), self._in.fileno()
        while view:
            try:
                view = view[os.write(descriptor, view) :]
            except BlockingIOError:
                _wait(descriptor, select.POLLOUT, deadline)

    def receive(self, deadline: float) -> tuple[bytes, bytes]:
        """See Wire."""
        pieces = {self._out.fileno(): b"", self._err.fileno(): b""}
        while self._open and not any(pieces.values()):
            ready = self._poll.poll(remaining(deadline) * 1000)
            for descriptor, _ in ready:
                pieces[descriptor] = os.read(descriptor, BLOCK)
                if not pieces[descriptor]:
                    self._poll.unregister(descriptor)
                    self._open.discard(descriptor)
        return pieces[self._out.fileno()], pieces[self._err.fileno()]

    def read(self, size: int, deadline: float) -> bytes:
        """See Wire."""
        return _read(self._out.fileno(), size, deadline)

    def read_errors(self, deadline: float) -> bytes:
        """See Wire."""
        return _read(self._err.fileno(), BLOCK, deadline)

    def stop(self) -> None:
        """TERM, which the watchdog takes like the end of its input; closing a pipe another thread uses is not safe."""
        self._process.terminate()

    def ended(self, seconds: float) -> bool:
        """See Wire."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def give_up(self) -> None:
        """See Wire. Nothing to do: here KILL always reaches what `stop` did not."""

    def close(self) -> None:
        """See Wire."""
        for pipe in (self._in, self._out, self._err):
            with contextlib.suppress(OSError):
                pipe.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10)

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def link_lost(self) -> str:
        return ""


def _wait(descriptor: int, event: int, deadline: float) -> None:
    poll = select.poll()
    poll.register(descriptor, event)
    if not poll.poll(remaining(deadline) * 1000):
        raise DeadlineError


def _read(descriptor: int, size: int, deadline: float) -> bytes:
    _wait(descriptor, select.POLLIN, deadline)
    return os.read(descriptor, size)
