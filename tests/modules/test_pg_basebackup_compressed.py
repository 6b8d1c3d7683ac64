"""Base backups made smaller by the server, where it can, or by the host; each comes back as it was."""

from __future__ import annotations

import subprocess
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.modules.pg_bed import PgBench
from tests.modules.wal_bed import WalBench, moment
from tests.support.postgres import service_user
from tests.support.workplace import Workplace

Make = Callable[..., WalBench]

pytestmark = pytest.mark.usefixtures("without_systemd")


@pytest.fixture
def wal(make: Make) -> WalBench:
    """A cluster of 15, which Debian builds with zstd and lz4, and a table `kept` of 1000 rows."""
    found = make()
    found.sql("CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
    return found


def compressed_by_server(result: dict[str, Any]) -> bool:
    (base,) = (one for one in result["backup"]["objects"] if one["role"] == "base")
    return bool(base["details"].get("compressed_by") == "server")


def files_in(bench: PgBench, result: dict[str, Any], tmp_path: Path) -> list[str]:
    stored = bench.stored("base", result)
    program = {".zst": "zstd", ".lz4": "lz4", ".gz": "gzip", ".tar": "cat"}[stored.suffix]
    with stored.open("rb") as source, (tmp_path / "plain.tar").open("wb") as plain:
        subprocess.run([program, *(["-d", "-c"] if program != "cat" else [])], stdin=source, stdout=plain, check=True)
    with tarfile.open(tmp_path / "plain.tar") as archive:
        return archive.getnames()


@pytest.mark.parametrize("compression", ["zstd", "lz4"])
def test_a_server_of_15_compresses_by_itself_and_its_backup_is_recovered_from(
    wal: WalBench, tmp_path: Path, compression: str
) -> None:
    made = wal.base(compression=compression)
    assert compressed_by_server(made) and wal.bench.at.warnings == []
    # Its list of files lies beside it: the server cannot put it into what it has compressed already.
    assert "backup_manifest" not in files_in(wal.bench, made, tmp_path)
    recovered(wal)


@pytest.mark.parametrize("compression", ["zstd", "lz4", "gzip", "none"])
def test_the_host_compresses_where_it_is_told_to(wal: WalBench, tmp_path: Path, compression: str) -> None:
    made = wal.base(compression=compression, compress_at="host")
    assert not compressed_by_server(made)
    assert "backup_manifest" in files_in(wal.bench, made, tmp_path)
    recovered(wal)


@pytest.mark.parametrize("major", [16, 18])
def test_the_host_compresses_where_the_server_was_built_without(make: Make, major: int) -> None:
    wal = make(major)
    assert wal.sql("SELECT 'zstd' = ANY (enumvals) FROM pg_settings WHERE name = 'wal_compression'") == [(False,)]
    made = wal.base(compression="zstd")
    assert not compressed_by_server(made) and wal.bench.at.warnings == []


@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_what_the_server_does_no_better_is_left_to_the_host(wal: WalBench, compression: str) -> None:
    assert not compressed_by_server(wal.base(compression=compression))


def test_the_rate_counts_what_is_sent(wal: WalBench) -> None:
    begun = time.monotonic()
    made = wal.base(max_rate="1M")
    took = time.monotonic() - begun
    (size,) = [one["size"] for one in made["backup"]["objects"] if one["role"] == "base"]
    assert took > 0.8 * size / (1024 * 1024)


def test_tablespaces_are_compressed_by_the_server_too(wal: WalBench, workplace: Workplace) -> None:
    place = workplace.directory("space", owner=service_user())
    wal.sql(f"CREATE TABLESPACE far LOCATION '{place}'")
    wal.sql("ALTER TABLE kept SET TABLESPACE far")
    made = wal.base()
    tars = [one for one in made["backup"]["objects"] if one["format"] == "tar"]
    assert len(tars) == 2
    assert {(one["details"].get("compressed_by"), one["compression"]) for one in tars} == {("server", "zstd")}


def test_an_increment_is_recovered_from_with_the_base_it_builds_on(wal: WalBench) -> None:
    wal.sql("DELETE FROM kept WHERE n = 1000")
    first = wal.base()
    wal.sql("INSERT INTO kept VALUES (1000)")
    assert wal.base(incremental=True)["parents"] == [first["backup_id"]]
    recovered(wal)


def test_a_stream_that_cannot_be_caught_in_time_is_compressed_by_the_host(wal: WalBench) -> None:
    early = 'mkdir -- "$to.new"; : >"$to.new/base.tar.zst"; mv -- "$to.new" "$to"; exec sleep 60'
    made = wal.base(server={**wal.server.server(socket=True), "programs": instead(wal, early)})
    assert not compressed_by_server(made)
    assert wal.bench.at.warnings == [
        "the host compresses the backup, not the server: the server's stream could not be caught in time"
    ]
    recovered(wal)


def test_a_server_that_refuses_to_compress_is_backed_up_all_the_same(wal: WalBench) -> None:
    refusal = "pg_basebackup: error: could not initiate base backup: ERROR:  could not set compression worker count"
    refused = f'mkdir -- "$to"; sleep 0.2; rmdir -- "$to"; echo "{refusal}" >&2; exit 1'
    made = wal.base(server={**wal.server.server(socket=True), "programs": instead(wal, refused)})
    assert not compressed_by_server(made)
    (warning,) = wal.bench.at.warnings
    assert warning.startswith("the host compresses the backup, not the server: ")
    recovered(wal)


def instead(wal: WalBench, script: str) -> str:
    """A directory of PostgreSQL's programs whose pg_basebackup does `script` when it is to write into `$to`."""
    real, found = wal.server.programs, wal.bench.directory / "programs"
    found.mkdir(mode=0o755)
    for program in real.iterdir():
        if program.name != "pg_basebackup":
            (found / program.name).symlink_to(program)
    look = 'for word; do [ "$before" = -D ] && to=$word; before=$word; done'
    go_on = f'[ "$to" != - ] || exec {real}/pg_basebackup "$@"'
    (found / "pg_basebackup").write_text(f"#!/bin/sh\n{look}\n{go_on}\n{script}\n")
    (found / "pg_basebackup").chmod(0o755)
    return str(found)


def recovered(wal: WalBench) -> None:
    """The newest backup brings all rows of `kept` back."""
    before = moment(wal)
    wal.sql("DROP TABLE kept")
    wal.switch()
    wal.ship()
    wal.bench.again()
    wal.pitr(target_time=before)
    assert wal.sql("SELECT count(*) FROM kept") == [(1000,)]
