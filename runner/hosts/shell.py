"""One `sh` that stays: requests in, framed results out, one round trip each."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Mapping
from functools import partial

from runner.errors import HostUnreachable, Interrupted, TaskFailed
from runner.frozen import frozen
from runner.hosts import driver, quoting
from runner.hosts.contract import OutputSink, Runnable
from runner.hosts.framing import Frames, LineSink, OutputLimitError
from runner.hosts.framing import text as as_text
from runner.hosts.wire import DeadlineError, Wire, connection_lost, timed_out
from runner.secret import Secret

ESCALATION_SECONDS = 30.0
"""The longest sudo may take to answer."""

KILL_WAIT = driver.KILL_AFTER + 5.0
"""The longest a killed command may take to be gone."""


@frozen
class Answer:
    """What a command wrote and how it ended."""

    exit_code: int
    statuses: tuple[int, ...]
    stdout: bytes
    stderr: bytes


class Session:
    """A program of `driver.py` on a wire: who waits for it, and how it is ended early.

    `interrupted` is set from another thread, which also stops the wire; the waiting thread then raises.
    """

    def __init__(self, host: str, user: str, wire: Wire, mark: str) -> None:
        self.host = host
        self.user = user
        self.wire = wire
        self.mark = mark
        self.interrupted = False

    def interrupt(self) -> None:
        """Kill what runs here; the thread waiting for it raises Interrupted."""
        self.interrupted = True
        self.wire.stop()
        threading.Thread(target=self._insist, daemon=True, name=f"interrupt {self.host}").start()

    def _insist(self) -> None:
        # A dead link takes no order; whoever waits on it must not wait for its own deadline.
        if not self.wire.ended(KILL_WAIT):
            self.wire.give_up()

    def kill(self) -> bool:
        """End everything here; whether the host confirmed it in time."""
        self.wire.stop()
        confirmed = self.wire.ended(KILL_WAIT) and not self.wire.link_lost
        self.wire.close()
        return confirmed

    def why_ended(self, what: str) -> Exception:
        """The error for a wire that ended before its frame."""
        confirmed = self.kill()
        if self.interrupted:
            fate = "it was killed" if confirmed else "whether it was killed is not known"
            return Interrupted(f"{what} was interrupted; {fate}", where=self.host)
        return connection_lost(self.host, what, self.wire.link_lost or "the shell on the host ended")

    def unlock(self, password: Secret, prompt: str, deadline: float) -> None:
        """Answer sudo's question, if it asks; HostUnreachable if it asks again."""
        until = min(deadline, time.monotonic() + ESCALATION_SECONDS)
        frames, asked, seen = Frames(self.mark, limit=1 << 20, greeted=False), False, b""
        while not frames.ready:
            try:
                errors = self.wire.read_errors(until)
            except DeadlineError:
                confirmed = self.kill()
                if until == deadline:
                    raise timed_out(self.host, f"becoming {self.user!r}", confirmed) from None
                raise escalation_failed(self.host, self.user, "sudo did not answer") from None
            seen += errors
            frames.feed(errors)
            if not errors or seen.count(prompt.encode()) > 1:
                self.kill()
                reason = "the password was not accepted" if errors else refusal(seen.replace(prompt.encode(), b""))
                raise escalation_failed(self.host, self.user, reason)
            if not asked and prompt.encode() in seen:
                asked = True
                self.wire.send(password.reveal().encode() + b"\n", until)


class Shell(Session):
    """The persistent shell of one user. Used by one thread at a time."""

    def __init__(self, host: str, user: str, wire: Wire, mark: str) -> None:
        super().__init__(host, user, wire, mark)
        self._greeted = False
        self._backlog = driver.prelude(mark)
        self.usable = True

    def run(
        self,
        what: Runnable,
        *,
        env: Mapping[str, str],
        stdin: bytes,
        deadline: float,
        sink: OutputSink | None,
        limit: int,
    ) -> Answer:
        """Run it to its end. Raises TimedOut, Interrupted, ConnectionLost, and TaskFailed for too much output."""
        request = self._backlog + quoting.request(what, env, stdin, self.mark)
        self._backlog = ""
        outputs = tuple(
            Frames(self.mark, limit=limit, sink=labelled(sink, name), greeted=self._greeted)
            for name in ("stdout", "stderr")
        )
        self.usable = False
        try:
            self.wire.send(request.encode("utf-8", "surrogateescape"), deadline)
            self._collect(*outputs, deadline=deadline)
        except DeadlineError:
            raise timed_out(self.host, name_of(what), self.kill()) from None
        except (BrokenPipeError, EOFError):
            raise self.why_ended(name_of(what)) from None
        except OutputLimitError:
            self.kill()
            raise too_long(self.host, name_of(what), limit) from None
        except BaseException:
            self.kill()
            raise
        self._greeted = True
        self.usable = not (outputs[0].left_something or self.interrupted)
        return _answer(*outputs)

    def close(self) -> None:
        """End the shell; jobs that commands left in the background live on."""
        self.usable = False
        self.wire.stop()
        self.wire.close()

    def _collect(self, output: Frames, errors: Frames, *, deadline: float) -> None:
        while not (output.ended and errors.ended):
            out, err = self.wire.receive(deadline)
            output.feed(out)
            errors.feed(err)
            if not out and not err:
                if not output.greeted and not self.interrupted and not self.wire.link_lost:
                    self.kill()
                    raise no_shell(self.host, self.user, errors.content)
                raise EOFError


def new_mark() -> str:
    """Random text that no output holds by accident and no command can guess."""
    return "sp-" + secrets.token_hex(16)


def name_of(what: Runnable) -> str:
    """A short name for messages: the program, or the programs of a pipeline."""
    words = [word for word in quoting.shown(what) if word]
    heads = [words[0]] + [after for before, after in zip(words, words[1:], strict=False) if before == "|"]
    return repr(" | ".join(heads)) if words else "a command"


def said(stderr: bytes) -> str:
    """The last line somebody wrote, for a message."""
    lines = [line.strip() for line in as_text(stderr).splitlines() if line.strip()]
    return lines[-1] if lines else "no reason was given"


def refusal(stderr: bytes) -> str:
    """What sudo or su said, without the lecture before it and the notes about plugins after it."""
    lines = [line.strip() for line in as_text(stderr).splitlines()]
    own = [line for line in lines if line.startswith(("sudo:", "su:")) or "sudoers" in line]
    return own[0] if own else said(stderr)


def escalation_failed(host: str, user: str, reason: str) -> HostUnreachable:
    """The error for a sudo that refused."""
    return HostUnreachable(
        f"privilege escalation failed: cannot become {user!r}: {reason}",
        where=host,
        why="the task asks for another user than the one who logs in",
        hint="set ansible_become_password, or allow the login user to sudo without a password (NOPASSWD)",
    )


def no_shell(host: str, user: str, stderr: bytes) -> HostUnreachable:
    """The error for a shell that ended before it said anything."""
    if user:
        return escalation_failed(host, user, refusal(stderr))
    return HostUnreachable(
        f"no shell could be started: {said(stderr)}",
        where=host,
        why="SentraPlay drives a host by a POSIX `sh`",
        hint="the login user needs a login shell, and `sh` in its PATH",
    )


def too_long(host: str, what: str, limit: int) -> TaskFailed:
    """The error for output beyond the cap."""
    return TaskFailed(
        f"{what} wrote more than {limit} bytes; it was killed",
        where=host,
        why="its output would have to be kept in memory",
        hint="send its output to a file, or read it as a stream",
    )


def labelled(sink: OutputSink | None, name: str) -> LineSink | None:
    """A sink for the lines of one output."""
    return None if sink is None else partial(sink, name)


def _answer(output: Frames, errors: Frames) -> Answer:
    statuses = errors.statuses or (output.status,)
    failed = [status for status in statuses if status]
    exit_code = output.status or (failed[-1] if failed else 0)
    return Answer(exit_code, statuses, output.content, errors.content)
