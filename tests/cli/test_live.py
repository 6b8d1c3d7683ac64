"""The live view's parts that need no terminal; test_terminal.py shows it on one."""

from __future__ import annotations

from runner.events import BatchFinished, Progress, TaskFinished
from runner.render.activity import Activity, Running
from runner.render.live import how_far
from runner.render.rate import Estimate
from tests.cli.sample import EVENTS, PLAY, task


def transfer(*seen: tuple[float, int], total: int | None) -> Running:
    row = Running("db1", "Send it", started=0.0)
    for at, done in seen:
        row.progress = Progress(path=task(0), host="db1", label="upload", done=done, total=total, at=at)
        row.estimate.observe(at, done)
    return row


def test_the_rate_is_that_of_the_last_seconds_not_of_the_whole_transfer() -> None:
    estimate = Estimate()
    for second in range(100):
        estimate.observe(float(second), second * 1000)
    for second in range(100, 130):
        estimate.observe(float(second), 99_000 + (second - 99) * 10)
    rate = estimate.per_second(now=129.0)
    assert rate is not None
    assert 9 < rate < 11


def test_a_stalled_transfer_slows_down_on_the_screen() -> None:
    estimate = Estimate()
    estimate.observe(0.0, 0)
    estimate.observe(1.0, 1000)
    assert estimate.per_second(now=1.0) == 1000
    assert estimate.per_second(now=10.0) == 100


def test_an_end_is_only_estimated_where_total_and_rate_are_known() -> None:
    estimate = Estimate()
    assert estimate.remaining(1000, now=0.0) is None
    estimate.observe(0.0, 0)
    estimate.observe(1.0, 100)
    assert estimate.remaining(None, now=1.0) is None
    assert estimate.remaining(1000, now=1.0) == 9.0


def test_progress_shows_share_amount_rate_and_time_left() -> None:
    text = how_far(transfer((0.0, 0), (1.0, 25 * 1024**2), total=100 * 1024**2), now=1.0)
    assert text.startswith("upload ━━━━━─")
    assert "25%" in text
    assert "/s" in text
    assert "left" in text


def test_progress_without_a_known_total_shows_the_amount_alone() -> None:
    text = how_far(transfer((0.0, 0), (1.0, 1024), total=None), now=1.0)
    assert "%" not in text
    assert "left" not in text


def test_a_command_without_progress_shows_its_last_line() -> None:
    assert how_far(Running("db1", "x", started=0.0, last_line="building"), now=1.0) == "building"


def test_a_task_is_shown_from_its_start_to_its_end_on_each_host() -> None:
    activity = Activity()
    seen: list[set[str]] = []
    for event in EVENTS:
        activity.observe(event)
        if isinstance(event, TaskFinished):
            seen.append({row.host for row in activity.now().values()})
    assert seen[0] == {"db2"}
    assert seen[1] == set()


def test_nothing_stays_on_the_screen_after_a_batch() -> None:
    activity = Activity()
    activity.observe(EVENTS[3])
    assert activity.now()
    activity.observe(BatchFinished(path=PLAY, index=0, at=1.0))
    assert not activity.now()
