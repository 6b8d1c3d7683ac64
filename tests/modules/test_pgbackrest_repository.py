"""pgBackRest's repository: where it is, who may read it, and what ours is told of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runner.errors import Refused, RepositoryError, UsageError, VerificationFailed
from runner.repositories.contract import EncryptionKeys
from runner.repositories.directory import DirectoryRepository
from runner.repositories.memory import MemoryRepository
from tests.modules.backrest_bed import ENGINE, ROWS, archived_by_pgbackrest, base, check, flip, kept, status, verify
from tests.modules.wal_bed import WalBench, moment
from tests.support.objectstore import ObjectStore
from tests.support.postgres import PostgresServer
from tests.support.tls import tls_in_front_of
from tests.support.workplace import Workplace

pytestmark = pytest.mark.usefixtures("without_systemd")


@pytest.fixture
def wal(own_postgres: Callable[..., PostgresServer], workplace: Workplace, tmp_path: Path) -> Iterator[WalBench]:
    with archived_by_pgbackrest(own_postgres, workplace, tmp_path) as made:
        yield made


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


@pytest.mark.parametrize(("mount", "words"), [("..", "nothing is mounted at"), (".", "would not be on the disk")])
def test_without_its_disk_nothing_is_made_in_its_place(wal: WalBench, mount: str, words: str) -> None:
    root = kept(wal).parent.with_suffix("")
    at = root if mount == "." else root.parent
    again = DirectoryRepository("main", wal.bench.at.host, str(root), mount=str(at))
    wal.bench.at.shelf.by_name["main"] = again
    with pytest.raises(Refused, match=words):
        wal.archive(**ENGINE, service="another", repository="main")
    assert not (kept(wal).parent / "another").exists()


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
