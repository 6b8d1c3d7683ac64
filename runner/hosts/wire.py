"""A program running on a host, as bytes: what the persistent shell and the streams are built on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

from runner.errors import ConnectionLost, TimedOut

BLOCK = 65536
"""Bytes asked for at a time."""


class DeadlineError(Exception):
    """The deadline came before the bytes; what to tell the user is known further up."""


class Wire(Protocol):
    """One program's standard input, output and error. Deadlines are `time.monotonic()` values.

    One thread sends; either one thread uses `receive`, or one `read` and one `read_errors`.
    """

    def send(self, data: bytes, deadline: float) -> None:
        """All of `data`; DeadlineError, or BrokenPipeError if the other side has ended."""
        ...

    def receive(self, deadline: float) -> tuple[bytes, bytes]:
        """What came on output and error, at least one byte of either; two empty values are the end of both."""
        ...

    def read(self, size: int, deadline: float) -> bytes:
        """Up to `size` bytes of output, empty at its end."""
        ...

    def read_errors(self, deadline: float) -> bytes:
        """Bytes of standard error, empty at its end."""
        ...

    def stop(self) -> None:
        """End the program's input, so that the watchdog there kills what runs. From any thread, never waits."""
        ...

    def ended(self, seconds: float) -> bool:
        """Wait until the program has ended, at most that long; whether it has (or the link is gone)."""
        ...

    def give_up(self) -> None:
        """Wake whoever waits here, after `stop` had no effect. From any thread."""
        ...

    def close(self) -> None:
        """Let go of it. Only by the thread that uses it, after `ended` or `stop`."""
        ...

    @property
    def alive(self) -> bool:
        """Whether program and link are there, as far as is known without asking."""
        ...

    @property
    def link_lost(self) -> str:
        """Why the link is gone; empty while it is there."""
        ...


class Line(Protocol):
    """The way to one machine: starts programs there. Connects at the first use, and again after a loss."""

    @property
    def user(self) -> str:
        """Who programs run as if nothing else is asked. Known once connected."""
        ...

    def start(self, argv: Sequence[str], deadline: float) -> Wire:
        """A program whose words hold no single quote; HostUnreachable, ConnectionLost, TimedOut."""
        ...

    def connect(self, deadline: float) -> None:
        """Connect unless it is; HostUnreachable, TimedOut."""
        ...

    def close(self) -> None: ...


def remaining(deadline: float) -> float:
    """Seconds until `deadline`; DeadlineError when there are none."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise DeadlineError
    return left


def timed_out(host: str, what: str, confirmed: bool) -> TimedOut:
    """The error for a deadline that passed while `what` ran; `confirmed`: the host said that it was killed."""
    fate = "it was killed with everything it started" if confirmed else "whether it was killed is not known"
    return TimedOut(
        f"{what} did not end in time; {fate}",
        where=host,
        why="" if confirmed else "the host did not answer to the order to kill it",
        hint="raise the task's timeout if it needs longer",
    )


def connection_lost(host: str, what: str, reason: str) -> ConnectionLost:
    """The error for a link that broke while `what` ran."""
    return ConnectionLost(
        f"the connection was lost while {what} ran ({reason})",
        where=host,
        why="whether it did its work is not known; the host kills what was running when it notices the loss",
        hint="look at the host's state, then resume the run",
    )
