"""Checked arguments become frozen dataclasses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pytest

from runner.modules.arguments import REST, build
from runner.secret import Secret


@dataclass(frozen=True, slots=True)
class Inner:
    port: int = 5432
    from_: str | None = None


@dataclass(frozen=True, slots=True)
class Outer:
    name: str
    inner: Inner = Inner()
    tags: tuple[str, ...] = ()
    state: Literal["present", "absent"] = "present"
    password: Secret | None = None
    size: float = 1.0
    either: str | int | None = None
    labels: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Anything:
    known: bool = False
    rest: Mapping[str, object] = field(default_factory=dict, metadata=REST)


def test_nested_mappings_become_nested_dataclasses() -> None:
    assert build(Outer, {"name": "a", "inner": {"port": 1, "from": "b"}}).inner == Inner(1, "b")


def test_lists_become_tuples_and_a_single_value_a_tuple_of_one() -> None:
    assert build(Outer, {"name": "a", "tags": ["x", "y"]}).tags == ("x", "y")
    assert build(Outer, {"name": "a", "tags": "x"}).tags == ("x",)


def test_secrets_do_not_show_in_the_arguments() -> None:
    args = build(Outer, {"name": "a", "password": "hunter22"})
    assert args.password == Secret("hunter22")
    assert "hunter22" not in repr(args)


def test_what_is_not_given_is_the_default() -> None:
    assert build(Outer, {"name": "a"}) == Outer("a")


def test_whole_numbers_are_numbers_but_booleans_are_not() -> None:
    assert build(Outer, {"name": "a", "size": 2}).size == 2.0
    with pytest.raises(TypeError, match=r"Outer\.size wants float"):
        build(Outer, {"name": "a", "size": True})


def test_the_rest_takes_what_no_field_is_named_after() -> None:
    args = build(Anything, {"known": True, "a": 1, "b": [2]})
    assert args == Anything(True, {"a": 1, "b": [2]})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "Outer needs 'name'"),
        ({"name": "a", "nme": "b"}, "Outer has no 'nme'"),
        ({"name": 1}, r"Outer\.name wants str, but its schema let a int pass"),
        ({"name": "a", "inner": {"port": "x"}}, r"Outer\.inner\.port wants int"),
        ({"name": "a", "inner": []}, r"Outer\.inner wants a mapping"),
        ({"name": "a", "tags": ["x", 1]}, r"Outer\.tags\[1\] wants str"),
        ({"name": "a", "state": "gone"}, r"Outer\.state wants one of 'present', 'absent'"),
        ({"name": "a", "either": []}, r"Outer\.either wants str or int or NoneType"),
        ({"name": "a", "labels": {"x": "y"}}, r"Outer\.labels\.x wants int"),
    ],
)
def test_a_schema_that_disagrees_is_named_with_the_place(values: dict[str, object], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        build(Outer, values)


def test_a_mismatch_never_shows_the_value() -> None:
    with pytest.raises(TypeError) as caught:
        build(Outer, {"name": "a", "password": 4711_0815})
    assert "47110815" not in str(caught.value)
