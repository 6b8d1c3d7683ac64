"""Bytes through a running command, unframed and in bounded memory."""

from __future__ import annotations

import contextlib
import io
import threading
import time
from collections.abc import Mapping
from typing import BinaryIO, cast

from runner.errors import HostUnreachable, Interrupted, TaskFailed
from runner.hosts import quoting
from runner.hosts.contract import CommandFailed, OutputSink, Result, Runnable
from runner.hosts.framing import Frames, OutputLimitError, text
from runner.hosts.shell import Answer, Session, labelled, name_of, no_shell, too_long
from runner.hosts.wire import BLOCK, DeadlineError, Wire, timed_out

INPUT_BLOCK = 1024 * 1024
"""Input is counted out in blocks of this size: one `dd` on the host for each."""

STDERR_LIMIT = 16 * 1024 * 1024
"""More than this on standard error ends the command: it would have to be kept in memory."""


class StreamSession(Session):
    """A running command. `reading` and `writing` are its ends; `finish` tells how it went."""

    def __init__(
        self,
        host: str,
        user: str,
        wire: Wire,
        mark: str,
        *,
        deadline: float,
        sink: OutputSink | None,
    ) -> None:
        super().__init__(host, user, wire, mark)
        self._deadline = deadline
        self._sink = sink
        self._started = time.monotonic()
        self._frames = Frames(mark, limit=STDERR_LIMIT, sink=self._error_line)
        self._drainer = threading.Thread(target=self._drain, daemon=True, name=f"stderr of {host}")
        self._input_open = True
        self._finished: Result | None = None
        self._reading = cast(BinaryIO, io.BufferedReader(_Output(self), BLOCK))
        self._writing = cast(BinaryIO, io.BufferedWriter(_Input(self), INPUT_BLOCK))
        self._input_taken = False
        self._too_much = False
        self._too_late = False

    def begin(self, what: Runnable, env: Mapping[str, str]) -> None:
        """Send the program; it starts at once."""
        self._what = what
        self._label = name_of(what)
        lines = f"{quoting.program(what, env, self.mark)}\n{self.mark}\n"
        self._drainer.start()
        self.put(lines.encode("utf-8", "surrogateescape"))

    @property
    def stdin(self) -> BinaryIO:
        self._input_taken = True
        return self._writing

    @property
    def stdout(self) -> BinaryIO:
        if not self._input_taken:
            # Nobody asked for the input, so the command gets an empty one instead of waiting for it.
            self.end_input()
        return self._reading

    def put(self, data: bytes | memoryview) -> None:
        """One block of input; BrokenPipeError if the command has ended."""
        if self._frames.ended:
            # The host reads on and throws away what nobody wants any more: for hours, if nobody tells.
            raise BrokenPipeError
        try:
            self.wire.send(b"%d\n" % len(data) + data, self._deadline)
        except DeadlineError:
            raise timed_out(self.host, self._label, self.kill()) from None
        except BrokenPipeError:
            self._drainer.join(5.0)
            if not self._frames.ended:
                raise self._why_unfinished() from None
            raise

    def take(self, size: int) -> bytes:
        """Up to `size` bytes of output, empty at its end."""
        try:
            data = self.wire.read(size, self._deadline)
        except DeadlineError:
            raise timed_out(self.host, self._label, self.kill()) from None
        if not data:
            self._check_end()
        return data

    def end_input(self) -> None:
        """The command sees the end of its input."""
        if self._input_open:
            self._input_open = False
            try:
                self.wire.send(b"0\n", self._deadline)
            except (DeadlineError, BrokenPipeError):
                return  # the command's end, or the deadline, is met by whoever reads or finishes

    def finish(self, *, check: bool = True) -> Result:
        """See the contract."""
        if self._finished is None:
            self._finish_input()
            while self.take(BLOCK):
                pass
            self._finished = self._result()
            self.wire.stop()
            self.wire.close()
        if check and not self._finished.ok:
            raise failed(self.host, self._label, self._finished)
        return self._finished

    def converse(self, data: bytes, limit: int) -> Answer:
        """Write `data` while reading everything; for input too large to go with a request."""
        output = Frames(self.mark, limit=limit, sink=labelled(self._sink, "stdout"))
        feeder = threading.Thread(target=self._feed, args=(self.stdin, data), daemon=True, name=f"stdin of {self.host}")
        feeder.start()
        try:
            while block := self.take(BLOCK):
                output.feed(block)
        except OutputLimitError:
            self.kill()
            raise too_long(self.host, self._label, limit) from None
        output.finish()
        feeder.join(5.0)
        result = self.finish(check=False)
        return Answer(result.exit_code, result.statuses, output.content, self._frames.content)

    def _feed(self, sink: BinaryIO, data: bytes) -> None:
        # An error of the link is met by the thread that reads; a command may end before it has read everything.
        with contextlib.suppress(BrokenPipeError, TaskFailed, HostUnreachable, Interrupted):
            sink.write(data)
            sink.close()

    def abandon(self) -> None:
        """Kill it, unless it was finished."""
        if self._finished is None:
            self.kill()
        self._drainer.join(1.0)

    def _finish_input(self) -> None:
        try:
            self._writing.close()
        except BrokenPipeError:
            self._input_open = False  # it ended without reading everything; its status says whether that is well
        self.end_input()

    def _check_end(self) -> None:
        """Output has ended: so has the command, or else the link."""
        self._drainer.join(max(0.0, self._deadline - time.monotonic()))
        if self._drainer.is_alive():
            raise timed_out(self.host, self._label, self.kill())
        if not self._frames.ended:
            raise self._why_unfinished()

    def _why_unfinished(self) -> Exception:
        if self._too_much:
            self.kill()
            return too_long(self.host, self._label, STDERR_LIMIT)
        if self._too_late:
            return timed_out(self.host, self._label, self.kill())
        if not self._frames.ready and not self.interrupted and not self.wire.link_lost:
            self.kill()
            return no_shell(self.host, self.user, self._frames.content)
        return self.why_ended(self._label)

    def _drain(self) -> None:
        try:
            while not self._frames.ended and (data := self.wire.read_errors(self._deadline)):
                self._frames.feed(data)
        except OutputLimitError:
            self._too_much = True
            self.wire.stop()
        except DeadlineError:
            # Whoever reads may see the stopped command's end before its own clock says the same.
            self._too_late = True
            self.wire.stop()

    def _error_line(self, line: str) -> None:
        if self._sink is not None:
            self._sink("stderr", line)

    def _result(self) -> Result:
        statuses = self._frames.statuses or (self._frames.status,)
        bad = [status for status in statuses if status]
        code = self._frames.status or (bad[-1] if bad else 0)
        seconds = time.monotonic() - self._started
        return Result(quoting.shown(self._what), code, "", text(self._frames.content), seconds, statuses)


def failed(host: str, what: str, result: Result) -> CommandFailed:
    """The error for a status other than 0."""
    tail = result.stderr.strip().splitlines()[-1:] or result.stdout.strip().splitlines()[-1:]
    members = ""
    if len(result.statuses) > 1:
        members = f" (statuses of its members: {', '.join(map(str, result.statuses))})"
    return CommandFailed(
        f"{what} ended with status {result.exit_code}{members}" + (f": {tail[0]}" if tail else ""),
        where=host,
        result=result,
        data={"rc": result.exit_code, "stdout": result.stdout, "stderr": result.stderr},
    )


def ended_early(host: str, what: str) -> TaskFailed:
    """The error for a command that ended well without reading what it was given."""
    return TaskFailed(
        f"{what} ended before it had read all of its input",
        where=host,
        why="what was sent to it is not complete there",
    )


class _Output(io.RawIOBase):
    def __init__(self, session: StreamSession) -> None:
        self._session = session

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the buffer io hands in is a memoryview
        data = self._session.take(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class _Input(io.RawIOBase):
    def __init__(self, session: StreamSession) -> None:
        self._session = session

    def writable(self) -> bool:
        return True

    def write(self, data: memoryview) -> int:  # type: ignore[override]  # the buffer io hands in is a memoryview
        block = memoryview(data)[:INPUT_BLOCK]
        if block:
            self._session.put(block)
        return len(block)

    def close(self) -> None:
        if not self.closed:
            self._session.end_input()
        super().close()
