"""`@frozen`: what `@dataclass(frozen=True, slots=True)` makes, at a tenth of its cost for a class.

The standard decorator writes the source text of eight methods for every class and compiles it: half a
millisecond each, which was a fifth of a short run. Here every class shares the methods of `_Shared`, and only one
that is made often gets an `__init__` of its own, when it has turned out to be.

What it makes is a dataclass: `fields`, `replace`, `asdict`, `match`, keyword-only fields, defaults and factories,
inheritance from another `@frozen` class. There is no ordering, no `__post_init__` and no `field(init=False)`;
a class that needs one of them is a standard dataclass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from operator import attrgetter
from reprlib import recursive_repr
from typing import Any, ClassVar, Final, NoReturn, TypeVar, dataclass_transform

T = TypeVar("T")

_OFTEN: Final = 50
"""From how many objects on a class's own `__init__` pays for being compiled."""


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[T]) -> type[T]:
    """Make `cls` a frozen dataclass with slots."""
    cls.__doc__ = cls.__doc__ or cls.__name__  # without one, a signature would be put together for it
    for name in _SHARED:
        if name not in vars(cls):
            setattr(cls, name, vars(_Shared)[name])
    made: Any = dataclass(init=False, repr=False, eq=False, slots=True)(cls)
    every = fields(made)
    made.__init__ = _initializer(made, every)
    made._compared = _values_of([one.name for one in every if one.compare])
    made._hashed = _values_of([one.name for one in every if (one.compare if one.hash is None else one.hash)])
    return made  # type: ignore[no-any-return]  # the class with slots is another one


class _Shared:
    """The methods of every frozen class."""

    _compared: ClassVar[Callable[[Any], object]]
    _hashed: ClassVar[Callable[[Any], object]]

    @recursive_repr()
    def __repr__(self: Any) -> str:
        shown = ", ".join(f"{one.name}={getattr(self, one.name)!r}" for one in fields(self) if one.repr)
        return f"{type(self).__qualname__}({shown})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        values = type(self)._compared
        return bool(values(self) == values(other))

    def __hash__(self) -> int:
        return hash(type(self)._hashed(self))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise FrozenInstanceError(f"cannot assign to {name!r} of a frozen {type(self).__qualname__}")

    def __delattr__(self, name: str) -> NoReturn:
        raise FrozenInstanceError(f"cannot delete {name!r} of a frozen {type(self).__qualname__}")

    def __setstate__(self, state: tuple[None, dict[str, object]]) -> None:
        """For copy and pickle, which would assign."""
        for name, value in state[1].items():
            object.__setattr__(self, name, value)


_SHARED = ("__repr__", "__eq__", "__hash__", "__setattr__", "__delattr__", "__setstate__")


def _initializer(cls: type[object], every: tuple[Field[Any], ...]) -> Callable[..., None]:
    """`__init__` of `cls`. It writes through the slots themselves, which `__setattr__` does not guard."""
    ordered = sorted(every, key=lambda one: bool(one.kw_only))
    slots = [(one.name, getattr(cls, one.name).__set__, one.default) for one in ordered]
    put_in_order = [put for _, put, _ in slots]
    factories = {one.name: one.default_factory for one in ordered if one.default_factory is not MISSING}
    most = sum(not one.kw_only for one in ordered)
    left = _OFTEN

    def init(self: object, *args: object, **given: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            setattr(cls, "__init__", _own_initializer(cls, ordered))  # noqa: B010 it is no method of `object` to mypy
        if len(args) > most:
            raise TypeError(f"{cls.__qualname__} takes {most} values without a name, {len(args)} were given")
        for put, value in zip(put_in_order, args, strict=False):
            put(self, value)
        for name, put, default in slots[len(args) :]:
            value = given.pop(name, default)
            if value is MISSING:
                if name not in factories:
                    raise TypeError(f"{cls.__qualname__} needs a value for {name!r}")
                value = factories[name]()
            put(self, value)
        if given:
            raise TypeError(f"{cls.__qualname__} does not take, or was given twice: {', '.join(given)}")

    return init


def _own_initializer(cls: type[object], ordered: list[Field[Any]]) -> Callable[..., None]:
    """The same `__init__`, written out for `cls` and compiled."""
    known: dict[str, Any] = {"_missing": MISSING}
    signature, body = ["self"], []
    for number, one in enumerate(ordered):
        if one.kw_only and "*" not in signature:
            signature.append("*")
        known[f"_put{number}"] = getattr(cls, one.name).__set__
        value = one.name
        if one.default is not MISSING:
            known[f"_default{number}"] = one.default
            signature.append(f"{one.name}=_default{number}")
        elif one.default_factory is not MISSING:
            known[f"_make{number}"] = one.default_factory
            signature.append(f"{one.name}=_missing")
            value = f"_make{number}() if {one.name} is _missing else {one.name}"
        else:
            signature.append(one.name)
        body.append(f"    _put{number}(self, {value})\n")
    exec(f"def init({', '.join(signature)}):\n{''.join(body) or '    pass'}", known)  # noqa: S102 of names alone
    init: Callable[..., None] = known["init"]
    init.__qualname__ = f"{cls.__qualname__}.__init__"
    return init


def _values_of(names: list[str]) -> Callable[[Any], object]:
    return attrgetter(*names) if names else lambda _: ()
