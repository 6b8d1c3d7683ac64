"""`sentraplay backups status` of a cluster whose WAL is archived: how old the data are is for the WAL to say."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.modules.wal_bed import WalBench, benches
from tests.support.deployment import Controller
from tests.support.postgres import PostgresServer
from tests.support.workplace import Workplace

DAY = 86400


@pytest.fixture
def wal(own_postgres: Callable[..., PostgresServer], workplace: Workplace, tmp_path: Path) -> Iterator[WalBench]:
    """With a base backup and two segments after it, all in the repository."""
    with benches(own_postgres, workplace, tmp_path / "repository") as make:
        (tmp_path / "repository").mkdir(exist_ok=True)
        made = make()
        made.base()
        made.switch()
        made.switch()
        made.ship()
        yield made


@pytest.fixture
def controller(tmp_path: Path) -> Controller:
    return Controller(tmp_path)


def aged(wal: WalBench, seconds: float) -> None:
    """Let what is stored have come so long ago."""
    for path in wal.stored():
        os.utime(path, (time.time() - seconds,) * 2)


def status(controller: Controller, wal: WalBench, *words: str, code: int = 0) -> str:
    return controller.do("backups", "status", str(wal.bench.root), *words, code=code)


def test_an_old_base_backup_meets_the_rpo_while_its_wal_is_new(controller: Controller, wal: WalBench) -> None:
    said = status(controller, wal, "--rpo", "1h")
    rows = {line.split()[1]: line for line in said.splitlines()[1:]}
    assert list(rows) == ["base", "wal"]
    plain = {one["kind"]: one for one in map(json.loads, status(controller, wal, "--output", "json").splitlines())}
    assert plain["wal"]["newest"] == wal.stored()[-1].name[:24]
    assert plain["wal"]["files"] == len(wal.stored())
    # The base backup's own age does not count: were the limit shorter than it, only the WAL would be told of.
    time.sleep(1.1)
    late = status(controller, wal, "--rpo", "1s", code=3)
    assert "app wal: the newest WAL came" in late and "app base" not in late


def test_wal_that_has_stopped_coming_misses_the_rpo(controller: Controller, wal: WalBench) -> None:
    aged(wal, DAY)
    said = status(controller, wal, "--rpo", "1h", code=3)
    assert "app wal: the newest WAL came" in said
    status(controller, wal, "--rpo", "25h")


def test_a_gap_is_told_without_reading_anything(controller: Controller, wal: WalBench) -> None:
    wal.stored()[-2].unlink()
    said = status(controller, wal, code=3)
    assert "app wal: WAL segment" in said and "is missing" in said


def test_a_base_backup_with_its_wal_within_is_as_old_as_it_is(
    controller: Controller, own_postgres: Callable[..., PostgresServer], workplace: Workplace, tmp_path: Path
) -> None:
    with benches(own_postgres, workplace, tmp_path / "repository") as make:
        (tmp_path / "repository").mkdir(exist_ok=True)
        wal = make()
        wal.base(wal="include", spool=None)
        time.sleep(1.1)
        said = status(controller, wal, "--rpo", "1s", code=3)
        assert "app base: the newest backup is" in said and " wal " not in said


def test_wal_without_a_base_backup_is_told_and_no_comfort(controller: Controller, wal: WalBench) -> None:
    for path in Path(wal.bench.root).glob("app/2*"):
        shutil.rmtree(path)
    said = status(controller, wal, "--rpo", "1h", code=3)
    assert "app wal: there is no base backup of its cluster" in said


def test_a_new_cluster_that_archives_without_a_base_backup_is_told(
    controller: Controller, own_postgres: Callable[..., PostgresServer], workplace: Workplace, tmp_path: Path
) -> None:
    """The server was set up anew: what was backed up before it says nothing of its data."""
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    with (
        benches(own_postgres, workplace, tmp_path / "old") as make_old,
        benches(own_postgres, workplace, tmp_path / "new") as make_new,
    ):
        old, new = make_old(), make_new()
        new.bench.at.shelf.by_name["main"] = old.bench.at.shelf.by_name["main"]
        old.base()
        old.switch()
        old.ship()
        status(controller, old, "--rpo", "1h")
        new.switch()
        new.ship()
        assert "app wal: there is no base backup of its cluster" in status(controller, old, code=3)
        new.base()
        status(controller, old, "--rpo", "1h")
