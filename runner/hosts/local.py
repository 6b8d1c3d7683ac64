"""The machine SentraPlay runs on."""

from __future__ import annotations

import contextlib
import os
import pwd
import select
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

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
    """A child process and its three pipes.

    Pipes are closed only when nobody waits on them: a number that is closed may at once be another file.
    A fourth pipe, of which one end is closed, wakes whoever waits.
    """

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        self._process = process
        self._pipes = (process.stdin, process.stdout, process.stderr)
        self._in, self._out, self._err = (pipe.fileno() for pipe in self._pipes)
        os.set_blocking(self._in, False)
        self._woken, self._waker = os.pipe()
        self._waking = threading.Lock()
        self._using = {descriptor: threading.Lock() for descriptor in (self._in, self._out, self._err)}
        self._closed = False
        self._open = {self._out, self._err}

    def send(self, data: bytes, deadline: float) -> None:
        """See Wire."""
        view = memoryview(data)
        with self._using[self._in]:
            while view:
                if self._closed or self._given_up:
                    raise BrokenPipeError
                try:
                    view = view[os.write(self._in, view) :]
                except BlockingIOError:
                    self._wait({self._in: select.POLLOUT}, deadline)

    def receive(self, deadline: float) -> tuple[bytes, bytes]:
        """See Wire."""
        pieces = {self._out: b"", self._err: b""}
        with self._using[self._out], self._using[self._err]:
            while self._open and not any(pieces.values()) and not self._closed:
                ready = self._wait(dict.fromkeys(self._open, select.POLLIN), deadline)
                if self._given_up:
                    break
                for descriptor in ready:
                    pieces[descriptor] = os.read(descriptor, BLOCK)
                    if not pieces[descriptor]:
                        self._open.discard(descriptor)
        return pieces[self._out], pieces[self._err]

    def read(self, size: int, deadline: float) -> bytes:
        """See Wire."""
        return self._read(self._out, size, deadline)

    def read_errors(self, deadline: float) -> bytes:
        """See Wire."""
        return self._read(self._err, BLOCK, deadline)

    def stop(self) -> None:
        """See Wire. TERM, which the watchdog takes like the end of its input."""
        self._process.terminate()

    def ended(self, seconds: float) -> bool:
        """See Wire."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def give_up(self) -> None:
        """See Wire."""
        with self._waking:
            if self._waker >= 0:
                os.close(self._waker)
                self._waker = -1

    def close(self) -> None:
        """See Wire."""
        self.give_up()
        with ExitStack() as nobody_waits:
            for lock in self._using.values():
                nobody_waits.enter_context(lock)
            if self._closed:
                return
            self._closed = True
            for pipe in self._pipes:
                with contextlib.suppress(OSError):
                    pipe.close()
            os.close(self._woken)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10)

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def link_lost(self) -> str:
        return ""

    @property
    def _given_up(self) -> bool:
        return self._waker < 0

    def _read(self, descriptor: int, size: int, deadline: float) -> bytes:
        with self._using[descriptor]:
            if not self._closed and self._wait({descriptor: select.POLLIN}, deadline) and not self._given_up:
                return os.read(descriptor, size)
        return b""

    def _wait(self, wanted: dict[int, int], deadline: float) -> list[int]:
        """Those of `wanted` that are ready; nothing after `give_up`."""
        poll = select.poll()
        for descriptor, event in wanted.items():
            poll.register(descriptor, event)
        poll.register(self._woken, select.POLLIN)
        ready = poll.poll(remaining(deadline) * 1000)
        if not ready:
            raise DeadlineError
        return [descriptor for descriptor, _ in ready if descriptor != self._woken]
