"""`@frozen` makes the same kind of class as the standard dataclass with frozen=True and slots=True."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Mapping
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, is_dataclass, replace

import pytest

from runner.frozen import frozen


@frozen
class Happening:
    """Something, at a time."""

    at: float = field(kw_only=True)


@frozen
class Change(Happening):
    host: str
    what: tuple[str, ...] = ()
    details: Mapping[str, object] = field(default_factory=dict)


@frozen
class Keyed:
    name: str
    options: Mapping[str, object] = field(hash=False, repr=False)
    note: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Standard:
    at: float = field(kw_only=True)
    host: str
    what: tuple[str, ...] = ()
    details: Mapping[str, object] = field(default_factory=dict)


CHANGE = Change("web1", ("a",), at=1.0)


def test_fields_defaults_and_factories_are_those_of_the_standard_dataclass() -> None:
    assert [one.name for one in fields(Change)] == [one.name for one in fields(Standard)]
    assert is_dataclass(Change)
    assert Change.__match_args__ == Standard.__match_args__
    assert asdict(Change("web1", at=1.0)) == asdict(Standard("web1", at=1.0))
    assert Change("web1", at=1.0).details is not Change("web1", at=1.0).details


def test_it_says_its_fields_as_the_standard_dataclass_does() -> None:
    assert repr(CHANGE) == repr(Standard("web1", ("a",), at=1.0)).replace("Standard", "Change")
    assert repr(Keyed("n", {"password": "s"})) == "Keyed(name='n', note='')"


def test_equal_are_those_of_one_class_with_equal_fields() -> None:
    assert Change(host="web1", what=("a",), details={}, at=1.0) == CHANGE
    assert replace(CHANGE, at=2.0) != CHANGE
    assert Happening(at=1.0) != CHANGE
    assert Keyed("n", {}, "one") == Keyed("n", {}, "two")
    assert Keyed("n", {"a": 1}) != Keyed("n", {})


def test_equal_ones_are_found_in_a_set() -> None:
    assert Happening(at=1.0) in {Happening(at=1.0)}
    assert hash(Keyed("n", {"a": 1})) == hash(Keyed("n", {}))
    with pytest.raises(TypeError, match="unhashable"):
        hash(CHANGE)


@pytest.mark.parametrize("name", ["host", "at", "unheard_of"])
def test_nothing_can_be_assigned_or_deleted(name: str) -> None:
    with pytest.raises(FrozenInstanceError, match=f"'{name}' of a frozen Change"):
        setattr(CHANGE, name, "x")
    with pytest.raises(FrozenInstanceError, match=f"'{name}' of a frozen Change"):
        delattr(CHANGE, name)
    assert not hasattr(CHANGE, "__dict__")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Change("web1"),
        lambda: Change(at=1.0),
        lambda: Change("web1", host="web2", at=1.0),
        lambda: Change("web1", at=1.0, colour="red"),
        lambda: Change("web1", (), {}, 1.0),
        lambda: replace(CHANGE, colour="red"),
    ],
    ids=["no time", "no host", "host twice", "unknown", "time without its name", "unknown in replace"],
)
def test_arguments_that_do_not_fit_are_a_type_error(wrong: Callable[[], object]) -> None:
    with pytest.raises(TypeError, match="Change"):
        wrong()


def test_copies_are_equal_and_frozen() -> None:
    for made in (copy.copy(CHANGE), copy.deepcopy(CHANGE), pickle.loads(pickle.dumps(CHANGE))):
        assert made == CHANGE
        with pytest.raises(FrozenInstanceError):
            made.host = "other"


def test_a_pattern_takes_it_apart() -> None:
    match CHANGE:
        case Change(host, what):
            assert (host, what) == ("web1", ("a",))


def test_a_method_of_its_own_wins() -> None:
    @frozen
    class Named:
        name: str

        def __repr__(self) -> str:
            return self.name

    assert repr(Named("n")) == "n"


def test_a_standard_dataclass_cannot_quietly_be_made_of_one() -> None:
    with pytest.raises(TypeError, match="cannot inherit"):

        @dataclass(frozen=True)
        class Mixed(Happening):
            name: str


def test_a_class_made_often_gets_an_initializer_of_its_own_that_does_the_same() -> None:
    @frozen
    class Often(Happening):
        host: str
        what: tuple[str, ...] = ()
        details: Mapping[str, object] = field(default_factory=dict)

    first = Often.__init__
    ways: list[tuple[tuple[object, ...], dict[str, object]]] = [
        (("web1",), {"at": 1.0}),
        (("web1", ("a",), {"b": 1}), {"at": 2.0}),
        ((), {"host": "web1", "details": {}, "at": 3.0}),
    ]
    wrong: list[tuple[tuple[object, ...], dict[str, object]]] = [
        (("web1",), {}),
        ((), {"at": 1.0}),
        (("web1",), {"host": "web2", "at": 1.0}),
        (("web1",), {"at": 1.0, "colour": "red"}),
        (("web1", (), {}, 1.0), {}),
    ]
    before = [Often(*args, **given) for args, given in ways]
    for _ in range(1000):
        Often("web1", at=1.0)
    assert Often.__init__ is not first
    assert [Often(*args, **given) for args, given in ways] == before
    assert Often("web1", at=1.0).details is not Often("web1", at=1.0).details
    assert replace(before[0], at=5.0).at == 5.0
    for args, given in wrong:
        with pytest.raises(TypeError, match="Often"):
            Often(*args, **given)
