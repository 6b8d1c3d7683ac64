"""The runs of a journal: whose they are, in which order they are listed, which may be resumed."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from runner.errors import Refused
from runner.events import (
    Event,
    RunFinished,
)
from runner.journal import Journal
from tests.unit.test_journal import start


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "journal.sqlite3"


def test_a_run_has_one_controller(path: Path) -> None:
    first, second = Journal(path), Journal(path)
    first.begin(start())
    with pytest.raises(Refused, match="still going on"):
        second.claim("r1")
    first.close()
    second.claim("r1")


def test_a_dead_process_gives_its_run_back(path: Path) -> None:
    program = textwrap.dedent(f"""
        import time
        from pathlib import Path
        from runner.events import RunStarted
        from runner.journal import Journal
        journal = Journal(Path({str(path)!r}))
        journal.begin(RunStarted("r1", "site.yml", "print", {{}}, at=1.0))
        print("begun", flush=True)
        time.sleep(60)
    """)
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n"
            mine = Journal(path)
            assert [record.alive for record in mine.runs()] == [True]
            with pytest.raises(Refused):
                mine.claim("r1")
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
    assert [record.alive for record in mine.runs()] == [False]
    mine.claim("r1")


def test_the_name_of_a_run_is_no_way_out_of_the_directory(path: Path) -> None:
    with pytest.raises(Refused):
        Journal(path).claim("../../etc/passwd")


def test_an_unknown_run_is_refused(path: Path) -> None:
    with pytest.raises(Refused, match="no run r9"):
        Journal(path).events("r9")


def ended(run: str, code: int) -> RunFinished:
    return RunFinished(run, code, {}, 1.0, at=9.0)


def record(path: Path, *events: Event) -> None:
    journal = Journal(path)
    journal.publish(*events)
    journal.close()


def test_runs_are_listed_from_the_latest(path: Path) -> None:
    record(path, start("r1"), ended("r1", 0))
    record(path, start("r2"))
    listed = Journal(path).runs()
    assert [(one.run, one.exit_code, one.resumable) for one in listed] == [("r2", None, True), ("r1", 0, False)]


def test_a_resumed_run_keeps_its_first_start(path: Path) -> None:
    record(path, start("r1", at=5.0), ended("r1", 130), start("r1", at=50.0, resumed=True))
    (one,) = Journal(path).runs()
    assert (one.started_at, one.exit_code) == (5.0, None)


@pytest.mark.parametrize("code", [None, 2, 3, 4, 130])
def test_the_latest_unfinished_run_is_one_that_did_not_end_well(path: Path, code: int | None) -> None:
    record(path, start("r1"), *([ended("r1", code)] if code else []))
    found = Journal(path).latest_unfinished()
    assert found is not None
    assert found.run == "r1"


def test_a_run_that_ended_well_is_not_unfinished(path: Path) -> None:
    record(path, start("r1"), ended("r1", 0))
    assert Journal(path).latest_unfinished() is None


def test_a_run_whose_playbook_ran_again_since_is_not_offered(path: Path) -> None:
    record(path, start("r1", "dr.yml"))
    record(path, start("r2", "dr.yml"), ended("r2", 0))
    assert Journal(path).latest_unfinished() is None


def test_another_playbook_that_ended_well_does_not_hide_an_unfinished_run(path: Path) -> None:
    record(path, start("r1", "dr.yml"))
    record(path, start("r2", "backup.yml"), ended("r2", 0))
    found = Journal(path).latest_unfinished()
    assert found is not None
    assert found.run == "r1"
