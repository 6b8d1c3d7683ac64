"""What every bucket that is read as of some moment has in common: nothing can be stored, deleted or held in it."""

from __future__ import annotations

from datetime import timedelta
from typing import BinaryIO, NoReturn, Protocol

from runner.errors import Refused


class _Described(Protocol):
    def describe(self) -> str: ...


class NothingStored:
    """Stands before a repository's own class and refuses whatever would change something."""

    def put_if_absent(self: _Described, key: str, data: bytes) -> NoReturn:
        raise _refused(self)

    def put(self: _Described, key: str, source: BinaryIO) -> NoReturn:
        raise _refused(self)

    def delete(self: _Described, key: str) -> NoReturn:
        raise _refused(self)

    def begin(self: _Described, key: str) -> NoReturn:
        raise _refused(self)

    def hold(self: _Described, key: str, held: bool) -> NoReturn:
        raise _refused(self)

    def sweep(self, older_than: timedelta) -> int:
        """Nothing is swept either."""
        return 0


def _refused(past: _Described) -> Refused:
    return Refused(
        "nothing can be stored in the past",
        where=past.describe(),
        hint="copy what you need to another repository (sentraplay backups copy), or take as_of out",
    )
