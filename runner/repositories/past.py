"""What every bucket that is read as of some moment has in common."""

from __future__ import annotations

from runner.errors import Refused


def not_in_the_past(where: str) -> Refused:
    """The error for whoever would store, delete or hold something there; `where` describes the repository."""
    hint = "copy what you need to another repository (sentraplay backups copy), or take as_of out"
    return Refused("nothing can be stored in the past", where=where, hint=hint)
