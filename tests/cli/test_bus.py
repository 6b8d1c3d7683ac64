"""The way of every event: masked, recorded, shown."""

from __future__ import annotations

import threading

import pytest

from runner.errors import SentraPlayError
from runner.events import Event, Status, TaskFinished, Warned
from runner.secret import Redactor
from runner.wiring.bus import Bus
from tests.cli.sample import finished


class Watcher:
    """Keeps what it is shown; breaks with `error` if there is one."""

    def __init__(self, error: Exception | None = None) -> None:
        self.seen: list[Event] = []
        self.calls = 0
        self._error = error

    def __call__(self, event: Event) -> None:
        self.calls += 1
        if self._error:
            raise self._error
        self.seen.append(event)

    def close(self) -> None:
        self.seen.append(Warned(message="closed", at=0.0))


def redactor(*secrets: str) -> Redactor:
    known = Redactor()
    for secret in secrets:
        known.register(secret)
    return known


def test_a_secret_is_masked_before_the_journal_and_before_everybody_else() -> None:
    recorded: list[Event] = []
    watcher = Watcher()
    bus = Bus(redactor("hunter22"), recorded.append, [watcher])
    bus.publish(finished(0, "db1", Status.FAILED, message="no hunter22", result={"stderr": "x hunter22"}))
    assert "hunter22" not in repr(recorded + watcher.seen)
    assert recorded == watcher.seen


def test_a_secret_that_equals_a_hosts_name_leaves_the_journal_readable() -> None:
    recorded: list[Event] = []
    bus = Bus(redactor("postgres", "ok"), recorded.append, [])
    bus.publish(finished(0, "postgres", Status.OK, result={"stdout": "postgres"}))
    event = recorded[0]
    assert isinstance(event, TaskFinished)
    assert (event.host, event.status, event.result) == ("postgres", Status.OK, {"stdout": "***"})


def test_what_the_journal_refuses_is_not_shown_and_stops_the_publisher() -> None:
    def full(event: Event) -> None:
        raise SentraPlayError("disk full")

    watcher = Watcher()
    with pytest.raises(SentraPlayError, match="disk full"):
        Bus(redactor(), full, [watcher]).publish(Warned(message="x", at=1.0))
    assert watcher.calls == 0


@pytest.mark.parametrize("error", [BrokenPipeError(), OSError(28, "No space left on device")])
def test_a_watcher_that_went_away_is_left_out_and_the_run_goes_on(error: OSError) -> None:
    gone, recorded = Watcher(error), Watcher()
    bus = Bus(redactor(), recorded, [gone])
    bus.publish(Warned(message="1", at=1.0))
    bus.publish(Warned(message="2", at=2.0))
    bus.close()
    assert gone.calls == 1
    assert len(recorded.seen) == 2


def test_a_bug_in_a_watcher_is_told_at_the_end_and_not_before() -> None:
    broken, other = Watcher(ValueError("a bug")), Watcher()
    bus = Bus(redactor(), Watcher(), [broken, other])
    bus.publish(Warned(message="1", at=1.0))
    bus.publish(Warned(message="2", at=2.0))
    assert len(other.seen) == 2
    with pytest.raises(ValueError, match="a bug"):
        bus.close()


def test_watchers_get_events_one_at_a_time_from_many_threads() -> None:
    inside = threading.Lock()
    overlaps: list[bool] = []

    class Exclusive(Watcher):
        def __call__(self, event: Event) -> None:
            free = inside.acquire(blocking=False)
            overlaps.append(not free)
            super().__call__(event)
            if free:
                inside.release()

    bus = Bus(redactor(), lambda event: None, [Exclusive()])
    threads = [
        threading.Thread(target=lambda: [bus.publish(Warned(message="x", at=1.0)) for _ in range(200)])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(overlaps) == 1600
    assert not any(overlaps)
