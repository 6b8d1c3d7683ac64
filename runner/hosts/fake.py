"""A host that exists only in memory: commands answer as declared, files are kept, effects are noted.

For tests of what is built on hosts. It keeps the contract where it can without a shell: statuses, deadlines,
files that appear whole, errors. A command nobody declared an answer for is an error of the test.
"""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from itertools import count
from typing import BinaryIO

from runner.errors import TaskFailed, TimedOut
from runner.frozen import frozen
from runner.hosts.contract import (
    Become,
    Command,
    FileStat,
    Host,
    OutputSink,
    Pipeline,
    Result,
    Runnable,
    Script,
    Stream,
    TcpAddress,
    UnixAddress,
)
from runner.hosts.files import absolute
from runner.hosts.host import OUTPUT_LIMIT
from runner.hosts.quoting import shown, words
from runner.hosts.shell import name_of
from runner.hosts.stream import failed


@frozen
class Ran:
    """Something that was run (`query` leaves no trace here): what, with which input, as whom."""

    what: Runnable
    stdin: bytes
    user: str


@frozen
class Wrote:
    """A file that was put."""

    path: str
    content: bytes
    mode: int
    owner: str
    group: str


@frozen
class Answer:
    """How a command ends. `seconds` pass on nobody's clock: they only count against a deadline."""

    stdout: bytes = b""
    stderr: bytes = b""
    statuses: tuple[int, ...] = (0,)
    seconds: float = 0.0


@dataclass
class Machine:
    """What all views of one fake host share. Tests read `effects` and `asked`, and write `files`."""

    answers: list[tuple[tuple[str, ...], Answer]] = field(default_factory=list)
    files: dict[str, Wrote] = field(default_factory=dict)
    directories: set[str] = field(default_factory=lambda: {"/", "/etc", "/tmp", "/var/tmp"})
    effects: list[Ran | Wrote] = field(default_factory=list)
    asked: list[Runnable] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)


@dataclass(frozen=True)
class FakeHost:
    """Implements the Host contract in memory; views share the `machine`."""

    name: str = "fake"
    is_controller: bool = False
    machine: Machine = field(default_factory=Machine)
    become: Become | None = None
    deadline: float | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    on_output: OutputSink | None = None

    def answer(self, *argv: str, stdout: str = "", stderr: str = "", statuses: tuple[int, ...] = (0,)) -> None:
        """From now on whatever is shown as starting with `argv` ends like this; the latest declaration wins."""
        self.machine.answers.insert(0, (argv, Answer(stdout.encode(), stderr.encode(), statuses)))

    def takes(self, seconds: float, *argv: str) -> None:
        """From now on whatever starts with `argv` takes that long."""
        self.machine.answers.insert(0, (argv, Answer(seconds=seconds)))

    def query(self, what: Runnable, *, stdin: bytes = b"", timeout: float | None = None, check: bool = True) -> Result:
        """See the contract."""
        self.machine.asked.append(what)
        return self._result(what, timeout, check)

    def run(self, what: Runnable, *, stdin: bytes = b"", timeout: float | None = None, check: bool = True) -> Result:
        """See the contract."""
        self.machine.effects.append(Ran(what, stdin, self._user))
        result = self._result(what, timeout, check=False)
        if self.on_output is not None:
            for line in result.stdout.splitlines():
                self.on_output("stdout", line)
            for line in result.stderr.splitlines():
                self.on_output("stderr", line)
        return self._checked(what, result, check)

    @contextmanager
    def stream(self, what: Runnable, *, timeout: float | None = None) -> Iterator[Stream]:
        """See the contract. What was written is the `stdin` of the effect."""
        stream = _FakeStream(self, what, timeout)
        yield stream

    def stat(self, path: str) -> FileStat | None:
        """See the contract."""
        absolute(self.name, path)
        if path in self.machine.directories:
            return _stat("directory", 0o755, "root", "root", 0)
        found = self.machine.files.get(path)
        return None if found is None else _stat("file", found.mode, found.owner, found.group, len(found.content))

    def read(self, path: str, *, limit: int = OUTPUT_LIMIT) -> bytes:
        """See the contract."""
        absolute(self.name, path)
        if path in self.machine.directories:
            raise TaskFailed(f"cannot read {path}: it is not a regular file", where=self.name)
        if path not in self.machine.files:
            raise TaskFailed(f"cannot read {path}: there is no such file, or it may not be seen", where=self.name)
        content = self.machine.files[path].content
        if len(content) > limit:
            raise TaskFailed(f"{path} is larger than {limit} bytes", where=self.name, hint="use `get`")
        return content

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
        absolute(self.name, path)
        if path in self.machine.directories:
            raise TaskFailed(f"cannot write {path}: it is a directory", where=self.name)
        if (path.rpartition("/")[0] or "/") not in self.machine.directories:
            raise TaskFailed(f"cannot write {path}: No such file or directory", where=self.name)
        pieces = []
        while piece := source.read(1 << 20):
            pieces.append(piece)
        known = self.machine.files.get(path)
        there = hashlib.sha256(known.content).hexdigest() if known else ""
        if replaces not in (None, there):
            raise TaskFailed(f"cannot write {path}: somebody else has changed it meanwhile", where=self.name)
        written = Wrote(path, b"".join(pieces), mode, owner or self._user, group or self._user)
        self.machine.files[path] = written
        self.machine.effects.append(written)

    def get(self, path: str, sink: BinaryIO) -> None:
        """See the contract."""
        absolute(self.name, path)
        if path not in self.machine.files:
            raise TaskFailed(f"cannot read {path}: No such file or directory", where=self.name)
        sink.write(self.machine.files[path].content)

    def forward(self, address: TcpAddress | UnixAddress) -> AbstractContextManager[TcpAddress | UnixAddress]:
        """The address itself."""
        return nullcontext(address)

    @contextmanager
    def private_directory(self, parent: str = "/var/tmp") -> Iterator[str]:
        """See the contract."""
        path = f"{parent}/sentraplay-{next(self.machine.numbers)}"
        self.machine.directories.add(path)
        try:
            yield path
        finally:
            self.machine.directories.discard(path)
            for inside in [name for name in self.machine.files if name.startswith(f"{path}/")]:
                del self.machine.files[inside]

    def view(
        self,
        *,
        become: Become | None = None,
        deadline: float | None = None,
        env: Mapping[str, str] | None = None,
        on_output: OutputSink | None = None,
    ) -> Host:
        """See the contract."""
        return replace(
            self,
            become=become or self.become,
            deadline=self.deadline if deadline is None else deadline,
            env=self.env if env is None else env,
            on_output=on_output or self.on_output,
        )

    def interrupt(self) -> None:
        """Nothing ever runs here."""

    def close(self) -> None:
        """Nothing is open."""

    @property
    def _user(self) -> str:
        return self.become.user if self.become else "root"

    def _result(self, what: Runnable, timeout: float | None, check: bool) -> Result:
        _refuse_nul(what)
        argv = shown(what)
        answer = next((known for start, known in self.machine.answers if argv[: len(start)] == start), None)
        if answer is None:
            raise AssertionError(f"no answer was declared for {argv}")
        left = min(
            [s for s in (timeout, self.deadline and self.deadline - time.monotonic()) if s is not None], default=None
        )
        if left is not None and answer.seconds > left:
            raise TimedOut(f"{name_of(what)} did not end in time; it was killed with everything it started", self.name)
        code = ([status for status in answer.statuses if status] or [0])[-1]
        stdout, stderr = (data.decode("utf-8", "surrogateescape") for data in (answer.stdout, answer.stderr))
        return self._checked(what, Result(argv, code, stdout, stderr, answer.seconds, answer.statuses), check)

    def _checked(self, what: Runnable, result: Result, check: bool) -> Result:
        if check and not result.ok:
            raise failed(self.name, name_of(what), result)
        return result


class _FakeStream:
    def __init__(self, host: FakeHost, what: Runnable, timeout: float | None) -> None:
        self._host, self._what = host, what
        self._result = host._result(what, timeout, check=False)
        self._stdin = _Kept()
        self.stdin: BinaryIO = self._stdin
        self.stdout: BinaryIO = io.BytesIO(self._result.stdout.encode("utf-8", "surrogateescape"))

    def finish(self, *, check: bool = True) -> Result:
        """See the contract."""
        self._stdin.close()
        self._host.machine.effects.append(Ran(self._what, self._stdin.content, self._host._user))
        return self._host._checked(self._what, replace(self._result, stdout=""), check)


class _Kept(io.BytesIO):
    content = b""

    def close(self) -> None:
        if not self.closed:
            self.content = self.getvalue()
        super().close()


def _stat(kind: str, mode: int, owner: str, group: str, size: int) -> FileStat:
    return FileStat(kind, mode, 0, 0, owner, group, size, 0.0, 0, 0, 1)


def _refuse_nul(what: Runnable) -> None:
    members: tuple[Command | Script, ...] = what.members if isinstance(what, Pipeline) else (what,)
    for member in members:
        words(member.argv if isinstance(member, Command) else ("sh", *member.args))
