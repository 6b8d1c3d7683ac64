"""backup_verify: restored into a server of its own, compared; every kind of damage is refused and named."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from runner.backup.verifications import verifications
from runner.errors import ExitCode, RepositoryError, TaskFailed, VerificationFailed
from runner.modules.postgres import catalog, restoring
from runner.modules.postgres.pg_dump import DATABASE_ROLE
from runner.repositories.directory import DirectoryRepository
from tests.modules.pg_bed import PgBench

LEVELS = ["full", "restore"]


@pytest.fixture
def made(pg: PgBench) -> dict[str, Any]:
    """A backup of a database that is gone by the time it is verified."""
    role = pg.server.create_role()
    with pg.server.disposable_database(owner=role, scans=5) as name:
        pg.server.query("postgres", f"ALTER DATABASE {name} SET search_path TO shard_1, public")
        return pg.backup(name)


def verify(pg: PgBench, **more: object) -> dict[str, Any]:
    programs = {"programs": str(pg.server.programs)}
    arguments = {"service": "app", "repository": "main", "server": programs, **more}
    return dict(pg.apply("backup_verify", **arguments).data)


def leftovers() -> list[str]:
    """Disposable servers still running, and their directories."""
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if "unix_socket_permissions" in line]


def test_a_good_backup_is_restored_and_compared(pg: PgBench, made: dict[str, Any]) -> None:
    # shard_1 comes first in the search path that was set on the database.
    assertions = [
        {"query": "SELECT count(*) FROM scans", "equals": 5},
        {"query": "SELECT count(*) FROM findings", "equals": 20},
    ]
    result = verify(pg, assertions=assertions)
    assert result["row_counts"] == made["row_counts"]
    assert result["backup_id"] == made["backup_id"] and result["level"] == "restore"
    assert result["restored_point"] == made["restored_point"]
    assert leftovers() == []


def test_it_does_not_contact_the_live_server(pg: PgBench, made: dict[str, Any]) -> None:
    before = pg.server.log
    away = {"host": "127.0.0.1", "port": 1, "password": "wrong", "programs": str(pg.server.programs)}
    verify(pg, server=away)
    assert pg.server.log == before


def test_the_disposable_server_listens_on_no_address(pg: PgBench, made: dict[str, Any]) -> None:
    assertions = [
        {"query": "SELECT current_setting('listen_addresses')", "equals": ""},
        {"query": "SELECT inet_server_addr() IS NULL"},
        {"query": "SELECT current_setting('unix_socket_directories') LIKE '/var/tmp/%'"},
    ]
    verify(pg, assertions=assertions)


@pytest.mark.parametrize("level", ["quick", "full"])
def test_the_lesser_levels_pass_a_good_backup(pg: PgBench, made: dict[str, Any], level: str) -> None:
    assert verify(pg, level=level)["level"] == level


def test_a_broken_assertion_is_named(pg: PgBench, made: dict[str, Any]) -> None:
    with pytest.raises(VerificationFailed, match="nobody scanned") as caught:
        verify(pg, assertions=[{"name": "nobody scanned", "query": "SELECT count(*) FROM scans", "at_most": 4}])
    assert caught.value.exit_code is ExitCode.VERIFICATION_FAILED
    assert leftovers() == []


@pytest.mark.parametrize("level", LEVELS)
def test_damage_is_refused_wherever_it_is(pg: PgBench, made: dict[str, Any], level: str) -> None:
    for role in ("database", "globals"):
        path = pg.stored(role, made)
        whole = path.read_bytes()
        for position in (0, 40, len(whole) // 2, len(whole) - 1):
            content = bytearray(whole)
            content[position] ^= 0x01
            path.write_bytes(content)
            with pytest.raises(VerificationFailed, match=path.name):
                verify(pg, level=level)
        path.write_bytes(whole)
    verify(pg, level="full")


def test_a_truncated_a_missing_and_a_longer_object_are_refused_at_every_level(
    pg: PgBench, made: dict[str, Any]
) -> None:
    path = pg.stored("database", made)
    whole = path.read_bytes()
    for content in (b"", whole[:-1], whole[: len(whole) // 2], whole + b"x"):
        path.write_bytes(content)
        with pytest.raises(VerificationFailed, match=path.name):
            verify(pg, level="quick")
    path.unlink()
    with pytest.raises(VerificationFailed, match="missing"):
        verify(pg, level="quick")


def test_swapped_objects_of_two_backups_are_refused(pg: PgBench, made: dict[str, Any]) -> None:
    with pg.server.disposable_database(scans=5) as name:
        other = pg.backup(name)
    ours, theirs = pg.stored("database", made), pg.stored("database", other)
    content = ours.read_bytes()
    ours.write_bytes(theirs.read_bytes())
    theirs.write_bytes(content)
    for backup in (made, other):
        with pytest.raises(VerificationFailed, match=r"database\.dump"):
            verify(pg, level="full", backup=backup["backup_id"])


def test_a_foreign_object_in_a_backup_is_refused(pg: PgBench, made: dict[str, Any]) -> None:
    pg.stored("database", made).with_name("cuckoo.bin").write_bytes(b"not ours")
    with pytest.raises(VerificationFailed, match=r"cuckoo\.bin"):
        verify(pg, level="quick")


def test_a_changed_manifest_is_refused(pg: PgBench, made: dict[str, Any]) -> None:
    path = pg.stored("database", made).with_name("manifest.json")
    path.write_text(path.read_text().replace('"public.scans": 5', '"public.scans": 4'))
    with pytest.raises(VerificationFailed, match="manifest is damaged"):
        verify(pg, level="quick")


def test_no_backup_at_all_is_a_failed_verification(pg: PgBench) -> None:
    with pytest.raises(VerificationFailed, match="no database backup of app"):
        verify(pg)


def test_other_row_counts_than_recorded_name_the_table(pg: PgBench, monkeypatch: pytest.MonkeyPatch) -> None:
    real = catalog.row_counts

    def miscounted(ask: catalog.Ask, excluded: object = ()) -> dict[str, int]:
        return {**real(ask), "public.scans": 6}

    with pg.server.disposable_database(scans=5) as name, monkeypatch.context() as patch:
        patch.setattr(catalog, "row_counts", miscounted)
        pg.backup(name)
    with pytest.raises(VerificationFailed, match=r"table public\.scans has 5 rows instead of 6"):
        verify(pg)
    assert leftovers() == []


def test_a_dump_with_the_right_hash_that_does_not_restore_is_the_backups_fault(
    pg: PgBench, made: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The role that owns everything is not in the backup's globals."""
    monkeypatch.setattr(restoring, "create_missing_roles", lambda database, text: [])
    with pytest.raises((VerificationFailed, TaskFailed), match="does not exist"):
        verify(pg)
    assert leftovers() == []


def test_missing_programs_are_the_hosts_fault(pg: PgBench, made: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(TaskFailed) as caught:
        verify(pg, server={"programs": str(tmp_path)})
    assert not isinstance(caught.value, VerificationFailed)


def test_a_locale_this_host_lacks_is_told_and_replaced(pg: PgBench, monkeypatch: pytest.MonkeyPatch) -> None:
    real = catalog.properties

    def elsewhere(ask: catalog.Ask, name: str) -> catalog.Properties | None:
        found = real(ask, name)
        if found is None:
            return None
        data = {**catalog.to_data(found), "collate": "tlh_QO.utf8", "ctype": "tlh_QO.utf8"}
        return catalog.from_data(catalog.Properties, data)

    with pg.server.disposable_database(scans=1) as name, monkeypatch.context() as patch:
        patch.setattr(catalog, "properties", elsewhere)
        pg.backup(name)
    verify(pg)
    assert "tlh_QO.utf8" in pg.at.warnings[-1]


def test_a_backup_of_the_database_postgres_is_verified_too(pg: PgBench) -> None:
    pg.backup("postgres")
    verify(pg)


def test_files_are_decoded_and_counted(pg: PgBench, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "sub" / "new\nline").write_text("x" * 5000)
    (tree / "link").symlink_to("sub")
    pg.apply("files_backup", service="app", repository="main", paths=[str(tree)])
    for level in ("full", "restore"):
        assert verify(pg, kind="files", level=level)["entries"] == 4
    (path,) = pg.root.glob("*/*/*.tar*")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(VerificationFailed, match=path.name):
        verify(pg, kind="files", level="full")


def test_the_result_is_kept_beside_the_manifest_a_failure_too(pg: PgBench, made: dict[str, Any]) -> None:
    repository, backup = pg.at.shelf.get("main"), str(made["backup_id"])
    verify(pg, level="quick")
    verify(pg, level="full", record=False)
    pg.stored(DATABASE_ROLE, made).unlink()
    with pytest.raises(VerificationFailed):
        verify(pg, level="full")
    results = verifications(repository, "app", backup)
    assert [(one.level, one.ok) for one in results] == [("quick", True), ("full", False)]
    assert "missing" in str(results[1].error) and results[1].run == pg.at.run.id


def test_a_result_that_cannot_be_kept_is_said_and_changes_nothing(
    pg: PgBench, made: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RepositoryError("this repository may only be read")

    monkeypatch.setattr(DirectoryRepository, "put_if_absent", refuse)
    verify(pg, level="quick")
    assert "may only be read" in pg.at.warnings[-1]


def test_check_mode_reads_the_catalogue_and_starts_nothing(pg: PgBench, made: dict[str, Any]) -> None:
    change = pg.preview("backup_verify", service="app", repository="main")
    assert change.needed is False and made["backup_id"] in change.summary
