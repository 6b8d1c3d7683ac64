"""A program on the other side of an SSH channel."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import cast

from paramiko import Channel

from runner.hosts.ssh_liveness import Liveness
from runner.hosts.wire import BLOCK, DeadlineError, remaining


class _Arrival(threading.Event):
    """Set by paramiko whenever bytes or an end arrive on either output; paramiko's own clearing is ignored,
    because it clears when ONE output is empty."""

    def clear(self) -> None:
        pass

    def rearm(self) -> None:
        super().clear()


class SshWire:
    """One session channel; see Wire."""

    def __init__(self, channel: Channel, liveness: Liveness) -> None:
        self._channel = channel
        self._liveness = liveness
        self._arrival: _Arrival | None = None

    def send(self, data: bytes, deadline: float) -> None:
        """See Wire."""
        view = memoryview(data)
        try:
            while view:
                self._channel.settimeout(remaining(deadline))
                # The stubs do not know that any buffer will do.
                view = view[self._channel.send(cast(bytes, view)) :]
                self._liveness.heard()
        except TimeoutError:
            raise DeadlineError from None
        except (OSError, EOFError):
            raise BrokenPipeError from None

    def receive(self, deadline: float) -> tuple[bytes, bytes]:
        """See Wire."""
        arrival = self._arrivals()
        while True:
            arrival.rearm()
            # Looked at before the bytes: what arrives between the two is still read the next time round.
            ended = self._channel.eof_received or self._channel.closed
            output = _taken(self._channel.recv, BLOCK) if self._channel.recv_ready() else b""
            errors = _taken(self._channel.recv_stderr, BLOCK) if self._channel.recv_stderr_ready() else b""
            if output or errors:
                self._liveness.heard()
                if self._channel.recv_ready() or self._channel.recv_stderr_ready():
                    arrival.set()
                return output, errors
            if ended:
                return b"", b""
            if not arrival.wait(remaining(deadline)):
                raise DeadlineError

    def read(self, size: int, deadline: float) -> bytes:
        """See Wire."""
        return self._blocking(self._channel.recv, size, deadline)

    def read_errors(self, deadline: float) -> bytes:
        """See Wire."""
        return self._blocking(self._channel.recv_stderr, BLOCK, deadline)

    def stop(self) -> None:
        """See Wire."""
        with contextlib.suppress(OSError, EOFError):
            self._channel.shutdown_write()

    def ended(self, seconds: float) -> bool:
        """See Wire."""
        # A channel that was closed without a status sets the event, too; the status is -1 then.
        return self._channel.status_event.wait(seconds) and self._channel.exit_status >= 0

    def give_up(self) -> None:
        """See Wire."""
        self.close()

    def close(self) -> None:
        """See Wire."""
        with contextlib.suppress(OSError, EOFError):
            self._channel.close()

    @property
    def alive(self) -> bool:
        return not (self._channel.closed or self._channel.eof_received or self.link_lost)

    @property
    def link_lost(self) -> str:
        return self._liveness.lost

    def _arrivals(self) -> _Arrival:
        if self._arrival is None:
            self._arrival = _Arrival()
            self._channel.in_buffer.set_event(self._arrival)
            self._channel.in_stderr_buffer.set_event(self._arrival)
        return self._arrival

    def _blocking(self, read: Callable[[int], bytes], size: int, deadline: float) -> bytes:
        self._channel.settimeout(remaining(deadline))
        try:
            data = _taken(read, size)
        except TimeoutError:
            raise DeadlineError from None
        self._liveness.heard()
        return data


def _taken(read: Callable[[int], bytes], size: int) -> bytes:
    """What `read` gives. Reading also answers the peer that there is room again; on a link that was just cut this
    fails (EOFError, OSError), and the output has ended."""
    try:
        return read(size)
    except TimeoutError:
        raise
    except (EOFError, OSError):
        return b""
