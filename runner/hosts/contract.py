"""What every host promises.

Guarantees, each checked by tests/contracts/test_host*.py against every implementation:

- What runs is given as data (`Command`, `Script`, `Pipeline`) and quoted in one place; no argument
  is ever read by a shell, whatever bytes it holds.
- The exit status of EVERY member of a pipeline is known; one that failed fails the whole.
- Standard input is empty unless given. Secrets go there, never into argv or the environment.
- Nothing waits without a deadline. When it passes, the whole process group is killed on the host
  (TERM, then KILL) and `TimedOut` is raised. The same happens on Ctrl-C and when the link is lost.
- A lost link is `ConnectionLost`, never an exit status.
- Files appear whole or not at all: temporary name beside the target, fsync, rename, umask 077.
- Nothing stays behind on the host but what was asked for.
- Methods may be called from several threads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.secret import Secret


@frozen
class Command:
    """A program and its arguments. `env` is added to its environment; `cwd` must exist."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str | None = None


@frozen
class Script:
    """POSIX sh text. Anything that varies comes in as `args` (`$1`, `$2` …), never inside `text`."""

    text: str
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: str | None = None


@frozen
class Pipeline:
    """Members joined stdout to stdin; the first reads the given stdin, the last one's stdout is the result."""

    members: tuple[Command | Script, ...]


Runnable = Command | Script | Pipeline


def command(*argv: str, env: Mapping[str, str] | None = None, cwd: str | None = None) -> Command:
    """A `Command` from its words: `command("tar", "-x")`."""
    return Command(tuple(argv), dict(env or {}), cwd)


@frozen
class Result:
    """How something ended. `argv` is for showing to people; `statuses` has one entry per member of a pipeline.

    `exit_code` is 0 only if every member ended with 0, else the status of the last member that did not.
    Text is UTF-8 with undecodable bytes kept by surrogateescape.
    """

    argv: tuple[str, ...]
    exit_code: int
    stdout: str
    stderr: str
    seconds: float
    statuses: tuple[int, ...] = ()

    @property
    def ok(self) -> bool:
        return self.exit_code == 0


@dataclass(eq=False)
class CommandFailed(TaskFailed):
    """A command ended with a status other than 0; carries the Result that explains it."""

    result: Result = field(kw_only=True)


@frozen
class FileStat:
    """What lstat says. `kind` is file, directory, link, fifo, socket, block or character."""

    kind: str
    mode: int
    uid: int
    gid: int
    owner: str
    group: str
    size: int
    mtime: float
    device: int
    inode: int
    links: int
    target: str = ""


@frozen
class TcpAddress:
    """Where a server listens, as seen from the host."""

    host: str
    port: int


@frozen
class UnixAddress:
    """The path of a socket on the host."""

    path: str


OutputSink = Callable[[str, str], None]
"""Called with ("stdout" | "stderr", line without its newline) while a command runs."""


@frozen
class Become:
    """Who to act as. `password` is what sudo asks for; None means sudo must not ask."""

    user: str
    password: Secret | None = None


class Stream(Protocol):
    """A running command with its bytes: read `stdout` or write `stdin`, then `finish`."""

    @property
    def stdin(self) -> BinaryIO: ...

    @property
    def stdout(self) -> BinaryIO: ...

    def finish(self, *, check: bool = True) -> Result:
        """Close stdin, wait for the end and give the Result; raises CommandFailed like `run`.

        Must be called after stdout was read to its end (or nothing was expected on it). Leaving the
        context without it kills the command: an unfinished stream never counts as a success.
        """
        ...


class Reader(Protocol):
    """The part of a host that cannot change anything: all that `preview`, and so check mode, gets."""

    @property
    def name(self) -> str:
        """The inventory name."""
        ...

    @property
    def is_controller(self) -> bool:
        """Whether this host is the machine SentraPlay runs on, reached without SSH."""
        ...

    def query(self, what: Runnable, *, stdin: bytes = b"", timeout: float | None = None, check: bool = True) -> Result:
        """Run something that only reads.

        `timeout` is in seconds and can only shorten the view's own deadline. With `check`, a status
        other than 0 raises CommandFailed. Output beyond 16 MiB raises TaskFailed: use `stream`.
        Raises TimedOut, ConnectionLost, HostUnreachable.
        """
        ...

    def stat(self, path: str) -> FileStat | None:
        """lstat of an absolute path, None if there is nothing; TaskFailed if it cannot be told (permissions)."""
        ...

    def read(self, path: str, *, limit: int = 16 * 1024 * 1024) -> bytes:
        """The whole content of a regular file; TaskFailed if it is missing or larger than `limit` bytes."""
        ...

    def forward(self, address: TcpAddress | UnixAddress) -> AbstractContextManager[TcpAddress | UnixAddress]:
        """An address on the controller that leads to `address` as seen from the host, while the context is open.

        Only this process's user can connect to it where the platform allows (a Unix socket in a 0700
        directory for a UnixAddress, with the file name it has on the host; loopback for a TcpAddress).
        The tunnel itself changes nothing; what preview sends through it must only read. A TaskFailed raised in
        the context while the connection to the host is lost leaves it as ConnectionLost.
        """
        ...


class Host(Reader, Protocol):
    """A machine that can be changed."""

    def run(self, what: Runnable, *, stdin: bytes = b"", timeout: float | None = None, check: bool = True) -> Result:
        """Run something that may change the host; otherwise like `query`. Output lines go to the view's sink."""
        ...

    def stream(self, what: Runnable, *, timeout: float | None = None) -> AbstractContextManager[Stream]:
        """Run something and move its bytes unframed, in bounded memory, as fast as the link allows."""
        ...

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
        """Write a file atomically and durably; its directory must exist.

        `replaces` is the SHA-256 (hex) of what must still be there, empty for nothing: looked at in the
        moment before the rename, so that what somebody else wrote meanwhile is not lost; TaskFailed then.
        """
        ...

    def get(self, path: str, sink: BinaryIO) -> None:
        """Copy a file's bytes into `sink`."""
        ...

    def private_directory(self, parent: str = "/var/tmp") -> AbstractContextManager[str]:
        """A new 0700 directory of the view's user in `parent`, removed with its content at the end, however it ends.

        The default is on disk: /tmp often is memory.
        """
        ...

    def view(
        self,
        *,
        become: Become | None = None,
        deadline: float | None = None,
        env: Mapping[str, str] | None = None,
        on_output: OutputSink | None = None,
    ) -> Host:
        """The same host seen differently; what is not given stays as it is, a sudo password too. Shares the connection.

        `deadline` is a `time.monotonic()` value no call of the view waits beyond.
        """
        ...

    def interrupt(self) -> None:
        """Kill what is running (Ctrl-C); every waiting call raises Interrupted. Safe from any thread."""
        ...

    def close(self) -> None:
        """End the connection and everything still running over it. Idempotent."""
        ...


class Hosts(Protocol):
    """The hosts of an inventory, connected when first asked for."""

    def get(self, name: str) -> Host:
        """The host of that inventory name; connecting happens at its first use, not here."""
        ...

    def reset(self, name: str) -> None:
        """Close that host, if it is open; the next `get` connects anew."""
        ...

    def all_open(self) -> Sequence[Host]:
        """Those that `get` has handed out."""
        ...

    def close(self) -> None: ...
