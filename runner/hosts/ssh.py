"""Hosts reached by SSH. Importing this is cheap; fabric and paramiko are loaded at the first connection."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from runner.errors import ConnectionLost, HostUnreachable, TaskFailed, TimedOut
from runner.hosts.contract import Host, TcpAddress, UnixAddress
from runner.hosts.host import ShellHost
from runner.hosts.quoting import words
from runner.hosts.ssh_settings import SshSettings
from runner.hosts.wire import DeadlineError, Wire, remaining

if TYPE_CHECKING:
    from paramiko import Channel

    from runner.hosts.ssh_connection import StrictConnection
    from runner.hosts.ssh_keys import SshFiles
    from runner.hosts.ssh_liveness import Liveness
    from runner.hosts.ssh_transport import FastTransport

# sshd drops connections at random while more than MaxStartups (10) are not authenticated yet.
_TRIES: Final = 4
_WINDOW: Final = 4 * 1024 * 1024
# Between the end of what a tunnel carries and the end of the link itself.
_SETTLING: Final = 0.1
# How long a refused session is asked for again, and how often.
_PATIENCE: Final = 10.0
_PAUSE: Final = 0.1


class Ssh:
    """Opens hosts that share what is read from files: known_hosts, ssh_config, private keys."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: SshFiles | None = None

    def open(self, settings: SshSettings) -> Host:
        """The host of these settings; connecting happens at its first use."""
        line = SshLine(settings, self.files)
        return ShellHost(settings.name, line, is_controller=False, command_timeout=settings.command_timeout)

    def files(self) -> SshFiles:
        """The shared files, made at first use."""
        from runner.hosts.ssh_keys import SshFiles

        with self._lock:
            if self._files is None:
                # Without a handler Python prints paramiko's errors on standard error; we raise our own.
                logging.getLogger("paramiko").addHandler(logging.NullHandler())
                self._files = SshFiles()
            return self._files


def open_ssh(settings: SshSettings) -> Host:
    """A single host; see `Ssh` for many."""
    return Ssh().open(settings)


class SshLine:
    """One connection, opened when needed and opened again after it was lost."""

    def __init__(self, settings: SshSettings, files: Callable[[], SshFiles]) -> None:
        self._settings = settings
        self._files = files
        self._lock = threading.Lock()
        self._link: _Link | None = None

    @property
    def user(self) -> str:
        return self._settings.user or "" if self._link is None else self._link.user

    def connect(self, deadline: float) -> None:
        """See Line."""
        self._connected(deadline)

    def start(self, argv: Sequence[str], deadline: float) -> Wire:
        """See Line."""
        return self._connected(deadline).start(words(tuple(argv)), deadline)

    @contextmanager
    def forward(self, address: TcpAddress | UnixAddress, deadline: float) -> Iterator[TcpAddress | UnixAddress]:
        """See the contract."""
        from runner.hosts.ssh_forward import forwarded

        link = self._connected(deadline)
        try:
            with forwarded(link.transport, address, link.liveness) as local:
                yield local
        except TaskFailed as error:
            if isinstance(error, TimedOut) or not link.gone(_SETTLING):
                raise
            # Whoever used the tunnel saw only its end.
            raise ConnectionLost(
                f"the connection was lost: {link.liveness.lost}", where=self._settings.name, why=error.message
            ) from error

    def close(self) -> None:
        """See Line."""
        with self._lock:
            link, self._link = self._link, None
        if link is not None:
            link.close()

    def _connected(self, deadline: float) -> _Link:
        link = self._link
        if link is not None and link.alive:
            return link
        if not self._lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise self._too_late()
        try:
            if self._link is None or not self._link.alive:
                if self._link is not None:
                    self._link.close()
                self._link = self._open(deadline)
            return self._link
        finally:
            self._lock.release()

    def _open(self, deadline: float) -> _Link:
        for attempt in range(1, _TRIES + 1):
            try:
                return _Link(self._settings, self._files(), deadline)
            except _TurnedAwayError as error:
                pause = random.uniform(0.1, 0.5) * attempt
                if attempt == _TRIES or time.monotonic() + pause > deadline:
                    raise error.unreachable from error
                time.sleep(pause)
        raise self._too_late()

    def _too_late(self) -> TimedOut:
        return TimedOut("there was no time left to connect", where=self._settings.name)


class _TurnedAwayError(Exception):
    """The server hung up before it greeted: it may be busy."""

    def __init__(self, unreachable: HostUnreachable) -> None:
        super().__init__(str(unreachable))
        self.unreachable = unreachable


class _Link:
    """An authenticated connection."""

    def __init__(self, settings: SshSettings, files: SshFiles, deadline: float) -> None:
        from runner.hosts.ssh_connection import StrictConnection
        from runner.hosts.ssh_liveness import Liveness

        self._settings = settings
        self.connection: StrictConnection = StrictConnection(settings, files)
        self.user: str = self.connection.user
        self.transport: FastTransport = self._open(deadline)
        self.liveness: Liveness = Liveness(self.transport, settings.dead_after)

    @property
    def alive(self) -> bool:
        return self.transport.is_active()

    def gone(self, seconds: float) -> bool:
        """Whether the link is lost, or known to be after at most `seconds`: its channels end a moment before it."""
        self.transport.join(seconds)
        return not self.alive

    def start(self, text: str, deadline: float) -> Wire:
        """Run sh text by the login shell."""
        from paramiko.ssh_exception import SSHException

        from runner.hosts.ssh_wire import SshWire

        try:
            channel = self._session(deadline)
            channel.settimeout(remaining(deadline))
            channel.exec_command(f"exec {text}")
        except DeadlineError:
            raise TimedOut("there was no time left to start anything", where=self._settings.name) from None
        except (SSHException, OSError, EOFError) as error:
            # The end of the connection may show here before anything else has noticed it.
            lost = self.liveness.lost or ("it was closed" if isinstance(error, EOFError) else "")
            if lost:
                raise ConnectionLost(f"the connection was lost: {lost}", where=self._settings.name) from error
            raise HostUnreachable(
                f"no session could be opened: {error}",
                where=self._settings.name,
                hint="look at MaxSessions and the log of sshd on the host",
            ) from error
        return SshWire(channel, self.liveness)

    def _session(self, deadline: float) -> Channel:
        """A session channel. One that was just closed here may still count there, so a refusal is not taken at once."""
        from paramiko.ssh_exception import SSHException

        patience = min(deadline, time.monotonic() + _PATIENCE)
        while True:
            try:
                return self.transport.open_session(window_size=_WINDOW, timeout=max(1, int(remaining(deadline))))
            except SSHException:
                # Not only ChannelException: of two refusals at once, paramiko hands one thread the other's error.
                if not self.alive or time.monotonic() + _PAUSE > patience:
                    raise
                time.sleep(_PAUSE)

    def close(self) -> None:
        """Cut the link and let go of everything. Never waits for the peer."""
        self.liveness.end()
        self.transport.cut()
        self.connection.close()
        gateway = self.connection.gateway
        while gateway is not None and not isinstance(gateway, str):
            if gateway.transport is not None:
                gateway.transport.cut()
            gateway.close()
            gateway = gateway.gateway

    def _open(self, deadline: float) -> FastTransport:
        from paramiko.ssh_exception import SSHException

        from runner.hosts.ssh_errors import unreachable

        try:
            return self.connection.open_strictly(deadline)
        except (SSHException, OSError, EOFError, ValueError) as error:
            self.connection.close()
            address, user = self.connection.shown_address, self.user
            found = unreachable(self._settings.name, address, user, error)
            if isinstance(error, EOFError) or "banner" in str(error):
                raise _TurnedAwayError(found) from error
            raise found from error
