"""The programs running over one line: how many at once, which shell is free, and how all are interrupted."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from runner.errors import TimedOut
from runner.hosts import driver
from runner.hosts.contract import Become, OutputSink
from runner.hosts.shell import Session, Shell, new_mark
from runner.hosts.stream import StreamSession
from runner.hosts.wire import DeadlineError, Line, Wire, remaining

MOST_AT_ONCE = 8
"""Programs over one connection: OpenSSH refuses the eleventh session (MaxSessions 10)."""


class Sessions:
    """Persistent shells, one or more per user as threads need them, and streams. Thread-safe."""

    def __init__(self, host: str, line: Line) -> None:
        self._host = host
        self._line = line
        self._changed = threading.Condition()
        self._idle: list[Shell] = []
        self._busy: list[Session] = []
        self._kept: list[Session] = []
        self._taken = 0

    @contextmanager
    def shell(self, become: Become | None, deadline: float) -> Iterator[Shell]:
        """A shell of that user, for one command."""
        self._line.connect(deadline)
        user = self._other_user(become)
        shell = self._reuse(user, deadline) or self._new_shell(become if user else None, deadline)
        try:
            yield shell
        finally:
            self._give_back(shell)

    @contextmanager
    def stream(
        self, become: Become | None, deadline: float, sink: OutputSink | None, *, interruptible: bool = True
    ) -> Iterator[StreamSession]:
        """A stream of that user, not begun yet; killed at the end of the context unless it was finished."""
        self._line.connect(deadline)
        user = self._other_user(become)
        self._take_slot(deadline)
        try:
            mark = new_mark()
            wire, prompt = self._start(driver.STREAM, become if user else None, mark, deadline)
            session = StreamSession(self._host, user, wire, mark, deadline=deadline, sink=sink)
            self._unlock(session, become, prompt, deadline)
            with self._changed:
                (self._busy if interruptible else self._kept).append(session)
            try:
                yield session
            finally:
                session.abandon()
                with self._changed:
                    (self._busy if interruptible else self._kept).remove(session)
        finally:
            self._free_slot()

    def interrupt(self) -> None:
        """Kill everything that runs; the threads waiting for it raise Interrupted."""
        with self._changed:
            busy = list(self._busy)
        for session in busy:
            session.interrupt()

    def close(self) -> None:
        """End every shell; what still runs is killed."""
        self.interrupt()
        with self._changed:
            idle, self._idle = self._idle, []
            kept = list(self._kept)
        for session in kept:
            session.interrupt()
        for shell in idle:
            self._end(shell)

    def _other_user(self, become: Become | None) -> str:
        """Who to become; empty if the connection is that user's already."""
        return become.user if become is not None and become.user != self._line.user else ""

    def _reuse(self, user: str, deadline: float) -> Shell | None:
        """An idle shell of `user`, else None and a free slot."""
        dead: list[Shell] = []
        with self._changed:
            for shell in reversed(self._idle):
                if not shell.wire.alive:
                    dead.append(shell)
                elif shell.user == user:
                    self._idle.remove(shell)
                    self._busy.append(shell)
                    break
            else:
                shell = None
            self._idle = [shell for shell in self._idle if shell not in dead]
        for gone in dead:
            self._end(gone)
        if shell is None:
            self._take_slot(deadline)
        return shell

    def _new_shell(self, become: Become | None, deadline: float) -> Shell:
        try:
            mark = new_mark()
            wire, prompt = self._start(driver.SHELL, become, mark, deadline)
            shell = Shell(self._host, become.user if become else "", wire, mark)
            self._unlock(shell, become, prompt, deadline)
        except BaseException:
            self._free_slot()
            raise
        with self._changed:
            self._busy.append(shell)
        return shell

    def _start(self, text: str, become: Become | None, mark: str, deadline: float) -> tuple[Wire, str]:
        argv = ["sh", "-c", text, "sh", mark] + ([driver.BOOT] if text is driver.STREAM else [])
        prompt = ""
        if become is not None and become.password is None:
            argv = ["sh", "-c", driver.BECOME, "sh", become.user, *argv]
        elif become is not None:
            prompt = new_mark()
            argv = ["sudo", "-k", "-S", "-p", prompt, "-H", "-u", become.user, "--", *argv]
        return self._line.start(argv, deadline), prompt

    def _unlock(self, session: Session, become: Become | None, prompt: str, deadline: float) -> None:
        if prompt and become is not None and become.password is not None:
            session.unlock(become.password, prompt, deadline)

    def _give_back(self, shell: Shell) -> None:
        with self._changed:
            self._busy.remove(shell)
            if shell.usable:
                self._idle.append(shell)
                self._changed.notify()
                return
        self._end(shell)

    def _take_slot(self, deadline: float) -> None:
        """Wait for a free place; an idle shell makes room at once."""
        victim = None
        with self._changed:
            while self._taken >= MOST_AT_ONCE and not self._idle:
                try:
                    self._changed.wait(remaining(deadline))
                except DeadlineError:
                    raise no_room(self._host) from None
            if self._taken >= MOST_AT_ONCE:
                victim = self._idle.pop(0)
            self._taken += 1
        if victim is not None:
            self._end(victim)

    def _free_slot(self) -> None:
        with self._changed:
            self._taken -= 1
            self._changed.notify()

    def _end(self, shell: Shell) -> None:
        shell.close()
        self._free_slot()


def deadline_in(seconds: float, deadline: float | None = None) -> float:
    """The earlier of `seconds` from now and `deadline`."""
    own = time.monotonic() + seconds
    return own if deadline is None else min(own, deadline)


def no_room(host: str) -> TimedOut:
    """The error for a wait for a free session."""
    return TimedOut(
        f"no free session within the time allowed: {MOST_AT_ONCE} programs are running",
        where=host,
        hint="run fewer things at once on this host",
    )
