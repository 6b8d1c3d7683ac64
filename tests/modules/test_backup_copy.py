"""backup_copy: the second and the third copy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.backup.catalogue import ids
from runner.backup.identity import object_key
from runner.backup.manifest import Chain
from runner.errors import VerificationFailed
from runner.hosts.local import open_local
from runner.modules.contract import RunInfo
from runner.repositories.memory import MemoryRepository
from runner.secret import Redactor
from runner.template import Templar
from tests.modules.bed import Bench
from tests.modules.pg_bed import PgAt, Shelf
from tests.unit.test_backup_copying import made

LATER = "20261123T085822Z-files-7a120c4f09c1"
DUMP = "20261123T025900Z-database-7a120c4f09c1"


@pytest.fixture
def stores() -> dict[str, MemoryRepository]:
    return {name: MemoryRepository(name) for name in ("main", "nearby", "offsite")}


@pytest.fixture
def bench(tmp_path: Path, stores: dict[str, MemoryRepository]) -> Iterator[Bench]:
    host = open_local()
    run = RunInfo(id="r1", playbook="site.yml", git_commit="", check=False, diff=False, resumed=False)
    yield Bench(PgAt(host, Templar([tmp_path], Redactor()), tmp_path, run, shelf=Shelf(dict(stores))), tmp_path)
    host.close()


def test_the_newest_backup_is_copied_to_every_repository_once(
    bench: Bench, stores: dict[str, MemoryRepository]
) -> None:
    made(stores["main"])
    newest = made(stores["main"], LATER)
    outcome = bench.settle("backup_copy", service="app", repository="main", to=["nearby", "offsite"])
    copied = [(one["backup_id"], one["to"]) for one in outcome.data["copied"]]  # type: ignore[attr-defined]
    assert copied == [(newest.id, "nearby"), (newest.id, "offsite")]
    assert ids(stores["nearby"], "app") == ids(stores["offsite"], "app") == [newest.id]


def test_an_incremental_brings_what_it_builds_on(bench: Bench, stores: dict[str, MemoryRepository]) -> None:
    base = made(stores["main"])
    later = made(stores["main"], LATER, chain=Chain((base.id,)))
    bench.settle("backup_copy", service="app", repository="main", to=["offsite"], backup=later.id)
    assert ids(stores["offsite"], "app") == [base.id, later.id]


def test_all_of_a_kind_are_copied(bench: Bench, stores: dict[str, MemoryRepository]) -> None:
    files = [made(stores["main"]).id, made(stores["main"], LATER).id]
    made(stores["main"], DUMP, kind="database")
    bench.settle("backup_copy", service="app", repository="main", to=["offsite"], backup="all", kind="files")
    assert ids(stores["offsite"], "app") == files


def test_a_lost_object_of_a_copy_is_found_and_not_called_unchanged(
    bench: Bench, stores: dict[str, MemoryRepository]
) -> None:
    one = made(stores["main"])
    asked = {"service": "app", "repository": "main", "to": ["offsite"]}
    bench.apply("backup_copy", **asked)
    stores["offsite"].delete(object_key("app", one.id, "one.tar"))
    with pytest.raises(VerificationFailed, match="missing"):
        bench.apply("backup_copy", **asked)
