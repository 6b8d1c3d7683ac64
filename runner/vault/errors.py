"""What can be wrong with something encrypted."""

from __future__ import annotations

from dataclasses import dataclass, field

from runner.errors import ExitCode, Location, TaskFailed


@dataclass(eq=False)
class CannotOpen(TaskFailed):
    """Something encrypted cannot be read, or cannot be trusted. `place` is where it stands."""

    place: Location | None = field(default=None, kw_only=True)
    exit_code = ExitCode.INVALID


class NoKey(CannotOpen):
    """Nobody gave a key of the kind that is needed."""
