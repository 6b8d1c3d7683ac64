"""pgBackRest as the engine: the same steps, done by it, and damage told before anything is touched."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from runner.errors import ObjectNotFound, Refused, RepositoryError, TaskFailed, UsageError, VerificationFailed
from runner.hosts.local import open_local
from runner.repositories.contract import EncryptionKeys
from runner.repositories.directory import DirectoryRepository
from runner.repositories.memory import MemoryRepository
from tests.modules.pg_bed import PgBench
from tests.modules.test_pg_pitr_explored import explored, seen
from tests.modules.wal_bed import WalBench, moment, wal_bench
from tests.support.capabilities import require
from tests.support.deployment import Controller
from tests.support.objectstore import ObjectStore
from tests.support.postgres import PostgresServer, programs_of, service_user
from tests.support.tls import tls_in_front_of
from tests.support.workplace import Workplace

pytestmark = pytest.mark.usefixtures("without_systemd")

ENGINE: Mapping[str, Any] = {"engine": "pgbackrest"}
ROWS = "SELECT string_agg(what, ' ' ORDER BY what) FROM log"


@pytest.fixture
def wal(
    request: pytest.FixtureRequest,
    own_postgres: Callable[..., PostgresServer],
    workplace: Workplace,
    tmp_path: Path,
) -> Iterator[WalBench]:
    """A cluster that pgBackRest archives, with nothing backed up; its user gets in by the socket without a password.

    A parameter is an option of initdb's.
    """
    require("pgbackrest")
    options = [request.param] if hasattr(request, "param") else []
    server = own_postgres({"archive_mode": "on"}, programs_of(15, workplace), *options)
    hba = server.directory / "data" / "pg_hba.conf"
    hba.write_text(f"local all postgres trust\n{hba.read_text()}")
    server.query("postgres", "SELECT pg_reload_conf()")
    host = open_local()
    found = wal_bench(PgBench(host, server, tmp_path), server, workplace)
    root = workplace.directory("repository", mode=0o755)
    found.bench.at.shelf.by_name["main"] = DirectoryRepository("main", host, str(root))
    assert found.archive(**ENGINE, **found.where()).changed
    found.sql("CREATE TABLE log (what text); INSERT INTO log VALUES ('1')")
    try:
        yield found
    finally:
        found.end_by_pg_ctl()
        host.close()


def base(bench: WalBench, /, **more: object) -> dict[str, Any]:
    return bench.base(spool=None, **ENGINE, **more)


def check(wal: WalBench) -> dict[str, Any]:
    return dict(wal.archive(state="check", **ENGINE, **wal.where()).data)


def verify(wal: WalBench, level: str, **more: object) -> dict[str, Any]:
    given = {**wal.where(), "run_as": service_user() or "nobody", "kind": "base", "level": level, **ENGINE, **more}
    return dict(wal.bench.apply("backup_verify", server=wal.server.server(socket=True), **given).data)


def status(wal: WalBench, folder: Path, *words: str, code: int = 0) -> str:
    repository = wal.bench.at.shelf.by_name["main"]
    assert isinstance(repository, DirectoryRepository)
    root = str(Path(repository.path_of("x")).parent)
    return Controller(folder).do("backups", "status", root, *words, code=code)


def kept(wal: WalBench) -> Path:
    repository = wal.bench.at.shelf.by_name["main"]
    assert isinstance(repository, DirectoryRepository)
    return Path(f"{Path(repository.path_of('x')).parent}.pgbackrest", "app")


def flip(wal: WalBench) -> None:
    """Flip a bit in the largest file of the backups."""
    file = max((kept(wal) / "backup").rglob("*.zst"), key=lambda path: path.stat().st_size)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data))


def test_archiving_is_set_up_once_and_its_configuration_is_the_servers_alone(wal: WalBench) -> None:
    assert not wal.archive(**ENGINE, **wal.where()).changed
    configuration = wal.spool / "pgbackrest.conf"
    assert (configuration.stat().st_mode & 0o777, kept(wal).stat().st_mode & 0o777) == (0o600, 0o700)
    assert wal.archive(**ENGINE, **wal.where(), pgbackrest={"process-max": 2}).changed
    assert "process-max=2" in configuration.read_text()


def test_a_check_proves_that_wal_arrives_and_tells_of_the_backups(wal: WalBench) -> None:
    made = base(wal)
    found = check(wal)
    assert [one["backup_id"] for one in found["backups"]] == [made["backup_id"]]
    assert found["segments"] >= 2
    assert found["timelines"] == [1]


def test_only_what_changed_is_taken_until_a_whole_backup_is_due(wal: WalBench) -> None:
    first, second = base(wal, incremental=True), base(wal, incremental=True)
    assert (first["kind"], second["kind"]) == ("full", "incr")
    assert second["parents"] == [first["backup_id"]]
    third = base(wal, incremental=True, max_chain=2)
    assert (third["kind"], "2 backups build on" in third["full_because"]) == ("full", True)
    assert base(wal)["kind"] == "full"


def test_a_dropped_table_comes_back_as_it_was_before_the_drop(wal: WalBench) -> None:
    base(wal)
    wal.sql("INSERT INTO log VALUES ('2')")
    base(wal, incremental=True)
    wal.sql("INSERT INTO log VALUES ('3')")
    before = moment(wal)
    wal.sql("DROP TABLE log")
    wal.switch()
    asked = [{"query": "SELECT count(*) FROM log", "equals": 3}]
    assert wal.bench.preview("pg_pitr", **wal.where(), **wal.place(), **ENGINE, target_time=before).needed
    data = wal.pitr(target_time=before, assertions=asked, **ENGINE)
    assert (wal.sql(ROWS), data["timeline"]) == ([("1 2 3",)], 2)
    assert wal.sql("SELECT pg_is_in_recovery()") == [(False,)]
    # The new timeline is archived by the same engine, and can be recovered in turn.
    wal.sql("INSERT INTO log VALUES ('4')")
    wal.switch()
    assert check(wal)["timelines"] == [1, 2]
    wal.bench.again()
    wal.pitr(**ENGINE)
    assert wal.sql(ROWS) == [("1 2 3 4",)]
    wal.bench.again()
    wal.pitr(state="rolled_back", **ENGINE)
    assert wal.sql(ROWS) == [("1 2 3 4",)]


def test_a_restore_point_and_a_position_can_be_the_target(wal: WalBench) -> None:
    base(wal)
    wal.sql("INSERT INTO log VALUES ('2')")
    lsn = str(wal.sql("SELECT pg_current_wal_insert_lsn()::text")[0][0])
    wal.sql("INSERT INTO log VALUES ('3')")
    wal.sql("SELECT pg_create_restore_point('here')")
    wal.sql("INSERT INTO log VALUES ('4')")
    wal.switch()
    wal.pitr(target_name="here", **ENGINE)
    assert wal.sql(ROWS) == [("1 2 3",)]
    wal.bench.again()
    wal.pitr(target_lsn=lsn, timeline=1, **ENGINE)
    assert wal.sql(ROWS) == [("1 2",)]


def test_what_a_dead_server_had_not_archived_is_saved(wal: WalBench) -> None:
    base(wal)
    wal.sql("ALTER SYSTEM SET archive_command = 'false'")
    wal.sql("SELECT pg_reload_conf()")
    wal.sql("INSERT INTO log VALUES ('2')")
    wal.sql("SELECT pg_switch_wal()")
    wal.sql("INSERT INTO log VALUES ('3')")
    wal.server.crash()
    data = wal.pitr(server=wal.server.server(), **ENGINE)
    assert data["salvaged"]
    assert wal.sql(ROWS) == [("1 2",)], "the unfinished segment is not saved"


def test_a_missing_segment_is_told_by_check_and_before_a_recovery(wal: WalBench) -> None:
    base(wal)
    wal.sql("INSERT INTO log VALUES ('2')")
    gone = wal.switch()
    wal.sql("INSERT INTO log VALUES ('3')")
    wal.switch()
    (file,) = kept(wal).rglob(f"{gone}-*")
    file.unlink()
    with pytest.raises(VerificationFailed, match=f"WAL segment {gone} is missing"):
        check(wal)
    with pytest.raises(VerificationFailed, match=f"WAL segment {gone} is missing, and later ones are there"):
        wal.pitr(**ENGINE)
    assert wal.sql(ROWS) == [("1 2 3",)]


def test_damaged_wal_ends_a_recovery_and_not_before_its_target(wal: WalBench) -> None:
    base(wal)
    wal.sql("INSERT INTO log VALUES ('2')")
    bad = wal.switch()
    wal.sql("INSERT INTO log VALUES ('3')")
    wal.switch()
    (file,) = kept(wal).rglob(f"{bad}-*")
    file.write_bytes(file.read_bytes()[:-30])
    with pytest.raises(TaskFailed):
        wal.pitr(**ENGINE)
    assert wal.sql(ROWS) == [("1 2 3",)], "the live cluster was touched"


def test_targets_that_cannot_be_reached_are_refused_before_anything_happens(wal: WalBench) -> None:
    too_early = moment(wal)
    with pytest.raises(ObjectNotFound, match="no base backup of app"):
        wal.pitr(**ENGINE)
    base(wal)
    with pytest.raises(VerificationFailed, match="ends after the target"):
        wal.pitr(target_time=too_early, **ENGINE)
    with pytest.raises(VerificationFailed, match="does not reach"):
        wal.pitr(target_lsn="F0/0", **ENGINE)
    with pytest.raises(ObjectNotFound, match="no base backup 20010101-000000F"):
        wal.pitr(backup="20010101-000000F", **ENGINE)


def test_a_failing_assertion_leaves_the_live_cluster_alone(wal: WalBench) -> None:
    base(wal)
    with pytest.raises(VerificationFailed):
        wal.pitr(target="immediate", assertions=[{"query": "SELECT count(*) FROM log", "equals": 7}], **ENGINE)
    assert wal.sql(ROWS) == [("1",)]


def test_a_backup_is_proved_by_recovering_it(wal: WalBench) -> None:
    made = base(wal)
    asked = [{"query": "SELECT count(*) FROM log", "equals": 1}]
    for level in ("quick", "full", "restore"):
        assert verify(wal, level, assertions=asked)["backup_id"] == made["backup_id"]


def test_a_flipped_byte_in_a_backup_is_found(wal: WalBench) -> None:
    made = base(wal)
    flip(wal)
    with pytest.raises(VerificationFailed, match="found damage"):
        verify(wal, "full")
    with pytest.raises(VerificationFailed, match=f"backup {made['backup_id']} cannot be restored"):
        wal.pitr(**ENGINE)


def test_status_tells_of_its_backups_its_wal_and_its_proofs(wal: WalBench, tmp_path: Path) -> None:
    made = base(wal)
    assert "app pgbackrest: no backup was ever proved" in status(wal, tmp_path, "--proved-within", "1d", code=3)
    verify(wal, "restore")
    check(wal)
    rows = [json.loads(line) for line in status(wal, tmp_path, "--output", "json", "--rpo", "1h").splitlines()]
    assert [(one["service"], one["kind"], one["troubles"]) for one in rows] == [
        ("app", "pgbackrest", []),
        ("app", "pgbackrest-wal", []),
    ]
    assert (rows[0]["newest"], rows[0]["proved"], rows[0]["proved_level"]) == (*[made["backup_id"]] * 2, "restore")
    assert made["backup_id"] in status(wal, tmp_path, "--rpo", "1h", "--proved-within", "1d")
    # A check that fails, and a verification, are told of until they are good again.
    wal.sql("ALTER SYSTEM SET archive_command = 'false'")
    wal.sql("SELECT pg_reload_conf()")
    with pytest.raises(VerificationFailed):
        wal.archive(state="check", check_timeout="2s", **ENGINE, **wal.where())
    flip(wal)
    with pytest.raises(VerificationFailed):
        verify(wal, "full")
    said = status(wal, tmp_path, code=3)
    assert "app pgbackrest-wal: the last check failed" in said
    assert "app pgbackrest: verification (full) of the newest failed" in said
    shutil.rmtree(kept(wal))
    with pytest.raises(VerificationFailed, match="there is no base backup of app"):
        verify(wal, "quick")
    assert "app pgbackrest: there is no backup" in status(wal, tmp_path, code=3)


def test_a_backup_counts_though_what_it_reports_cannot_be_kept(wal: WalBench, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: DirectoryRepository, key: str, data: bytes) -> None:
        raise RepositoryError("no space left on device")

    monkeypatch.setattr(DirectoryRepository, "put_if_absent", full)
    assert base(wal)["kind"] == "full"
    assert any("could not be told to main: " in said for said in wal.bench.at.warnings)


def test_tablespaces_come_back_beside_their_old_places(wal: WalBench, workplace: Workplace) -> None:
    space = workplace.directory("around", owner=service_user()) / "space"
    space.mkdir(mode=0o700)
    shutil.chown(space, service_user())
    wal.sql(f"CREATE TABLESPACE other LOCATION '{space}'")
    wal.sql("CREATE TABLE there (n int) TABLESPACE other")
    wal.sql("INSERT INTO there VALUES (7)")
    made = base(wal)
    wal.pitr(target="immediate", **ENGINE)
    assert wal.sql("SELECT n FROM there") == [(7,)]
    assert wal.sql("SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname = 'other'") == [
        (f"{space}.{made['backup_id']}",)
    ]


def test_what_is_to_be_encrypted_is_not_stored_in_the_clear(wal: WalBench) -> None:
    repository = wal.bench.at.shelf.by_name["main"]
    assert isinstance(repository, DirectoryRepository)
    keys = EncryptionKeys(("age1someone",))
    again = DirectoryRepository("main", wal.bench.at.host, str(Path(repository.path_of("x")).parent), encryption=keys)
    wal.bench.at.shelf.by_name["main"] = again
    with pytest.raises(Refused, match="encrypted for age recipients"):
        base(wal)


def test_with_a_passphrase_of_its_own_it_is_encrypted(wal: WalBench) -> None:
    own = {"repo1-cipher-type": "aes-256-cbc", "repo1-cipher-pass": "a long one"}
    where = {"service": "other", "repository": "main", "pgbackrest": own}
    wal.archive(**ENGINE, **where)
    wal.base(spool=None, **ENGINE, **where)
    wal.pitr(target="immediate", **ENGINE, **where)
    assert wal.sql(ROWS) == [("1",)]
    stored = [path for path in (kept(wal).parent / "other").rglob("*") if path.is_file()]
    assert stored
    assert all(path.read_bytes().startswith(b"Salted__") for path in stored)


def test_a_bucket_serves_where_its_keys_may_lie_on_the_host(
    wal: WalBench, object_store: ObjectStore, tmp_path: Path
) -> None:
    """pgBackRest speaks to object stores by itself, and by TLS alone."""
    bucket = object_store.create_bucket()
    with tls_in_front_of(object_store.port, tmp_path) as port:
        there = {
            "repo1-type": "s3",
            "repo1-path": "/cluster",
            "repo1-s3-bucket": bucket,
            "repo1-s3-endpoint": "127.0.0.1",
            "repo1-s3-region": object_store.region,
            "repo1-s3-uri-style": "path",
            "repo1-s3-key": object_store.access_key_id,
            "repo1-s3-key-secret": object_store.secret_access_key,
            "repo1-bundle": True,
            "repo1-storage-port": port,
            "repo1-storage-verify-tls": False,
        }
        assert wal.archive(**ENGINE, **wal.where(), pgbackrest=there).changed
        made = base(wal, pgbackrest=there)
        wal.sql("INSERT INTO log VALUES ('2')")
        before = moment(wal)
        wal.sql("DROP TABLE log")
        wal.switch()
        found = wal.archive(state="check", **ENGINE, **wal.where(), pgbackrest=there).data
        assert [one["backup_id"] for one in found["backups"]] == [made["backup_id"]]
        assert verify(wal, "restore", pgbackrest=there)["backup_id"] == made["backup_id"]
        wal.pitr(target_time=before, **ENGINE, pgbackrest=there)
        assert wal.sql(ROWS) == [("1 2",)]
    assert any(key.startswith("cluster/backup/app/") for key in object_store.keys(bucket))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"copy_to": ["main"]}, "goes without copy_to"),
        ({"wal": "include"}, "goes without copy_to"),
        ({"pgbackrest": {"pg1-path": "/x"}}, "pg1-path cannot be given"),
        ({"pgbackrest": {"repo1-retention-full": "1\n[other]"}}, "not one line"),
        ({"repository": "elsewhere"}, "credentials on the database's host"),
    ],
)
def test_what_it_cannot_do_is_refused(wal: WalBench, more: dict[str, object], words: str) -> None:
    wal.bench.at.shelf.by_name["elsewhere"] = MemoryRepository("elsewhere")
    with pytest.raises(Refused, match=words):
        wal.bench.apply("pg_basebackup", **{**wal.where(), **ENGINE, **more})


def test_only_base_backups_are_verified_by_it(wal: WalBench) -> None:
    with pytest.raises(UsageError, match="base backups"):
        verify(wal, "quick", kind="database")


def test_a_moment_is_explored_and_moved_forward_beside_the_live_cluster(wal: WalBench) -> None:
    base(wal)
    first = moment(wal)
    wal.sql("INSERT INTO log VALUES ('2')")
    second = moment(wal)
    wal.sql("INSERT INTO log VALUES ('3')")
    wal.sql("DROP TABLE log")
    wal.switch()
    started = wal.sql("SELECT pg_postmaster_start_time()")
    for target, rows in ((first, ["1"]), (second, ["1", "2"]), (first, ["1"])):
        found = explored(wal, **ENGINE, target_time=target)
        assert seen(found) == rows
    assert explored(wal, **ENGINE, target_time=first)["reached_lsn"] == found["reached_lsn"], "it is there already"
    assert wal.sql("SELECT pg_postmaster_start_time()") == started
    wal.pitr(state="absent", **ENGINE)
    assert not Path(found["explored"]["socket"]).exists()


@pytest.mark.parametrize("wal", ["--wal-segsize=1", "--wal-segsize=64"], indirect=True)
def test_segments_of_another_size_are_recovered_and_verified_all_the_same(wal: WalBench) -> None:
    base(wal)
    wal.sql("INSERT INTO log VALUES ('2')")
    before = moment(wal)
    wal.sql("DROP TABLE log")
    wal.switch()
    assert check(wal)["timelines"] == [1]
    assert verify(wal, "restore", assertions=[{"query": "SELECT count(*) FROM log", "equals": 1}])["assertions"]
    wal.pitr(target_time=before, **ENGINE)
    assert wal.sql(ROWS) == [("1 2",)]
