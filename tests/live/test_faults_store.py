"""An object store that refuses, is missing or dies: one clear message, nothing that only looks like a backup."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.httpfaults import HttpFault, http_faults
from tests.support.proxy import Fault
from tests.support.rig import Rig

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

# What is wrong with the definition, and the words that say so.
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "wrong secret": ({"secret_access_key": "not the secret key at all"}, "the secret access key is wrong"),
    "unknown key": ({"access_key_id": "AKIANOBODY"}, "the access key is not known"),
    "no bucket": ({"bucket": "nobody-made-this"}, "there is no such bucket"),
    "nothing there": ({"endpoint": "http://127.0.0.1:1"}, "nothing answers at the endpoint"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_store_that_cannot_be_used_is_told_with_a_hint_and_mended_by_a_resume(rig: Rig, wrong: str) -> None:
    changed, words = WRONG[wrong]
    rig.describe(changed)
    said = rig.play("backup.yml", code=2)
    assert said.count(words) == 2, "once for the database, once for the files\n" + said
    assert said.count("hint: ") == 2, said
    assert rig.store.secret_access_key not in said
    assert "not the secret key at all" not in said
    rig.backups(code=2)
    rig.describe()
    assert rig.backups() == []
    rig.resume()
    assert len(rig.backups()) == 2


def test_a_recovery_from_a_store_that_cannot_be_used_touches_nothing(rig: Rig) -> None:
    rig.describe({"endpoint": "http://127.0.0.1:1"})
    before = sorted(rig.root.rglob("*"))
    said = rig.play("dr-restore.yml", code=2)
    assert "nothing answers at the endpoint" in said
    assert sorted(rig.root.rglob("*")) == before
    assert rig.copy not in rig.databases()


@pytest.mark.parametrize(("status", "code"), [(403, "AccessDenied"), (503, "SlowDown")])
def test_a_store_that_refuses_every_part_leaves_no_backup(rig: Rig, status: int, code: str) -> None:
    fault = HttpFault("answer", status=status, code=code)
    with http_faults(("127.0.0.1", rig.store.port), fault) as proxy:
        rig.describe({"endpoint": proxy.endpoint})
        said = rig.play("backup.yml", code=2)
        assert fault.hit
        assert str(status) in said or code in said, said
        proxy.fault = None
        assert rig.backups() == []
        assert rig.store.open_uploads(rig.bucket) == []
        rig.resume()
        assert len(rig.backups()) == 2


def test_a_store_with_a_bad_minute_costs_nothing(rig: Rig) -> None:
    fault = HttpFault("answer", status=503, times=2)
    with http_faults(("127.0.0.1", rig.store.port), fault) as proxy:
        rig.describe({"endpoint": proxy.endpoint})
        rig.play("backup.yml")
        assert fault.hit == 2
        assert len(rig.backups()) == 2


def test_a_manifest_that_cannot_be_written_means_there_is_no_backup(rig: Rig) -> None:
    with http_faults(("127.0.0.1", rig.store.port), HttpFault("answer", status=403, presigned=False)) as proxy:
        rig.describe({"endpoint": proxy.endpoint})
        rig.play("backup.yml", code=2)
    rig.describe()
    assert rig.backups() == []
    said = rig.play("dr-restore.yml", code=2)
    assert "no backup" in said
    rig.play("backup.yml")
    assert len(rig.backups()) == 2


def test_a_store_that_dies_in_mid_upload_leaves_no_backup_and_the_run_is_resumed(rig: Rig) -> None:
    rig.s3.fault = Fault(stall_up=15_000)
    running = rig.play_until("backup.yml", "half an upload", lambda: rig.s3.bytes_up >= 15_000)
    rig.s3.fault = Fault(refuse=True)
    rig.s3.cut_now()
    assert running.wait(timeout=200) == 2, rig.said
    rig.nothing_runs()
    rig.s3.fault = Fault()
    assert rig.backups() == []
    rig.resume()
    assert len(rig.backups()) == 2
    # What nobody could abort while the store was away is swept later; it is no object.
    assert len(rig.store.open_uploads(rig.bucket)) <= 1


def test_a_store_that_dies_in_mid_download_leaves_the_target_as_it_was(rig: Rig) -> None:
    rows = rig.rows(rig.database)
    rig.play("backup.yml")
    rig.lose_files()
    before = rig.s3.bytes_down
    rig.s3.fault = Fault(stall_down=20_000)
    running = rig.play_until("dr-restore.yml", "half a download", lambda: rig.s3.bytes_down - before >= 20_000)
    rig.s3.fault = Fault(refuse=True)
    rig.s3.cut_now()
    assert running.wait(timeout=200) == 2, rig.said
    assert rig.copy not in rig.databases()
    rig.nothing_runs()
    rig.s3.fault = Fault()
    rig.resume()
    assert rig.rows(rig.copy) == rows
    rig.nothing_half_done()
