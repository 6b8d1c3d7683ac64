"""debug, set_fact, assert, fail and pause."""

from __future__ import annotations

import pytest

from runner.errors import TaskFailed
from tests.modules.bed import Bench


def test_debug_shows_a_message_of_any_type(bench: Bench) -> None:
    assert bench.settle("debug", msg={"rows": 3}).data == {"msg": {"rows": 3}}


def test_debug_shows_the_value_of_an_expression_under_its_own_text(bench: Bench) -> None:
    bench.at.variables["rows"] = [1, 2]
    assert bench.settle("debug", var="rows | length").data == {"rows | length": 2}


def test_debug_says_that_a_variable_is_not_defined(bench: Bench) -> None:
    assert bench.apply("debug", var="nobody").data == {"nobody": "VARIABLE IS NOT DEFINED!"}


def test_debug_without_arguments_says_hello(bench: Bench) -> None:
    assert bench.apply("debug").data == {"msg": "Hello world!"}


def test_facts_keep_their_types_and_are_known_in_check_mode_too(bench: Bench) -> None:
    facts = {"rows": 3, "names": ["a"], "ready": False}
    assert bench.settle("set_fact", **facts).facts == facts
    assert bench.preview("set_fact", **facts).facts == facts


def test_assertions_that_hold_pass(bench: Bench) -> None:
    bench.at.variables["rows"] = 3
    done = bench.settle("assert", that=["rows == 3", True], success_msg="all there")
    assert done.data["msg"] == "all there"


def test_an_assertion_that_does_not_hold_is_named(bench: Bench) -> None:
    bench.at.variables["rows"] = 3
    with pytest.raises(TaskFailed, match=r"rows are lost \(rows > 5\)") as caught:
        bench.apply("assert", that=["rows == 3", "rows > 5"], fail_msg="rows are lost")
    assert caught.value.data["assertion"] == "rows > 5"


def test_an_assertion_fails_in_check_mode_too(bench: Bench) -> None:
    with pytest.raises(TaskFailed, match="Assertion failed"):
        bench.preview("assert", that="1 == 2")


@pytest.mark.parametrize("expression", ["'no'", "1", "[]", "none"])
def test_an_assertion_that_is_not_a_boolean_is_refused(bench: Bench, expression: str) -> None:
    with pytest.raises(TaskFailed, match="neither true nor false"):
        bench.apply("assert", that=[expression])


def test_fail_says_what_it_was_told_in_check_mode_too(bench: Bench) -> None:
    for act in (bench.preview, bench.apply):
        with pytest.raises(TaskFailed, match="not here"):
            act("fail", msg="not here")


def test_pause_waits_as_long_as_it_is_told(bench: Bench) -> None:
    done = bench.apply("pause", minutes=1, seconds=30)
    assert bench.at.slept == [90]
    assert done.data["stdout"] == "Paused for 90 seconds"


def test_pause_does_not_wait_in_check_mode(bench: Bench) -> None:
    assert bench.preview("pause", seconds=5).summary == "waits 5 s"
    assert bench.at.slept == []


def test_pause_asks_and_gives_the_answer(bench: Bench) -> None:
    bench.at.answers.append("OPS-17")
    assert bench.apply("pause", prompt="ticket?").data["user_input"] == "OPS-17"


def test_pause_fails_where_nobody_can_be_asked(bench: Bench) -> None:
    with pytest.raises(TaskFailed, match="nobody is there to answer"):
        bench.apply("pause", prompt="ticket?")
