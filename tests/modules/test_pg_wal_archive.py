"""Continuous archiving on a real server: set up, proved, shipped, and what happens when it breaks."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runner.errors import TaskFailed, VerificationFailed
from runner.hosts.local import open_local
from runner.modules.postgres.physical.archiving import archive_command
from tests.modules.pg_bed import PgBench
from tests.modules.wal_bed import WalBench, wal_bench
from tests.support.capabilities import require
from tests.support.fulldisk import mount_tiny_disk
from tests.support.postgres import PostgresServer
from tests.support.workplace import Workplace, wait_until

MEBIBYTE = 1024 * 1024
WHERE = {"service": "app", "repository": "main"}


@pytest.fixture
def wal(own_postgres: Callable[..., PostgresServer], workplace: Workplace, tmp_path: Path) -> Iterator[WalBench]:
    host = open_local()
    server = own_postgres({"fsync": "on"})
    yield wal_bench(PgBench(host, server, tmp_path), server, workplace)
    host.close()


def test_it_is_set_up_says_that_a_restart_is_needed_and_then_is_as_it_should_be(wal: WalBench) -> None:
    change = wal.bench.preview("pg_wal_archive", spool=str(wal.spool))
    assert change.needed and change.diff is not None and '"archive_mode": "on"' in change.diff.after
    assert not wal.spool.exists()
    outcome = wal.archive()
    assert outcome.changed and outcome.data["restart_required"]
    assert any("restart" in warning for warning in wal.bench.at.warnings)
    wal.server.stop()
    wal.server.start()
    again = wal.archive()
    assert (again.changed, again.data["restart_required"]) == (False, False)
    assert wal.bench.preview("pg_wal_archive", spool=str(wal.spool)).needed is False
    assert wal.sql("SHOW archive_mode") == [("on",)] and wal.sql("SHOW archive_timeout") == [("1min",)]
    seen = wal.spool.stat()
    assert (stat.S_IMODE(seen.st_mode), seen.st_uid) == (0o700, wal.data.stat().st_uid)


def test_the_server_is_restarted_only_when_that_is_allowed(wal: WalBench, tmp_path: Path) -> None:
    if Path("/run/systemd/system").is_dir():
        pytest.skip("where systemd runs, a server started by hand is refused")
    started = wal.sql("SELECT pg_postmaster_start_time()")
    wal.archive()
    assert wal.sql("SELECT pg_postmaster_start_time()") == started
    outcome = wal.archive(restart=True)
    try:
        assert (outcome.changed, outcome.data["restarted"], outcome.data["restart_required"]) == (True, True, False)
        assert wal.sql("SHOW archive_mode") == [("on",)]
    finally:
        wal.end_by_pg_ctl()


def test_what_was_archived_is_shipped_once_and_leaves_the_spool(wal: WalBench) -> None:
    wal.archiving()
    names = [wal.switch(), wal.switch()]
    assert wal.ship() == names
    assert [path.name for path in wal.spool.iterdir()] == [".system_identifier"]
    assert [path.name[:24] for path in wal.stored()] == names
    assert not wal.bench.preview("pg_wal_ship", **WHERE, spool=str(wal.spool)).needed
    assert wal.ship() == []


def test_a_file_that_is_archived_again_is_no_second_object(wal: WalBench) -> None:
    wal.archiving()
    name = wal.switch()
    kept = wal.spool.parent / "kept"
    shutil.copy2(wal.spool / name, kept)
    wal.ship()
    shutil.copy2(kept, wal.spool / name)
    before = wal.stored()
    assert wal.ship() == [name]
    assert wal.stored() == before and not (wal.spool / name).exists()


def test_two_may_ship_at_once(wal: WalBench) -> None:
    wal.archiving()
    names = [wal.switch() for _ in range(6)]
    with ThreadPoolExecutor(2) as pool:
        shipped = [future.result() for future in [pool.submit(wal.ship), pool.submit(wal.ship)]]
    assert {name for one in shipped for name in one} == set(names)
    assert [path.name[:24] for path in wal.stored()] == names
    assert [path.name for path in wal.spool.iterdir()] == [".system_identifier"]


def test_check_proves_that_what_is_written_now_arrives(wal: WalBench) -> None:
    wal.archiving()
    wal.switch()
    data = wal.archive(state="check", **WHERE).data
    assert data["segment"] == wal.stored()[-1].name[:24]
    assert (data["timeline"], data["segments"], data["failed_count"]) == (1, 2, 0)


def test_check_warns_of_wal_that_has_no_base_backup_to_start_from(wal: WalBench) -> None:
    wal.archiving()
    wal.archive(state="check", **WHERE)
    assert any("only WAL" in one for one in wal.bench.at.warnings)
    wal.bench.at.warnings.clear()
    wal.base()
    wal.archive(state="check", **WHERE)
    assert not any("only WAL" in one for one in wal.bench.at.warnings)


def test_check_names_a_segment_that_is_missing(wal: WalBench) -> None:
    wal.archiving()
    names = [wal.switch(), wal.switch(), wal.switch()]
    wal.ship()
    wal.stored()[1].unlink()
    with pytest.raises(VerificationFailed, match=f"{names[1]} is missing"):
        wal.archive(state="check", **WHERE)


@pytest.fixture
def cut(wal: WalBench) -> tuple[WalBench, list[Path]]:
    """Two base backups, and the files between that retention with a window would remove."""
    wal.archiving()
    bases = [wal.base()["backup"]["contents"]]
    for _ in range(3):
        wal.switch()
    bases.append(wal.base()["backup"]["contents"])
    (after,) = wal.sql(f"SELECT pg_walfile_name('{bases[0]['stop_lsn']}')")[0]
    (until,) = wal.sql(f"SELECT pg_walfile_name('{bases[1]['start_lsn']}')")[0]
    between = [path for path in wal.stored() if len(path.name.split("-")[0]) == 24 and after < path.name[:24] < until]
    assert len(between) >= 2
    return wal, between


def test_check_knows_what_retention_with_a_window_has_cut(cut: tuple[WalBench, list[Path]]) -> None:
    wal, between = cut
    for path in between:
        path.unlink()
    assert wal.archive(state="check", **WHERE).data["pruned"] == 1


def test_check_excuses_no_gap_that_retention_would_not_have_made(cut: tuple[WalBench, list[Path]]) -> None:
    wal, between = cut
    for path in between[:-1]:
        path.unlink()
    with pytest.raises(VerificationFailed, match=f"{between[0].name[:24]} is missing"):
        wal.archive(state="check", **WHERE)
    between[-1].unlink()
    wal.bench.at.shelf.policies["main"] = {"keep_daily": 30}
    with pytest.raises(VerificationFailed, match=f"{between[0].name[:24]} is missing"):
        wal.archive(state="check", **WHERE)


def flip(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 1
    path.write_bytes(bytes(whole))


def test_a_full_check_reads_every_file_of_the_archive(wal: WalBench) -> None:
    wal.archiving()
    wal.switch()
    data = wal.archive(state="check", level="full", **WHERE).data
    assert data["read"] == len(wal.stored()) == 2


def test_a_full_check_names_every_file_with_a_flipped_bit_and_a_quick_one_reads_none(wal: WalBench) -> None:
    wal.archiving()
    names = [wal.switch(), wal.switch(), wal.switch()]
    wal.ship()
    flip(wal.stored()[0])
    flip(wal.stored()[2])
    assert wal.archive(state="check", **WHERE).data["read"] == 0
    with pytest.raises(VerificationFailed, match=f"{names[0]} is damaged") as met:
        wal.archive(state="check", level="full", **WHERE)
    assert names[2] in met.value.message and names[1] not in met.value.message


def test_a_full_check_reads_other_timelines_too(wal: WalBench) -> None:
    wal.archiving()
    wal.switch()
    wal.ship()
    known = wal.stored()[0]
    place = known.parent.parent / "00000007"
    place.mkdir()
    other = place / known.name.replace("00000001", "00000007", 1)
    shutil.copy2(known, other)
    assert wal.archive(state="check", level="full", **WHERE).data["read"] == 3
    flip(other)
    with pytest.raises(VerificationFailed, match=f"{other.name[:24]} is damaged"):
        wal.archive(state="check", level="full", **WHERE)


def test_check_without_archiving_fails_at_once(wal: WalBench) -> None:
    with pytest.raises(VerificationFailed, match="does not archive"):
        wal.archive(state="check", **WHERE)


def test_check_says_what_the_archiver_fails_at(wal: WalBench) -> None:
    wal.archiving()
    wal.switch()
    wal.ship()
    wal.spool.chmod(0o500)
    if os.geteuid() == 0:
        os.chown(wal.spool, 0, 0)
    with pytest.raises(VerificationFailed, match="is not in the repository after 3 seconds") as met:
        wal.archive(state="check", check_timeout=3, **WHERE)
    assert "archive_command failed" in str(met.value.why)


def test_a_spool_that_ran_full_under_a_running_server_loses_nothing(wal: WalBench, workplace: Workplace) -> None:
    require("tmpfs")
    disk = mount_tiny_disk(workplace, 64 * MEBIBYTE)
    wal.spool = disk.path / "wal"
    wal.archiving()
    wal.switch()
    wal.ship()
    filler = disk.fill(leave=5 * MEBIBYTE)
    wal.sql("CREATE TABLE more AS SELECT 1; SELECT pg_switch_wal()")
    with pytest.raises(VerificationFailed, match="is not in the repository after 5 seconds") as met:
        wal.archive(state="check", check_timeout=5, **WHERE)
    assert "archive_command failed" in str(met.value.why) and "not full" in met.value.hint
    assert [path.name for path in wal.spool.iterdir()] == [".system_identifier"], "nothing half written stays"
    filler.unlink()
    data = wal.archive(state="check", check_timeout=90, **WHERE).data
    assert data["segments"] == len(wal.stored()) and data["pruned"] == 0
    disk.unmount()


def test_an_archive_command_killed_by_the_kernel_is_run_again(wal: WalBench) -> None:
    """The shell the server started is killed with SIGKILL while it copies, as when memory runs out."""
    wal.archiving()
    names = []
    for _ in range(5):
        archiver = wal.sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'archiver'")[0][0]
        wal.sql("CREATE TABLE IF NOT EXISTS more (n int); INSERT INTO more VALUES (1)")
        names.append(str(wal.sql("SELECT pg_walfile_name(pg_switch_wal())")[0][0]))
        if _kill_child(archiver):
            break
    else:
        raise AssertionError("no archive command was met")
    wait_until(f"{names[-1]} to arrive all the same", lambda: (wal.spool / names[-1]).exists(), 90)
    names.append(wal.switch())
    assert wal.ship() == names
    wal.archive(state="check", check_timeout=90, **WHERE)
    assert [path.name for path in wal.spool.iterdir()] == [".system_identifier"], "what the killed one left is gone"


def _kill_child(parent: int) -> bool:
    """Kill whatever that process starts next; False if nothing was met for two seconds."""
    end = time.monotonic() + 2
    while time.monotonic() < end:
        for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)
                return True
    return False


def test_a_spool_of_another_cluster_is_refused(wal: WalBench) -> None:
    wal.archive()
    (wal.spool / ".system_identifier").write_text("42\n")
    with pytest.raises(TaskFailed, match="it is of another cluster: 42"):
        wal.archive()


def test_wal_of_another_cluster_is_never_shipped(wal: WalBench) -> None:
    wal.archiving()
    name = wal.switch()
    (wal.spool / ".system_identifier").write_text("42\n")
    with pytest.raises(VerificationFailed, match=f"{name} is of another cluster"):
        wal.ship()
    assert (wal.spool / name).exists() and wal.stored() == []


def test_a_file_that_is_not_what_its_name_says_stops_the_shipping_and_stays(wal: WalBench) -> None:
    wal.archiving()
    name = wal.switch()
    (wal.spool / name).rename(wal.spool / f"{name[:-2]}FE")
    with pytest.raises(VerificationFailed, match="is not the WAL segment its name says"):
        wal.ship()
    assert (wal.spool / f"{name[:-2]}FE").exists() and wal.stored() == []


def test_archiving_is_switched_off_again(wal: WalBench) -> None:
    wal.archiving()
    assert wal.archive(state="absent").data["restart_required"]
    wal.server.stop()
    wal.server.start()
    assert wal.sql("SHOW archive_mode") == [("off",)]
    assert not wal.archive(state="absent").changed


def test_a_setting_of_the_command_line_cannot_be_changed_and_that_is_said(
    own_postgres: Callable[..., PostgresServer], wal: WalBench
) -> None:
    wal.server.stop()
    wal.server.start("-c", "archive_timeout=7")
    with pytest.raises(TaskFailed, match="archive_timeout stays '7'") as met:
        wal.archive()
    assert "command line" in str(met.value.why)


@pytest.mark.parametrize("timeout", [0, "6m"])
def test_an_archive_timeout_that_would_lose_too_much_is_refused(wal: WalBench, timeout: object) -> None:
    with pytest.raises(TaskFailed, match="not between 1 and 300"):
        wal.archive(archive_timeout=timeout)


@pytest.fixture(params=["sh", "busybox"])
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Path, Path], subprocess.CompletedProcess[str]]:
    """Runs the archive command as the server would, with this machine's programs or busybox's alone."""
    environment = dict(os.environ)
    if request.param == "busybox":
        environment["PATH"] = str(request.getfixturevalue("busybox"))

    def run(source: Path, spool: Path) -> subprocess.CompletedProcess[str]:
        text = archive_command(str(spool)).replace("%p", str(source)).replace("%f", source.name)
        program = shutil.which("sh", path=environment["PATH"]) or "/bin/sh"
        return subprocess.run([program, "-c", text], env=environment, capture_output=True, text=True, timeout=60)

    return run


@pytest.fixture
def segment(tmp_path: Path) -> tuple[Path, Path]:
    source, spool = tmp_path / "000000010000000000000001", tmp_path / "spool"
    spool.mkdir()
    source.write_bytes(os.urandom(1024 * 1024))
    return source, spool


Shell = Callable[[Path, Path], "subprocess.CompletedProcess[str]"]


def test_the_archive_command_copies_once_and_takes_the_same_file_again(
    shell: Shell, segment: tuple[Path, Path]
) -> None:
    source, spool = segment
    assert shell(source, spool).returncode == 0
    assert shell(source, spool).returncode == 0
    assert [path.read_bytes() == source.read_bytes() for path in spool.iterdir()] == [True]
    assert stat.S_IMODE((spool / source.name).stat().st_mode) == 0o600


def test_the_archive_command_never_replaces_a_file_with_another_content(
    shell: Shell, segment: tuple[Path, Path]
) -> None:
    source, spool = segment
    (spool / source.name).write_bytes(b"the first one")
    ended = shell(source, spool)
    assert ended.returncode == 1 and "another content" in ended.stderr
    assert (spool / source.name).read_bytes() == b"the first one"


def test_what_a_killed_archive_command_left_is_cleared_and_never_counts(
    shell: Shell, segment: tuple[Path, Path]
) -> None:
    source, spool = segment
    (spool / f".{source.name}.4711").write_bytes(b"half")
    assert shell(source, spool).returncode == 0
    assert [path.name for path in spool.iterdir()] == [source.name]


def test_the_archive_command_fails_with_a_status_the_archiver_survives(
    shell: Shell, segment: tuple[Path, Path], tmp_path: Path
) -> None:
    source, _ = segment
    assert shell(source, tmp_path / "nowhere").returncode == 1


def test_a_full_disk_leaves_nothing_of_the_file(shell: Shell, segment: tuple[Path, Path], tiny_disk: object) -> None:
    source, _ = segment
    place = tiny_disk.path / "spool"  # type: ignore[attr-defined]
    place.mkdir()
    tiny_disk.fill(leave=200_000)  # type: ignore[attr-defined]
    assert shell(source, place).returncode == 1
    assert list(place.iterdir()) == []
