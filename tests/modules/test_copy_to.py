"""copy_to: the step that makes a backup puts it into further repositories too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.backup.catalogue import find, ids
from runner.errors import TaskFailed
from runner.hosts.local import open_local
from runner.modules.contract import RunInfo
from runner.repositories.memory import MemoryRepository
from runner.secret import Redactor
from runner.template import Templar
from tests.modules.bed import Bench
from tests.modules.pg_bed import PgAt, Shelf
from tests.unit.test_backup_copying import Faulty
from tests.unit.test_backup_distributing import names


@pytest.fixture
def stores() -> dict[str, MemoryRepository]:
    return {"main": MemoryRepository("main"), "nearby": Faulty("nearby"), "offsite": MemoryRepository("offsite")}


@pytest.fixture
def bench(tmp_path: Path, stores: dict[str, MemoryRepository]) -> Iterator[Bench]:
    host = open_local()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "report.txt").write_text("kept three times\n")
    run = RunInfo(id="r1", playbook="site.yml", git_commit="", check=False, diff=False, resumed=False)
    yield Bench(PgAt(host, Templar([tmp_path], Redactor()), tmp_path, run, shelf=Shelf(dict(stores))), tmp_path)
    host.close()


def asked(bench: Bench, **more: object) -> dict[str, object]:
    paths = [str(bench.watched / "data")]
    return {"service": "app", "repository": "main", "paths": paths, "copy_to": ["nearby", "offsite"], **more}


def test_files_are_in_all_repositories_after_one_step(bench: Bench, stores: dict[str, MemoryRepository]) -> None:
    outcome = bench.apply("files_backup", **asked(bench))
    identity = outcome.data["backup_id"]
    assert names(outcome.data["copied"]) == [(identity, "nearby"), (identity, "offsite")]  # type: ignore[arg-type]
    assert [ids(store, "app") for store in stores.values()] == [[identity]] * 3


def test_an_increment_brings_along_what_a_new_repository_lacks(
    bench: Bench, stores: dict[str, MemoryRepository]
) -> None:
    whole = bench.apply("files_backup", **asked(bench, copy_to=[], incremental=True)).data["backup_id"]
    later = bench.apply("files_backup", **asked(bench, copy_to=["offsite"], incremental=True)).data["backup_id"]
    assert ids(stores["offsite"], "app") == [whole, later]


def test_check_mode_names_every_place_and_makes_nothing(bench: Bench, stores: dict[str, MemoryRepository]) -> None:
    change = bench.preview("files_backup", **asked(bench))
    assert all(store.describe() in change.summary for store in stores.values())
    assert [ids(store, "app") for store in stores.values()] == [[], [], []]


def test_a_backup_stays_where_its_copy_fails(bench: Bench, stores: dict[str, MemoryRepository]) -> None:
    stores["nearby"].breaks = ".tar.zst"  # type: ignore[attr-defined]
    with pytest.raises(TaskFailed, match="no copy of .* in nearby: the store is gone"):
        bench.apply("files_backup", **asked(bench, compression="zstd"))
    made = find(stores["main"], "app").id
    assert (ids(stores["nearby"], "app"), ids(stores["offsite"], "app")) == ([], [made])
