"""Values that are not known, and say so to whoever looks at them.

Two reasons: in check mode only acting would tell (`Unknown`), or the value held a secret and was
therefore not written to the journal a resumed run came back from (`Withheld`). Guessing instead, an
empty text or `***`, would send a recovery down the wrong branch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, NoReturn

from runner.errors import SentraPlayError, TaskFailed
from runner.secret import MASK


class Unknown(TaskFailed):
    """In check mode, something depends on what only acting would tell."""


class Withheld(TaskFailed):
    """A resumed run needs a value that held a secret and so is not in the journal."""


def unknown(name: str) -> Unknown:
    return Unknown(f"{name} is not known in check mode", why="the task that would set it was not carried out")


def withheld(name: str) -> Withheld:
    return Withheld(
        f"{name} held a secret and was not kept in the journal",
        why="secrets are never written to disk, so a resumed run does not have them",
        hint="start a new run, or give the value with -e",
    )


class Gaps(dict[str, Any]):
    """A result of which only the keys it has are known; asking for any other raises its error.

    With no key at all, it stands for a value of which nothing is known: showing it raises too.
    """

    __slots__ = ("_error",)

    def __init__(self, known: Mapping[str, object], error: Callable[[], SentraPlayError]) -> None:
        super().__init__(known)
        self._error = error

    def error(self) -> SentraPlayError:
        """Why the rest is not known."""
        return self._error()

    def _refuse(self) -> NoReturn:
        raise self._error()

    def __missing__(self, key: str) -> NoReturn:
        self._refuse()

    def get(self, key: str, default: object = None) -> Any:
        return self[key]

    def __contains__(self, key: object) -> bool:
        return super().__contains__(key) or self._refuse()

    def __iter__(self) -> Iterator[str]:
        self._refuse()

    def __len__(self) -> int:
        return self._refuse()

    def __bool__(self) -> bool:
        return super().__len__() > 0 or self._refuse()

    def keys(self) -> Any:
        self._refuse()

    def values(self) -> Any:
        self._refuse()

    def items(self) -> Any:
        self._refuse()

    def __str__(self) -> str:
        return self._refuse()

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        self._refuse()

    def __ne__(self, other: object) -> bool:
        self._refuse()

    __hash__ = None


def gaps_named(names: Iterable[str]) -> dict[str, Gaps]:
    """Variables that in check mode are known to be set, but not to what."""
    return {name: Gaps({}, partial(unknown, name)) for name in names}


def without_secrets(value: object, name: str) -> object:
    """What of a masked `value` can be relied on: everything that holds a mask becomes a gap."""
    if isinstance(value, Mapping):
        kept = {key: without_secrets(item, f"{name}.{key}") for key, item in value.items() if not _is_masked(item)}
        return kept if len(kept) == len(value) else Gaps(kept, partial(withheld, name))
    if isinstance(value, list):
        return [without_secrets(item, f"{name}[{index}]") for index, item in enumerate(value)]
    return Gaps({}, partial(withheld, name)) if _is_masked(value) else value


def _is_masked(value: object) -> bool:
    """Whether a leaf, or a list of leaves, holds a mask; a mapping is looked into instead."""
    if isinstance(value, list):
        return any(_is_masked(item) for item in value)
    return isinstance(value, str) and MASK in value


def refuse_gaps(value: object) -> None:
    """Raise the error of the first gap in `value`."""
    if isinstance(value, Gaps):
        raise value.error()
    if isinstance(value, dict):
        for item in value.values():
            refuse_gaps(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            refuse_gaps(item)
