"""Every error a user can meet, with its exit code, its place and its next step.

An error says what happened (`message`), where (`where`: a place in a file, or host and task),
why it matters (`why`) and what to do next (`hint`). Only cli.py prints them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import ClassVar

from runner.frozen import frozen
from runner.rules import Rule


class ExitCode(IntEnum):
    """What the process ends with; the numbers are a promise to scripts."""

    OK = 0
    BUG = 1
    HOSTS_FAILED = 2
    VERIFICATION_FAILED = 3
    UNREACHABLE = 4
    USAGE = 5
    INVALID = 6
    REFUSED = 7
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True, order=True)
class Location:
    """A place in a text file; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


@frozen
class Problem:
    """One thing wrong with a playbook, an inventory or a file they name; `rule` says of what kind it is."""

    message: str
    location: Location | None = None
    hint: str = ""
    severity: Severity = Severity.ERROR
    rule: Rule = field(kw_only=True)


@dataclass(eq=False)
class SentraPlayError(Exception):
    """The root: anything raised on purpose. What is not one of these is a bug of ours (exit code 1)."""

    message: str
    where: str = ""
    why: str = ""
    hint: str = ""
    exit_code: ClassVar[ExitCode] = ExitCode.HOSTS_FAILED
    """How the process ends because of it; a matter of the kind of error alone."""

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


class UsageError(SentraPlayError):
    """The command line asks for something that cannot be."""

    exit_code = ExitCode.USAGE


class InvalidInput(SentraPlayError):
    """A playbook, an inventory or a template is wrong; carries every problem found, in order of place."""

    exit_code = ExitCode.INVALID

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        first = self.problems[0]
        super().__init__(
            message=first.message,
            where=str(first.location or ""),
            hint=first.hint,
        )


class Refused(SentraPlayError):
    """Nothing was done, because doing it could destroy or contradict something."""

    exit_code = ExitCode.REFUSED


class Interrupted(SentraPlayError):
    """Somebody pressed Ctrl-C or sent SIGTERM."""

    exit_code = ExitCode.INTERRUPTED


class HostUnreachable(SentraPlayError):
    """A host could not be connected to (name, port, host key, authentication, privilege escalation)."""

    exit_code = ExitCode.UNREACHABLE


class ConnectionLost(HostUnreachable):
    """The connection broke while something was running: its effect on the host is not known."""


@dataclass(eq=False)
class TaskFailed(SentraPlayError):
    """A task could not do its work on a host; `data` goes into the registered result."""

    data: Mapping[str, object] = field(default_factory=dict, kw_only=True)


class TimedOut(TaskFailed):
    """A deadline passed; what was running was killed with its whole process group."""


class VerificationFailed(TaskFailed):
    """A backup or a restored state is not what it must be."""

    exit_code = ExitCode.VERIFICATION_FAILED


class RepositoryError(TaskFailed):
    """A repository did not do what was asked of it."""


class ObjectNotFound(RepositoryError):
    """No object has that key."""


class AlreadyExists(RepositoryError):
    """Put-if-absent met an object of that key: somebody else was first."""
