"""Jobs, on every kind of host."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.hosts import jobs
from runner.hosts.contract import Host, Script, command
from runner.hosts.jobs import Stage, State
from runner.hosts.shell import new_mark

pytestmark = pytest.mark.live

PATIENCE = 30.0


def until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.1)


def ended(host: Host, job: str) -> State:
    until(lambda: jobs.look(host, job).stage is not Stage.RUNNING)
    return jobs.look(host, job)


@pytest.fixture
def job() -> str:
    return new_mark()


def test_a_job_ends_with_its_programs_status_and_keeps_what_it_wrote(host: Host, job: str) -> None:
    jobs.start(host, job, Script('cat; echo "$1" >&2; exit 3', ('it\'s a "word"',)), b"given\0bytes\n", 60)
    assert ended(host, job) == State(Stage.ENDED, 3)
    assert jobs.output(host, job) == ("given\0bytes\n", 'it\'s a "word"\n')
    jobs.remove(host, job)
    assert jobs.look(host, job) == State(Stage.ABSENT)


def test_a_job_outlives_what_started_it(host: Host, job: str) -> None:
    jobs.start(host, job, Script("sleep 1; echo done"), b"", 60)
    host.interrupt()
    assert jobs.look(host, job).stage is Stage.RUNNING
    assert ended(host, job) == State(Stage.ENDED, 0)
    assert jobs.output(host, job)[0] == "done\n"
    jobs.remove(host, job)


def test_a_job_that_is_there_is_not_started_again(host: Host, job: str) -> None:
    for _ in range(2):
        jobs.start(host, job, Script("echo once; sleep 1"), b"", 60)
    ended(host, job)
    jobs.start(host, job, Script("echo once; sleep 1"), b"", 60)
    assert jobs.output(host, job)[0] == "once\n"
    jobs.remove(host, job)


def test_a_job_is_ended_when_its_time_is_over_with_all_it_started(host: Host, job: str) -> None:
    text = "trap '' HUP; sleep 61 & echo $!; wait"
    jobs.start(host, job, Script(text), b"", 1)
    assert ended(host, job) == State(Stage.LATE)
    child = jobs.output(host, job)[0].strip()
    until(lambda: not host.query(command("kill", "-0", child), check=False).ok)
    jobs.remove(host, job)


def test_a_killed_job_ends_even_if_its_program_will_not(host: Host, job: str) -> None:
    jobs.start(host, job, Script("trap '' TERM; echo there; while :; do sleep 1; done"), b"", 60)
    until(lambda: jobs.output(host, job)[0] == "there\n")
    jobs.kill(host, job)
    assert ended(host, job) == State(Stage.ENDED, 137)
    jobs.remove(host, job)


def test_a_job_nobody_started_is_absent(host: Host, job: str) -> None:
    assert jobs.look(host, job) == State(Stage.ABSENT)


def test_what_a_job_runs_stands_in_no_argv_and_in_no_file(host: Host, job: str) -> None:
    secret = "keep-" + new_mark()
    jobs.start(host, job, Script("sleep 2", env={"WORD": secret}), secret.encode(), 60)
    place = jobs.where(host, job)
    assert host.query(command("grep", "-rc", secret, place), check=False).exit_code == 1
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            assert secret.encode() not in process.read_bytes()
    assert host.stat(place).mode == 0o700  # type: ignore[union-attr]  # it is there
    ended(host, job)
    jobs.remove(host, job)
