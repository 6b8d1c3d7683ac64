"""rto and rpo: what was promised against what was reached."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from runner.errors import ExitCode
from runner.events import ObjectiveMeasured
from tests.support.stage import Run, Stage, Ticks

START = datetime(2026, 11, 23, 3, 0, 0, tzinfo=UTC).timestamp()


@pytest.fixture
def at_three(stage: Stage) -> Stage:
    stage.clock = Ticks(START)
    return stage


def measured(run: Run) -> dict[str, ObjectiveMeasured]:
    return {event.objective: event for event in run.events if isinstance(event, ObjectiveMeasured)}


def restored(*points: str, objectives: str = "rpo: 1h", more: str = "") -> str:
    tasks = ", ".join(f"{{command: restored {point}}}" for point in points)
    return f"- {{hosts: all, objectives: {{{objectives}}}, {more} tasks: [{tasks}]}}"


def test_the_time_of_a_recovery_is_measured_from_the_runs_start(at_three: Stage) -> None:
    run = at_three.run("- {hosts: all, objectives: {rto: 4h}, tasks: [{command: ok}]}")
    rto = measured(run)["rto"]
    assert rto.target_seconds == 4 * 3600
    assert rto.reached_seconds is not None
    assert 0 < rto.reached_seconds < 60
    assert rto.met
    assert run.code == ExitCode.OK


def test_a_missed_objective_is_an_exit_code(at_three: Stage) -> None:
    run = at_three.run("- {hosts: all, objectives: {rto: 1s}, tasks: [{command: ok}]}")
    assert not measured(run)["rto"].met
    assert run.code == ExitCode.VERIFICATION_FAILED


def test_lost_data_is_measured_by_the_oldest_restored_point(at_three: Stage) -> None:
    run = at_three.run(restored("2026-11-23T02:30:00Z", "2026-11-23T02:45:00+00:00"))
    assert measured(run)["rpo"].reached_seconds == pytest.approx(1800, abs=5)
    assert run.code == ExitCode.OK


def test_too_old_a_backup_misses_the_objective(at_three: Stage) -> None:
    assert at_three.run(restored("2026-11-23T01:30:00Z")).code == ExitCode.VERIFICATION_FAILED


def test_a_known_moment_of_failure_counts_instead_of_the_start(at_three: Stage) -> None:
    playbook = restored("2026-11-23T01:30:00Z", more='vars: {failure_at: "2026-11-23T02:00:00Z"},')
    run = at_three.run(playbook)
    assert measured(run)["rpo"].reached_seconds == 1800
    assert run.code == ExitCode.OK


def test_an_rpo_nothing_proves_is_missed(at_three: Stage) -> None:
    run = at_three.run("- {hosts: all, objectives: {rpo: 1h}, tasks: [{command: ok}]}")
    assert measured(run)["rpo"].reached_seconds is None
    assert run.code == ExitCode.VERIFICATION_FAILED


def test_a_point_restored_in_a_loop_counts(at_three: Stage) -> None:
    run = at_three.run(
        """
        - hosts: all
          objectives: {rpo: 1h}
          tasks: [{command: "restored {{ item }}", loop: ["2026-11-23T02:30:00Z"]}]
        """
    )
    assert measured(run)["rpo"].met


def test_a_play_that_did_not_reach_its_end_is_not_measured(at_three: Stage) -> None:
    run = at_three.run("- {hosts: all, objectives: {rto: 4h}, tasks: [{command: fail}]}")
    assert measured(run) == {}
    assert run.code == ExitCode.HOSTS_FAILED
