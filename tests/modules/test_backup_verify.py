"""backup_verify: restored into a server of its own, compared; every kind of damage is refused and named."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runner.backup.verifications import verifications
from runner.errors import ExitCode, RepositoryError, TaskFailed, VerificationFailed
from runner.hosts.contract import Host
from runner.hosts.local import open_local
from runner.modules.postgres import catalog, restoring
from runner.modules.postgres.pg_dump import DATABASE_ROLE
from runner.repositories.directory import DirectoryRepository
from tests.modules.pg_bed import PgBench
from tests.support.postgres import PostgresServer

LEVELS = ["full", "restore"]


@pytest.fixture
def host() -> Iterator[Host]:
    local = open_local()
    yield local
    local.close()


@pytest.fixture
def bench(host: Host, postgres_server: PostgresServer, tmp_path: Path) -> PgBench:
    return PgBench(host, postgres_server, tmp_path)


@pytest.fixture
def made(bench: PgBench) -> dict[str, Any]:
    """A backup of a database that is gone by the time it is verified."""
    role = bench.server.create_role()
    with bench.server.disposable_database(owner=role, scans=5) as name:
        bench.server.query("postgres", f"ALTER DATABASE {name} SET search_path TO shard_1, public")
        return bench.backup(name)


def verify(bench: PgBench, **more: object) -> dict[str, Any]:
    programs = {"programs": str(bench.server.programs)}
    arguments = {"service": "app", "repository": "main", "server": programs, **more}
    return dict(bench.apply("backup_verify", **arguments).data)


def leftovers() -> list[str]:
    """Disposable servers still running, and their directories."""
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if "unix_socket_permissions" in line]


def test_a_good_backup_is_restored_and_compared(bench: PgBench, made: dict[str, Any]) -> None:
    # shard_1 comes first in the search path that was set on the database.
    assertions = [
        {"query": "SELECT count(*) FROM scans", "equals": 5},
        {"query": "SELECT count(*) FROM findings", "equals": 20},
    ]
    result = verify(bench, assertions=assertions)
    assert result["row_counts"] == made["row_counts"]
    assert result["backup_id"] == made["backup_id"] and result["level"] == "restore"
    assert result["restored_point"] == made["restored_point"]
    assert leftovers() == []


def test_it_does_not_contact_the_live_server(bench: PgBench, made: dict[str, Any]) -> None:
    before = bench.server.log
    away = {"host": "127.0.0.1", "port": 1, "password": "wrong", "programs": str(bench.server.programs)}
    verify(bench, server=away)
    assert bench.server.log == before


def test_the_disposable_server_listens_on_no_address(bench: PgBench, made: dict[str, Any]) -> None:
    assertions = [
        {"query": "SELECT current_setting('listen_addresses')", "equals": ""},
        {"query": "SELECT inet_server_addr() IS NULL"},
        {"query": "SELECT current_setting('unix_socket_directories') LIKE '/var/tmp/%'"},
    ]
    verify(bench, assertions=assertions)


@pytest.mark.parametrize("level", ["quick", "full"])
def test_the_lesser_levels_pass_a_good_backup(bench: PgBench, made: dict[str, Any], level: str) -> None:
    assert verify(bench, level=level)["level"] == level


def test_a_broken_assertion_is_named(bench: PgBench, made: dict[str, Any]) -> None:
    with pytest.raises(VerificationFailed, match="nobody scanned") as caught:
        verify(bench, assertions=[{"name": "nobody scanned", "query": "SELECT count(*) FROM scans", "at_most": 4}])
    assert caught.value.exit_code is ExitCode.VERIFICATION_FAILED
    assert leftovers() == []


@pytest.mark.parametrize("level", LEVELS)
def test_damage_is_refused_wherever_it_is(bench: PgBench, made: dict[str, Any], level: str) -> None:
    for role in ("database", "globals"):
        path = bench.stored(role, made)
        whole = path.read_bytes()
        for position in (0, 40, len(whole) // 2, len(whole) - 1):
            content = bytearray(whole)
            content[position] ^= 0x01
            path.write_bytes(content)
            with pytest.raises(VerificationFailed, match=path.name):
                verify(bench, level=level)
        path.write_bytes(whole)
    verify(bench, level="full")


def test_a_truncated_a_missing_and_a_longer_object_are_refused_at_every_level(
    bench: PgBench, made: dict[str, Any]
) -> None:
    path = bench.stored("database", made)
    whole = path.read_bytes()
    for content in (b"", whole[:-1], whole[: len(whole) // 2], whole + b"x"):
        path.write_bytes(content)
        with pytest.raises(VerificationFailed, match=path.name):
            verify(bench, level="quick")
    path.unlink()
    with pytest.raises(VerificationFailed, match="missing"):
        verify(bench, level="quick")


def test_swapped_objects_of_two_backups_are_refused(bench: PgBench, made: dict[str, Any]) -> None:
    with bench.server.disposable_database(scans=5) as name:
        other = bench.backup(name)
    ours, theirs = bench.stored("database", made), bench.stored("database", other)
    content = ours.read_bytes()
    ours.write_bytes(theirs.read_bytes())
    theirs.write_bytes(content)
    for backup in (made, other):
        with pytest.raises(VerificationFailed, match=r"database\.dump"):
            verify(bench, level="full", backup=backup["backup_id"])


def test_a_foreign_object_in_a_backup_is_refused(bench: PgBench, made: dict[str, Any]) -> None:
    bench.stored("database", made).with_name("cuckoo.bin").write_bytes(b"not ours")
    with pytest.raises(VerificationFailed, match=r"cuckoo\.bin"):
        verify(bench, level="quick")


def test_a_changed_manifest_is_refused(bench: PgBench, made: dict[str, Any]) -> None:
    path = bench.stored("database", made).with_name("manifest.json")
    path.write_text(path.read_text().replace('"public.scans": 5', '"public.scans": 4'))
    with pytest.raises(VerificationFailed, match="manifest is damaged"):
        verify(bench, level="quick")


def test_no_backup_at_all_is_a_failed_verification(bench: PgBench) -> None:
    with pytest.raises(VerificationFailed, match="no database backup of app"):
        verify(bench)


def test_other_row_counts_than_recorded_name_the_table(bench: PgBench, monkeypatch: pytest.MonkeyPatch) -> None:
    real = catalog.row_counts

    def miscounted(ask: catalog.Ask, excluded: object = ()) -> dict[str, int]:
        return {**real(ask), "public.scans": 6}

    with bench.server.disposable_database(scans=5) as name, monkeypatch.context() as patch:
        patch.setattr(catalog, "row_counts", miscounted)
        bench.backup(name)
    with pytest.raises(VerificationFailed, match=r"table public\.scans has 5 rows instead of 6"):
        verify(bench)
    assert leftovers() == []


def test_a_dump_with_the_right_hash_that_does_not_restore_is_the_backups_fault(
    bench: PgBench, made: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The role that owns everything is not in the backup's globals."""
    monkeypatch.setattr(restoring, "create_missing_roles", lambda database, text: [])
    with pytest.raises((VerificationFailed, TaskFailed), match="does not exist"):
        verify(bench)
    assert leftovers() == []


def test_missing_programs_are_the_hosts_fault(bench: PgBench, made: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(TaskFailed) as caught:
        verify(bench, server={"programs": str(tmp_path)})
    assert not isinstance(caught.value, VerificationFailed)


def test_a_locale_this_host_lacks_is_told_and_replaced(bench: PgBench, monkeypatch: pytest.MonkeyPatch) -> None:
    real = catalog.properties

    def elsewhere(ask: catalog.Ask, name: str) -> catalog.Properties | None:
        found = real(ask, name)
        if found is None:
            return None
        data = {**catalog.to_data(found), "collate": "tlh_QO.utf8", "ctype": "tlh_QO.utf8"}
        return catalog.from_data(catalog.Properties, data)

    with bench.server.disposable_database(scans=1) as name, monkeypatch.context() as patch:
        patch.setattr(catalog, "properties", elsewhere)
        bench.backup(name)
    verify(bench)
    assert "tlh_QO.utf8" in bench.at.warnings[-1]


def test_a_backup_of_the_database_postgres_is_verified_too(bench: PgBench) -> None:
    bench.backup("postgres")
    verify(bench)


def test_files_are_decoded_and_counted(bench: PgBench, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "sub" / "new\nline").write_text("x" * 5000)
    (tree / "link").symlink_to("sub")
    bench.apply("files_backup", service="app", repository="main", paths=[str(tree)])
    for level in ("full", "restore"):
        assert verify(bench, kind="files", level=level)["entries"] == 4
    (path,) = bench.root.glob("*/*/*.tar*")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(VerificationFailed, match=path.name):
        verify(bench, kind="files", level="full")


def test_the_result_is_kept_beside_the_manifest_a_failure_too(bench: PgBench, made: dict[str, Any]) -> None:
    repository, backup = bench.at.shelf.get("main"), str(made["backup_id"])
    verify(bench, level="quick")
    verify(bench, level="full", record=False)
    bench.stored(DATABASE_ROLE, made).unlink()
    with pytest.raises(VerificationFailed):
        verify(bench, level="full")
    results = verifications(repository, "app", backup)
    assert [(one.level, one.ok) for one in results] == [("quick", True), ("full", False)]
    assert "missing" in str(results[1].error) and results[1].run == bench.at.run.id


def test_a_result_that_cannot_be_kept_is_said_and_changes_nothing(
    bench: PgBench, made: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RepositoryError("this repository may only be read")

    monkeypatch.setattr(DirectoryRepository, "put_if_absent", refuse)
    verify(bench, level="quick")
    assert "may only be read" in bench.at.warnings[-1]


def test_check_mode_reads_the_catalogue_and_starts_nothing(bench: PgBench, made: dict[str, Any]) -> None:
    change = bench.preview("backup_verify", service="app", repository="main")
    assert change.needed is False and made["backup_id"] in change.summary
