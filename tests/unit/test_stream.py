"""Whoever notices a deadline first, a stream tells of the deadline."""

from __future__ import annotations

import threading
import time

import pytest

from runner.errors import ConnectionLost, TimedOut
from runner.hosts.contract import command
from runner.hosts.stream import StreamSession
from runner.hosts.wire import DeadlineError


class SilentWire:
    """A program that says nothing. Its output ends when it is stopped."""

    alive = True
    link_lost = ""

    def __init__(self) -> None:
        self.stopped = threading.Event()

    def send(self, data: bytes, deadline: float) -> None:
        """Taken."""

    def receive(self, deadline: float) -> tuple[bytes, bytes]:
        return b"", b""

    def read(self, size: int, deadline: float) -> bytes:
        assert self.stopped.wait(5.0)
        return b""

    def read_errors(self, deadline: float) -> bytes:
        raise DeadlineError

    def stop(self) -> None:
        self.stopped.set()

    def ended(self, seconds: float) -> bool:
        return True

    def give_up(self) -> None:
        """Nobody waits longer than for `stop`."""

    def close(self) -> None:
        """Nothing is open."""


class CutWire(SilentWire):
    """Both outputs end without the command's frame."""

    def read(self, size: int, deadline: float) -> bytes:
        return b""

    def read_errors(self, deadline: float) -> bytes:
        return b""


def read_from(wire: SilentWire) -> None:
    # The reader's own clock is far from its deadline: it learns of it from the other thread alone.
    session = StreamSession("db1", "", wire, "mark", deadline=time.monotonic() + 60.0, sink=None)
    session.begin(command("sleep", "100"), {})
    session.stdout.read()


def test_a_deadline_seen_on_standard_error_alone_is_told_as_one() -> None:
    with pytest.raises(TimedOut, match=r"'sleep' did not end in time; it was killed"):
        read_from(SilentWire())


def test_an_output_that_ends_without_its_frame_is_a_lost_connection() -> None:
    with pytest.raises(ConnectionLost):
        read_from(CutWire())
