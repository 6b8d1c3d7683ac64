"""wait_for: until a port or a path of the host is as wanted."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import ClassVar, Final, Literal

from runner.errors import TaskFailed, TimedOut
from runner.frozen import frozen
from runner.hosts.contract import FileStat, Reader
from runner.modules.arguments import Duration
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.modules.system.paths import absolute, ask
from runner.units import human_seconds, seconds

NO_TOOL: Final = 3
# Which tool there is decides how a port is tried; each is given the address as an argument.
CONNECT: Final = """
host=$1 port=$2 limit=$3
if command -v bash >/dev/null 2>&1; then
  timeout "$limit" bash -c 'exec 3<>"/dev/tcp/$1/$2"' sh "$host" "$port" 2>/dev/null && exit 0
elif command -v nc >/dev/null 2>&1; then
  # The nc of busybox may lack -z, but runs a program once it is connected.
  case $(nc --help 2>&1) in
    *BusyBox*) nc -w "$limit" "$host" "$port" -e true </dev/null >/dev/null 2>&1 && exit 0;;
    *) nc -z -w "$limit" "$host" "$port" </dev/null >/dev/null 2>&1 && exit 0;;
  esac
else
  exit 3
fi
exit 1
"""
LISTEN: Final = """
host=$1 port=$2 limit=$3
if command -v bash >/dev/null 2>&1; then
  timeout "$limit" bash -c 'exec 3<>"/dev/tcp/$1/$2" && cat <&3' sh "$host" "$port" 2>/dev/null
elif command -v nc >/dev/null 2>&1; then
  timeout "$limit" nc "$host" "$port" </dev/null 2>/dev/null
else
  exit 3
fi
exit 0
"""


@frozen
class WaitForArgs:
    port: int | None = None
    host: str = "127.0.0.1"
    path: str | None = None
    state: Literal["absent", "present", "started", "stopped"] = "started"
    search_regex: str | None = None
    timeout: Duration = 300
    connect_timeout: Duration = 5
    delay: Duration = 0
    sleep: Duration = 1
    msg: str | None = None

    @property
    def wants_it(self) -> bool:
        return self.state in ("present", "started")

    @property
    def what(self) -> str:
        place = f"{self.host}:{self.port}" if self.path is None else self.path
        return place + (f" to show {self.search_regex!r}" if self.search_regex else "")


@frozen
class Seen:
    """What one look found: whether it is there, and the match of `search_regex`."""

    there: bool
    match: re.Match[str] | None = None


class WaitFor:
    name: ClassVar = "wait_for"
    Args = WaitForArgs

    def preview(self, at: Reading, args: WaitForArgs) -> Change:
        return Change(False, f"waits up to {human_seconds(seconds(args.timeout))} for {args.what}")

    def apply(self, at: Acting, args: WaitForArgs) -> Outcome:
        began = time.monotonic()
        limit = began + seconds(args.timeout)
        look = _look_at(at.host, args)
        at.sleep(seconds(args.delay))
        while (seen := look()).there != args.wants_it:
            left = limit - time.monotonic()
            if left <= 0:
                raise _timed_out(args, time.monotonic() - began)
            at.sleep(min(seconds(args.sleep), left))
        return Outcome(False, _result(args, seen, time.monotonic() - began))


def _look_at(reader: Reader, args: WaitForArgs) -> Callable[[], Seen]:
    regex = _regex(args.search_regex)
    if args.path is not None:
        return _FileWatch(reader, absolute(reader, args.path), regex).look
    if args.port is None:
        raise TaskFailed("there is nothing to wait for", hint="give `port` or `path`")
    return lambda: _look_at_port(reader, args, regex)


def _regex(pattern: str | None) -> re.Pattern[str] | None:
    try:
        return None if pattern is None else re.compile(pattern, re.MULTILINE)
    except re.error as error:
        raise TaskFailed(f"search_regex is not a regular expression: {error}") from error


def _look_at_port(reader: Reader, args: WaitForArgs, regex: re.Pattern[str] | None) -> Seen:
    words = (args.host, str(args.port), str(max(1, round(seconds(args.connect_timeout)))))
    script = CONNECT if regex is None else LISTEN
    result = ask(reader, script, *words, doing=f"connect to {args.what}", statuses=(0, 1, NO_TOOL))
    if result.exit_code == NO_TOOL:
        raise TaskFailed(
            f"{reader.name} has neither bash nor nc to try a port with",
            hint="install one of them, or wait for a `path`, or use `uri`",
        )
    if regex is None:
        return Seen(result.ok)
    match = regex.search(result.stdout)
    return Seen(match is not None, match)


class _FileWatch:
    """Reads a file again only when it has changed."""

    def __init__(self, reader: Reader, path: str, regex: re.Pattern[str] | None) -> None:
        self._reader, self._path, self._regex = reader, path, regex
        self._last: FileStat | None = None
        self._match: re.Match[str] | None = None

    def look(self) -> Seen:
        found = self._reader.stat(self._path)
        if found is None or self._regex is None:
            return Seen(found is not None)
        if found != self._last:
            text = self._reader.read(self._path).decode("utf-8", "replace")
            self._last, self._match = found, self._regex.search(text)
        return Seen(self._match is not None, self._match)


def _timed_out(args: WaitForArgs, elapsed: float) -> TimedOut:
    verb = "" if args.wants_it else " to go away"
    return TimedOut(
        args.msg or f"Timeout when waiting for {args.what}{verb} after {human_seconds(elapsed)}",
        hint="look at the log of what should have done it; `timeout` says how long to wait",
        data={"elapsed": round(elapsed), "msg": args.msg or f"Timeout when waiting for {args.what}"},
    )


def _result(args: WaitForArgs, seen: Seen, elapsed: float) -> dict[str, object]:
    return {
        "state": args.state,
        "port": args.port,
        "path": args.path,
        "search_regex": args.search_regex,
        "match_groups": list(seen.match.groups()) if seen.match else [],
        "match_groupdict": seen.match.groupdict() if seen.match else {},
        "elapsed": round(elapsed),
    }
