"""WAL goes only where no base backup needs it: whatever could be recovered before can be recovered afterwards."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from runner.backup.wal.archive import Archived, WalArchive, archived
from runner.backup.wal.names import Lsn, Segment, history_name
from runner.backup.wal.pruning import Needing, plan_wal
from runner.backup.wal.reach import Start, reach
from runner.repositories.memory import MemoryRepository

SIZE = 2**24
NOW = datetime(2026, 11, 27, tzinfo=UTC)
DAY = 86400.0
SYSTEM = "42"


def base(
    number: int, days_ago: float, *, timeline: int = 1, length: int = 1, name: str = "", **more: object
) -> Needing:
    """A base backup that begins in segment `number` and ends `length` segments on."""
    start = Start(timeline, Lsn(number * SIZE + 40), Lsn((number + length - 1) * SIZE + 256), SIZE)
    found = Needing(name or f"base-{number}", SYSTEM, "db1", NOW - timedelta(days=days_ago), start, True, True)
    return replace(found, **more)


def put(repository: MemoryRepository, name: str, content: bytes = b"wal") -> None:
    sha256 = hashlib.sha256(content + name.encode()).hexdigest()
    archive = WalArchive(repository, "app", SYSTEM)
    repository.put(archive.key(name, sha256, ""), io.BytesIO(content))


def repository(*numbers: int, timeline: int = 1) -> MemoryRepository:
    made = MemoryRepository("main")
    for number in numbers:
        put(made, Segment(timeline, number, SIZE).name)
    return made


def dropped(made: MemoryRepository, bases: list[Needing], window: float = 0.0) -> list[int]:
    (plan,) = plan_wal(made, "app", bases, (), window, NOW)
    return [Segment.of_name(one.name[:24], SIZE).number for one in plan.dropped]


def test_what_lies_before_the_oldest_base_backup_goes_oldest_first() -> None:
    assert dropped(repository(5, 1, 2, 3, 4), [base(3, 1), base(5, 0)]) == [1, 2]


def test_histories_stay_and_what_is_named_after_a_segment_goes_with_it() -> None:
    made = repository(1, 2, 3)
    put(made, "00000002.history", b"1\t0/1000100\tx\n")
    put(made, f"{Segment(1, 1, SIZE).name}.00000028.backup")
    put(made, f"{Segment(1, 3, SIZE).name}.partial")
    assert dropped(made, [base(3, 1)]) == [1, 1, 2]


def test_without_a_base_backup_nothing_goes() -> None:
    assert dropped(repository(1, 2), []) == []
    assert dropped(repository(1, 2), [base(9, 1, system_identifier="another")]) == []


def test_while_a_manifest_is_damaged_nothing_goes() -> None:
    (plan,) = plan_wal(repository(1, 2, 3), "app", [base(3, 1)], ["broken"], 0.0, NOW)
    assert plan.dropped == () and "broken" in plan.reason


def test_with_a_window_older_backups_keep_only_their_own_wal() -> None:
    bases = [base(2, 60, length=2), base(6, 20), base(9, 8), base(12, 1)]
    assert dropped(repository(*range(1, 14)), bases, 7 * DAY) == [1, 4, 5, 7, 8]


def test_a_bad_backup_or_an_increment_is_no_beginning_of_the_window() -> None:
    bases = [base(2, 60), base(6, 20, is_good=False), base(9, 8, is_whole=False), base(12, 1)]
    assert dropped(repository(*range(1, 14)), bases, 7 * DAY) == [1]


def test_each_host_has_a_window_of_its_own() -> None:
    bases = [base(6, 20), base(9, 1), base(2, 3, group="standby")]
    assert dropped(repository(*range(1, 10)), bases, 7 * DAY) == [1]


def test_after_a_step_back_in_time_the_lower_positions_of_the_younger_backup_stay() -> None:
    bases = [base(8, 10), base(4, 2, timeline=2)]
    assert dropped(repository(*range(1, 10)), bases, 7 * DAY) == [1, 2, 3]


def test_a_younger_timeline_that_stepped_back_stays_until_it_has_a_base_backup() -> None:
    made = repository(*range(1, 10))
    for number in (4, 5):
        put(made, Segment(2, number, SIZE).name, b"on the second")
    (plan,) = plan_wal(made, "app", [base(8, 10)], (), 7 * DAY, NOW)
    assert {one.name[:8] for one in plan.dropped} == {"00000001"}
    (plan,) = plan_wal(made, "app", [base(8, 10), base(5, 8, timeline=2)], (), 7 * DAY, NOW)
    assert [one.name for one in plan.dropped if one.name.startswith("00000002")] == [Segment(2, 4, SIZE).name]


@st.composite
def worlds(draw: st.DrawFn) -> tuple[MemoryRepository, list[Needing]]:
    """Up to four timelines, each begun somewhere on the one before, with base backups here and there."""
    made, bases, moment = MemoryRepository("main"), list[Needing](), 100.0
    begun, history = 1, ""
    for timeline in range(1, draw(st.integers(1, 4)) + 1):
        end = begun + draw(st.integers(2, 8))
        for number in range(begun, end + 1):
            put(made, Segment(timeline, number, SIZE).name, f"{timeline}".encode())
        for _ in range(draw(st.integers(0, 3))):
            at, length = draw(st.integers(begun, end - 1)), draw(st.integers(1, 2))
            moment -= draw(st.floats(0.5, 8))
            good, whole = draw(st.booleans()), draw(st.booleans())
            name = f"base-{len(bases)}"
            bases.append(base(at, moment, timeline=timeline, length=length, name=name, is_good=good, is_whole=whole))
        left = draw(st.integers(begun, end))
        history += f"{timeline}\t{Lsn(left * SIZE + 128)}\tx\n"
        put(made, history_name(timeline + 1), history.encode())
        begun = left
    return made, bases


def reached(made: MemoryRepository, one: Needing) -> list[str]:
    def text(file: Archived) -> str:
        with made.get(file.key) as source:
            return source.read().decode()

    return [file.key for file in reach(WalArchive(made, "app", SYSTEM), one.start, None, text).segments]


@given(worlds(), st.lists(st.booleans(), min_size=12, max_size=12), st.sampled_from([0.0, DAY, 7 * DAY, 30 * DAY]))
def test_whatever_could_be_recovered_can_be_recovered_afterwards(
    world: tuple[MemoryRepository, list[Needing]], staying: list[bool], window: float
) -> None:
    made, bases = world
    kept = [one for one, stays in zip(bases, staying, strict=False) if stays]
    before = {one.id: reached(made, one) for one in kept}
    for plan in plan_wal(made, "app", kept, (), window, NOW):
        for file in plan.dropped:
            made.delete(file.key)
    left = {file.key for ones in archived(made, "app").values() for file in ones}
    limit = NOW - timedelta(seconds=window)
    beginnings = [one.moment for one in kept if one.is_good and one.is_whole and one.moment <= limit]
    for one in kept:
        own = [key for key in before[one.id] if _number(key) <= (one.start.stop.position - 1) // SIZE]
        assert set(own) <= left, "a backup lost WAL of its own"
        if not window or not beginnings or one.moment >= max(beginnings):
            assert reached(made, one) == before[one.id], "a recovery to a later moment is not possible any more"


def _number(key: str) -> int:
    return Segment.of_name(key.rpartition("/")[2][:24], SIZE).number
