"""What command, shell, script and raw have in common: the `creates`/`removes` guard, the run, the result."""

from __future__ import annotations

import re
import shlex
from datetime import UTC, datetime
from typing import Final

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Command, Host, Reader, Result, Script
from runner.modules.contract import Change, Outcome
from runner.modules.system.planning import NotThereYet, unknown

# An empty IFS expands the pattern's wildcards without splitting it at blanks.
ANY_MATCH: Final = """
IFS=
for path in $1; do
  if [ -e "$path" ] || [ -L "$path" ]; then exit 0; fi
done
exit 10
"""
NO_MATCH: Final = 10
LAST_LINES: Final = 5

_UNQUOTED: Final = re.compile(r"[^\s\"'\\]+(?: [^\s\"'\\]+)*")


@frozen
class Execution:
    """A command as a task describes it; `shown` is the result's `cmd`."""

    what: Command | Script
    shown: str | list[str]
    stdin: bytes = b""
    creates: str | None = None
    removes: str | None = None
    strip: bool = False

    def preview(self, reader: Reader) -> Change:
        """Unknown, unless `creates` or `removes` decides."""
        try:
            reason = self.needless(reader)
        except NotThereYet as missing:
            return unknown(missing)
        if reason:
            return Change(False, reason, data=self._skipped(reason))
        decided = self.creates is not None or self.removes is not None
        return Change(True if decided else None, f"runs {self.text}", data={"cmd": self.shown})

    def run(self, host: Host) -> Outcome:
        """Run it unless it is needless; TaskFailed with the whole result if it ends with another status than 0."""
        reason = self.needless(host)
        if reason:
            return Outcome(False, self._skipped(reason))
        started = datetime.now(UTC)
        result = host.run(self.what, stdin=self.stdin, check=False)
        data = self._data(result, started)
        if not result.ok:
            raise _failure(self, result, data)
        return Outcome(True, data)

    @property
    def text(self) -> str:
        return self.shown if isinstance(self.shown, str) else " ".join(self.shown)

    def needless(self, reader: Reader) -> str:
        """Why there is nothing to do, or empty text."""
        if self.creates is not None and self._exists(reader, self.creates):
            return f"Did not run command since '{self.creates}' exists"
        if self.removes is not None and not self._exists(reader, self.removes):
            return f"Did not run command since '{self.removes}' does not exist"
        return ""

    def _exists(self, reader: Reader, pattern: str) -> bool:
        result = reader.query(Script(ANY_MATCH, (pattern,), cwd=self.what.cwd), check=False)
        if result.exit_code not in (0, NO_MATCH):
            raise NotThereYet(
                f"cannot tell whether {pattern} exists: {result.stderr.strip()}",
                hint=f"the directory in `chdir` must exist: {self.what.cwd}" if self.what.cwd else "",
            )
        return result.ok

    def _skipped(self, reason: str) -> dict[str, object]:
        return {"cmd": self.shown, "rc": 0, "stdout": f"skipped, since {reason}", "stderr": "", "msg": reason}

    def _data(self, result: Result, started: datetime) -> dict[str, object]:
        ended = datetime.now(UTC)
        return {
            "cmd": self.shown,
            "rc": result.exit_code,
            "stdout": result.stdout.rstrip("\r\n") if self.strip else result.stdout,
            "stderr": result.stderr.rstrip("\r\n") if self.strip else result.stderr,
            "start": _stamp(started),
            "end": _stamp(ended),
            "delta": str(ended - started),
            "msg": "" if result.ok else "non-zero return code",
        }


def stdin_bytes(text: str | None, newline: bool) -> bytes:
    """Standard input as a task gives it; surrogates carry bytes that are not UTF-8."""
    if text is None:
        return b""
    return (text + ("\n" if newline else "")).encode("utf-8", "surrogateescape")


def words(text: str) -> tuple[str, ...]:
    """A command line as words, quotes respected, nothing expanded; TaskFailed if a quote is not closed."""
    if _UNQUOTED.fullmatch(text):
        return tuple(text.split(" "))  # what shlex makes of most command lines, at a tenth of its cost
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise TaskFailed(
            f"the command cannot be split into words: {error}",
            hint="close the quote, or give the words as a list in `argv`",
        ) from error


def _stamp(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(" ", "microseconds")


def _failure(execution: Execution, result: Result, data: dict[str, object]) -> TaskFailed:
    said = "\n".join((result.stderr.strip() or result.stdout.strip()).splitlines()[-LAST_LINES:])
    hint = ""
    if result.exit_code == 127:
        hint = "the program is not on the host, or not in the PATH of this user"
    elif result.exit_code == 126:
        hint = "the file is there but may not be executed by this user"
    return TaskFailed(
        f"ended with status {result.exit_code}: {execution.text}" + (f"\n{said}" if said else ""),
        hint=hint,
        data={**data, "changed": True},
    )
