"""The link to a host is cut in the middle: nothing counts that is not whole, nothing is left, and it can be mended."""

from __future__ import annotations

import pytest

from tests.support.proxy import Fault
from tests.support.rig import Rig
from tests.support.workplace import wait_until

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

GONE = Fault(refuse=True)
WELL = Fault()


def check_recovered(rig: Rig, rows: object) -> None:
    assert rig.rows(rig.copy) == rows
    rig.nothing_half_done()
    rig.nothing_runs()


def test_a_link_cut_in_mid_upload_leaves_no_backup_and_the_resumed_run_makes_a_good_one(rig: Rig) -> None:
    rig.s3.fault = Fault(stall_up=15_000)
    running = rig.play_until("backup.yml", "half an upload", lambda: rig.s3.bytes_up >= 15_000)
    workplaces = rig.workplaces()
    assert workplaces
    rig.ssh.fault = GONE
    rig.ssh.cut_now()
    assert running.wait(timeout=120) == 4, rig.said
    assert "unreachable: [old]" in rig.said
    rig.nothing_runs()
    # The parts in them are the database in clear.
    wait_until("the parts to go", lambda: not any(path.exists() for path in workplaces), 20)
    rig.s3.fault = WELL
    rig.s3.cut_now()
    assert rig.backups() == []

    rig.ssh.fault = WELL
    rig.resume()
    assert {found["kind"] for found in rig.backups()} == {"database", "files"}
    assert rig.store.open_uploads(rig.bucket) == []
    rig.play("verify.yml")
    rig.nothing_runs()


@pytest.mark.parametrize("passed", [4_000, 9_000, 16_000])
def test_a_link_cut_anywhere_in_a_backup_leaves_nothing_that_cannot_be_restored(rig: Rig, passed: int) -> None:
    rig.ssh.fault = Fault(cut_down=passed, times=1)
    rows = rig.rows(rig.database)
    rig.play("backup.yml", code=4)
    rig.nothing_runs()
    assert {found["kind"] for found in rig.backups()} <= {"database", "files"}
    rig.resume()
    assert sorted(found["kind"] for found in rig.backups()) == ["database", "files"]
    rig.lose_files()
    rig.play("dr-restore.yml")
    check_recovered(rig, rows)


def test_a_link_cut_in_mid_download_of_a_recovery_is_resumed(rig: Rig) -> None:
    rows = rig.rows(rig.database)
    rig.play("backup.yml")
    rig.lose_files()
    before = rig.s3.bytes_down
    rig.s3.fault = Fault(stall_down=20_000)
    running = rig.play_until("dr-restore.yml", "half a download", lambda: rig.s3.bytes_down - before >= 20_000)
    rig.ssh.fault = GONE
    rig.ssh.cut_now()
    assert running.wait(timeout=120) == 4, rig.said
    rig.nothing_runs()
    rig.s3.fault = rig.ssh.fault = WELL
    rig.s3.cut_now()
    rig.resume()
    check_recovered(rig, rows)


def test_a_link_cut_in_mid_restore_leaves_the_live_database_and_is_resumed(rig: Rig) -> None:
    rows = rig.rows(rig.database)
    rig.play("backup.yml")
    running = rig.play_until(
        "dr-restore.yml", "a side database", lambda: any("restore" in name for name in rig.databases())
    )
    rig.ssh.fault = GONE
    rig.ssh.cut_now()
    assert running.wait(timeout=120) == 4, rig.said
    assert rig.copy not in rig.databases()
    rig.nothing_runs()
    rig.ssh.fault = WELL
    rig.resume()
    check_recovered(rig, rows)
