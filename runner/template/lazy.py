"""Variables whose templates are rendered when they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, cast

from runner.document import TemplateText
from runner.template.errors import TemplateError

Render = Callable[[str, "Scope"], object]

_SECRET_ENDINGS: Final = (
    "password",
    "passphrase",
    "secret",
    "token",
    "secret_key",
    "secret_access_key",
    "private_key",
)


def names_a_secret(name: object) -> bool:
    """Whether a variable of that name holds something nobody may read."""
    return isinstance(name, str) and name.lower().endswith(_SECRET_ENDINGS)


class Scope(Mapping[str, object]):
    """All variables a template sees. One Scope serves one rendering: what it rendered is kept for that long.

    `render` turns a TemplateText into its value; `note_secret` is told every value whose name says it is secret.
    """

    __slots__ = ("_done", "_note_secret", "_open", "_render", "_variables")

    def __init__(self, variables: Mapping[str, object], render: Render, note_secret: Callable[[object], None]) -> None:
        self._variables = variables
        self._render = render
        self._note_secret = note_secret
        self._done: dict[str, object] = {}
        self._open: list[str] = []

    def __getitem__(self, name: str) -> object:
        if name in self._done:
            return self._done[name]
        raw = self._variables[name]
        if name in self._open:
            chain = " → ".join((*self._open[self._open.index(name) :], name))
            raise TemplateError(f"the variable '{name}' refers to itself: {chain}")
        self._open.append(name)
        try:
            value = self.read(raw, name)
        finally:
            self._open.pop()
        self._done[name] = value
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)

    def __contains__(self, name: object) -> bool:
        return name in self._variables

    def read(self, raw: object, name: object = None) -> object:
        """A stored value as templates see it: text rendered, containers ready to render what is read from them."""
        if isinstance(raw, TemplateText):
            value = self._render(raw, self)
        elif type(raw) is dict:
            value = LazyMapping(raw, self) if _holds_template(raw) else raw
        elif isinstance(raw, list):
            value = LazyList(raw, self) if _holds_template(raw) else raw
        else:
            value = raw
        if names_a_secret(name):
            self._note_secret(value)
        return value


class LazyMapping(Mapping[str, object]):
    """A mapping of a variable; its templates are rendered when their key is read."""

    __slots__ = ("_raw", "_scope")

    def __init__(self, raw: Mapping[str, object], scope: Scope) -> None:
        self._raw = raw
        self._scope = scope

    def __getitem__(self, key: str) -> object:
        return self._scope.read(self._raw[key], key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._raw)

    def __len__(self) -> int:
        return len(self._raw)

    def __repr__(self) -> str:
        return repr(dict(self))


class LazyList(Sequence[object]):
    """A list of a variable; its templates are rendered when their item is read."""

    __slots__ = ("_raw", "_scope")

    def __init__(self, raw: list[object], scope: Scope) -> None:
        self._raw = raw
        self._scope = scope

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return LazyList(self._raw[index], self._scope)
        return self._scope.read(self._raw[index])

    def __len__(self) -> int:
        return len(self._raw)

    def __add__(self, other: Sequence[object]) -> list[object]:
        return [*self, *other]

    def __radd__(self, other: Sequence[object]) -> list[object]:
        return [*other, *self]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (list, LazyList)) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # like list: its content is not fixed

    def __repr__(self) -> str:
        return repr(list(self))


class HostVariables(Mapping[str, Mapping[str, object]]):
    """`hostvars`: each host's variables, rendered in that host's own view when they are read.

    `listed` are those met by who goes through all of it.
    """

    __slots__ = ("_listed", "_names", "_note_secret", "_render", "_variables_of")

    def __init__(
        self,
        names: Sequence[str],
        variables_of: Callable[[str], Mapping[str, object]],
        render: Render,
        note_secret: Callable[[object], None],
        listed: Sequence[str] | None = None,
    ) -> None:
        self._names = names
        self._listed = names if listed is None else listed
        self._variables_of = variables_of
        self._render = render
        self._note_secret = note_secret

    def __getitem__(self, name: str) -> Mapping[str, object]:
        if name not in self._names:
            raise KeyError(name)
        return _OfHost(self._variables_of(name), self._render, self._note_secret)

    def __iter__(self) -> Iterator[str]:
        return iter(self._listed)

    def __len__(self) -> int:
        return len(self._listed)

    def __contains__(self, name: object) -> bool:
        return name in self._names


class _OfHost(Scope):
    """A host's variables as one finds them in `hostvars`, which as in Ansible does not hold itself again and again."""

    __slots__ = ()

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._variables if name != "hostvars")

    def __len__(self) -> int:
        return len(list(iter(self)))


def kind_of(value: object) -> str:
    """What a value is, for a message."""
    if isinstance(value, str):
        return "text" if value else "empty text"
    if isinstance(value, Mapping):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, (list, tuple, LazyList)):
        return "a list" if value else "an empty list"
    if isinstance(value, (int, float)):
        return "a number"
    return "nothing (null)" if value is None else f"a {type(value).__name__}"


def _holds_template(value: object) -> bool:
    if isinstance(value, TemplateText):
        return True
    # Exactly a dict: one that is more (a result with unknown parts) holds no text somebody wrote.
    if type(value) is dict:
        return any(_holds_template(item) for item in value.values())
    if isinstance(value, list):
        return any(_holds_template(item) for item in cast(list[object], value))
    return False
