"""The journal: what it promises about durability, order and reading back."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import Refused, SentraPlayError
from runner.events import (
    AddedHost,
    AttemptFailed,
    BatchFinished,
    BatchStarted,
    Confirmed,
    Event,
    FactsCleared,
    HandlersFlushed,
    HostRecap,
    HostRescued,
    HostsForgiven,
    IncludedVariables,
    ItemFinished,
    ObjectiveMeasured,
    OutputLine,
    PlayFinished,
    PlayStarted,
    Progress,
    RunFinished,
    RunStarted,
    Status,
    TaskFinished,
    TaskInterrupted,
    TaskStarted,
    Warned,
)
from runner.journal import Journal, decode, default_path, encode
from runner.journal.codec import KINDS
from runner.journal.grouping import GroupCommit

text = st.text(st.characters(), max_size=12) | st.just("kept \udcff byte")
number = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**40), 2**40).map(float)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | number | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
data = st.dictionaries(text, plain, max_size=4)
names = st.lists(text, max_size=3).map(tuple)
added = st.builds(AddedHost, text, names, names, data)
included = st.builds(IncludedVariables, names, text)
recap = st.builds(HostRecap, *[st.integers(0, 99)] * 7)
at = {"at": number}

EVENTS: dict[type[Event], st.SearchStrategy[Any]] = {
    Event: st.builds(Event, **at),
    RunStarted: st.builds(RunStarted, text, text, text, data, st.booleans(), **at),
    PlayStarted: st.builds(PlayStarted, text, text, names, **at),
    BatchStarted: st.builds(BatchStarted, text, st.integers(), names, **at),
    TaskStarted: st.builds(TaskStarted, text, text, text, names, st.booleans(), **at),
    OutputLine: st.builds(OutputLine, text, text, text, text, **at),
    Progress: st.builds(Progress, text, text, text, st.integers(), st.none() | st.integers(), text, **at),
    ItemFinished: st.builds(ItemFinished, text, text, st.integers(), text, st.sampled_from(Status), data, **at),
    AttemptFailed: st.builds(AttemptFailed, text, text, st.integers(), st.integers(), text, **at),
    TaskFinished: st.builds(
        TaskFinished,
        *(text, text, text, st.sampled_from(Status), data, number, text, text, data, names, text, text),
        *(
            st.integers(),
            st.booleans(),
            names,
            st.booleans(),
            st.booleans(),
            names,
            st.dictionaries(text, data, max_size=2),
            st.tuples(included),
            st.tuples(added),
            st.booleans(),
        ),
        **at,
    ),
    TaskInterrupted: st.builds(TaskInterrupted, text, text, text, **at),
    Confirmed: st.builds(Confirmed, text, text, **at),
    FactsCleared: st.builds(FactsCleared, text, names, **at),
    HandlersFlushed: st.builds(HandlersFlushed, text, names, **at),
    HostsForgiven: st.builds(HostsForgiven, text, names, **at),
    HostRescued: st.builds(HostRescued, text, text, **at),
    BatchFinished: st.builds(BatchFinished, text, st.integers(), **at),
    PlayFinished: st.builds(PlayFinished, text, **at),
    ObjectiveMeasured: st.builds(ObjectiveMeasured, text, text, number, st.none() | number, st.booleans(), **at),
    Warned: st.builds(Warned, text, text, text, **at),
    RunFinished: st.builds(RunFinished, text, st.integers(), st.dictionaries(text, recap, max_size=2), number, **at),
}


def start(run: str = "r1", playbook: str = "site.yml", at: float = 1.0, resumed: bool = False) -> RunStarted:
    return RunStarted(run, playbook, "print", {"check": False}, resumed, at=at)


def task(number: int) -> TaskStarted:
    return TaskStarted(f"plays[0].tasks[{number}]", "t", "debug", ("a",), at=2.0)


HUGE = RunStarted("r1", "p", "f", {"big": "x" * 1_000_000}, at=1.0)


def limit_pages(journal: Journal) -> None:
    """SQLite's own "disk full": the database may not grow any more."""
    connection: sqlite3.Connection = journal._database._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count={pages}")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.sqlite3"


def test_every_kind_of_event_is_tried_here() -> None:
    assert set(EVENTS) == set(KINDS.values())


@given(st.one_of(*EVENTS.values()))
def test_an_event_comes_back_equal(event: Event) -> None:
    back = decode(*encode(event))
    assert back == event
    assert type(back) is type(event)


def test_what_is_not_plain_data_is_refused_before_anything_is_written() -> None:
    with pytest.raises(TypeError):
        encode(RunStarted("r", "p", "f", {"x": object()}, at=1.0))
    with pytest.raises(TypeError):
        encode(RunStarted("r", "p", "f", {"x": {1: "a"}}, at=1.0))


def test_an_event_of_an_unknown_kind_is_a_clear_error() -> None:
    with pytest.raises(SentraPlayError, match="cannot be read"):
        decode("Teleported", "{}")


def test_an_event_with_an_unknown_field_is_a_clear_error() -> None:
    with pytest.raises(SentraPlayError, match="cannot be read"):
        decode("PlayFinished", '{"path": "x", "mood": "good", "at": 1.0}')


def test_what_was_published_is_there_for_another_process_at_once(path: Path) -> None:
    journal = Journal(path)
    journal.begin(start())
    journal.publish(task(0))
    reader = textwrap.dedent(f"""
        from pathlib import Path
        from runner.journal import Journal
        print(len(Journal(Path({str(path)!r})).events("r1")))
    """)
    assert subprocess.run([sys.executable, "-c", reader], capture_output=True, text=True, check=True).stdout == "2\n"


def test_lines_and_progress_are_not_kept(path: Path) -> None:
    journal = Journal(path)
    journal.begin(start())
    journal.publish(OutputLine("p", "a", "stdout", "hello", at=1.0), Progress("p", "a", "copy", 1, 2, at=1.0))
    assert journal.events("r1") == (start(),)


def test_nothing_is_recorded_before_a_run_was_begun(path: Path) -> None:
    with pytest.raises(Refused, match="before a run was begun"):
        Journal(path).publish(task(0))


def test_publishing_the_start_of_a_run_begins_it(path: Path) -> None:
    journal = Journal(path)
    journal.publish(start(), task(0))
    assert journal.events("r1") == (start(), task(0))


def test_nobody_else_can_read_the_journal(path: Path) -> None:
    before = os.umask(0)
    try:
        journal = Journal(path)
        journal.begin(start())
    finally:
        os.umask(before)
    files = [path.parent, *path.parent.rglob("*")]
    assert len(files) >= 5
    assert [file for file in files if stat.S_IMODE(file.stat().st_mode) & 0o077] == []


def test_a_journal_that_cannot_be_written_raises_and_keeps_nothing(path: Path) -> None:
    journal = Journal(path)
    journal.begin(start())
    limit_pages(journal)
    with pytest.raises(SentraPlayError, match="cannot be written") as caught:
        journal.publish(HUGE)
    assert "--journal" in caught.value.hint
    assert journal.events("r1") == (start(),)


def test_events_published_together_are_kept_together_or_not_at_all(path: Path) -> None:
    journal = Journal(path)
    journal.begin(start())
    limit_pages(journal)
    with pytest.raises(SentraPlayError):
        journal.publish(task(0), HUGE)
    assert journal.events("r1") == (start(),)


def test_a_file_that_is_no_database_is_a_clear_error(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("this is a shopping list, not a database\n" * 100)
    with pytest.raises(SentraPlayError, match="cannot be opened"):
        Journal(path)


@pytest.mark.parametrize("cut", [1, 100, 4096, 9000])
def test_a_journal_torn_by_a_crash_holds_everything_up_to_the_tear(path: Path, tmp_path: Path, cut: int) -> None:
    journal = Journal(path)
    written = (start(), *(task(number) for number in range(20)))
    for event in written:
        journal.publish(event)
    torn = tmp_path / "torn.sqlite3"
    torn.write_bytes(path.read_bytes())
    log = path.with_name(path.name + "-wal").read_bytes()
    torn.with_name(torn.name + "-wal").write_bytes(log[:-cut])
    found = Journal(torn).events("r1")
    assert found == written[: len(found)]
    assert 0 < len(found) < len(written)


def test_a_journal_of_a_later_format_is_refused(path: Path) -> None:
    Journal(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version=99")
    with pytest.raises(SentraPlayError, match="format 99"):
        Journal(path)


def publish_many(journal: Journal, first: int) -> None:
    for number in range(first, first + 20):
        journal.publish(task(number))


def test_threads_publish_at_once_and_nothing_is_lost(path: Path) -> None:
    journal = Journal(path)
    journal.begin(start())
    threads = [threading.Thread(target=publish_many, args=(journal, n * 100)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    numbers = [int(event.path[15:-1]) for event in journal.events("r1") if isinstance(event, TaskStarted)]
    assert len(numbers) == len(set(numbers)) == 160
    for n in range(8):
        mine = [number for number in numbers if number // 100 == n]
        assert mine == sorted(mine)


def test_who_waits_for_a_group_that_fails_is_told() -> None:
    entered, go = threading.Event(), threading.Event()
    written: list[int] = []

    def write(items: Any) -> None:
        if 1 in items:
            entered.set()
            go.wait(10)
        elif 2 in items:
            raise OSError("disk full")
        written.extend(items)

    group: GroupCommit[int] = GroupCommit(write)
    outcomes: list[object] = []

    def add(item: int) -> None:
        try:
            group.add([item])
            outcomes.append(item)
        except OSError as error:
            outcomes.append((item, str(error)))

    first = threading.Thread(target=add, args=(1,))
    first.start()
    assert entered.wait(10)
    others = [threading.Thread(target=add, args=(item,)) for item in (2, 3)]
    for other in others:
        other.start()
    while group._ticket < 3:
        threading.Event().wait(0.001)
    go.set()
    for thread in (first, *others):
        thread.join(10)
    assert written == [1]
    assert sorted(outcomes, key=str) == [(2, "disk full"), (3, "disk full"), 1]
    group.add([4])
    assert written == [1, 4]


def test_the_default_place_follows_the_state_directory() -> None:
    assert default_path({"XDG_STATE_HOME": "/var/state"}) == Path("/var/state/sentraplay/journal.sqlite3")
    assert default_path({}) == Path.home() / ".local/state/sentraplay/journal.sqlite3"
    assert default_path({"XDG_STATE_HOME": "relative"}) == default_path({})
