"""The fake keeps what it can of the contract: the same tests, run against it; and what only it does."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from runner.errors import TimedOut
from runner.hosts.contract import Become, CommandFailed, Pipeline, Script, command
from runner.hosts.fake import FakeHost, Ran
from tests.contracts.test_host_files import (
    test_a_private_directory_goes_when_its_user_fails,
    test_put_says_why_it_cannot,
    test_read_takes_no_more_than_its_limit,
    test_stat_of_nothing_is_none,
)
from tests.contracts.test_hosts import test_a_nul_byte_in_an_argument_is_refused

__all__ = [
    "test_a_nul_byte_in_an_argument_is_refused",
    "test_a_private_directory_goes_when_its_user_fails",
    "test_put_says_why_it_cannot",
    "test_read_takes_no_more_than_its_limit",
    "test_stat_of_nothing_is_none",
]


@pytest.fixture
def host() -> FakeHost:
    fake = FakeHost()
    fake.answer("echo", "fine", stdout="fine\n")
    return fake


@pytest.fixture
def place(host: FakeHost) -> Iterator[str]:
    with host.private_directory() as directory:
        yield directory


def test_a_failure_carries_its_result(host: FakeHost) -> None:
    host.answer("sh", stdout="out\n", stderr="oops\n", statuses=(3, 0))
    with pytest.raises(CommandFailed, match="status 3") as caught:
        host.run(Pipeline((Script("exit 3"), command("cat"))))
    assert caught.value.result.statuses == (3, 0)


def test_effects_are_noted_and_queries_are_not(host: FakeHost) -> None:
    host.view(become=Become("postgres")).run(command("echo", "fine"), stdin=b"in")
    host.query(command("echo", "fine"))
    assert host.machine.effects == [Ran(command("echo", "fine"), b"in", "postgres")]
    assert host.machine.asked == [command("echo", "fine")]


def test_lines_go_to_the_sink_of_run_alone(host: FakeHost) -> None:
    lines: list[tuple[str, str]] = []
    watched = host.view(on_output=lambda name, line: lines.append((name, line)))
    watched.query(command("echo", "fine"))
    watched.run(command("echo", "fine"))
    assert lines == [("stdout", "fine")]


def test_a_slow_command_meets_the_deadline_without_anybody_waiting(host: FakeHost) -> None:
    host.takes(3600, "sleep")
    with pytest.raises(TimedOut):
        host.view(deadline=time.monotonic() + 60).run(command("sleep", "3600"))
    with pytest.raises(TimedOut):
        host.run(command("sleep", "3600"), timeout=1)


def test_a_stream_notes_what_was_written(host: FakeHost) -> None:
    host.answer("psql", stdout="done")
    with host.stream(command("psql")) as stream:
        stream.stdin.write(b"select 1")
        assert stream.stdout.read() == b"done"
        stream.finish()
    assert host.machine.effects == [Ran(command("psql"), b"select 1", "root")]


def test_a_command_nobody_declared_is_the_tests_error(host: FakeHost) -> None:
    with pytest.raises(AssertionError, match="no answer"):
        host.run(command("reboot"))
