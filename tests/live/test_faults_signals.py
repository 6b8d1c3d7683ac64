"""Ctrl-C and SIGTERM while a host is at work: exit 130, nothing goes on running there, resume finishes."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.support.proxy import Fault
from tests.support.rig import Rig

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]


@dataclass(frozen=True, slots=True)
class Moment:
    """When the signal comes: `fault` on the store's link holds the run there."""

    playbook: str
    fault: Fault
    reached: Callable[[Rig, int, int], bool]


MOMENTS = {
    "in the upload": Moment("backup.yml", Fault(stall_up=15_000), lambda rig, up, _: rig.s3.bytes_up - up >= 15_000),
    "in the download": Moment(
        "dr-restore.yml", Fault(stall_down=20_000), lambda rig, _, down: rig.s3.bytes_down - down >= 20_000
    ),
    "in the restore": Moment(
        "dr-restore.yml", Fault(), lambda rig, *_: any("restore" in name for name in rig.databases())
    ),
}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_signal_ends_the_run_and_all_it_started_and_a_resume_finishes(
    rig: Rig, moment: str, number: signal.Signals
) -> None:
    when = MOMENTS[moment]
    rows = rig.rows(rig.database)
    if when.playbook == "dr-restore.yml":
        rig.play("backup.yml")
        rig.lose_files()
    up, down = rig.s3.bytes_up, rig.s3.bytes_down
    rig.s3.fault = when.fault
    running = rig.play_until(when.playbook, moment, lambda: when.reached(rig, up, down))
    os.kill(running.pid, number)

    assert running.wait(timeout=60) == 130, rig.said
    assert "interrupted" in rig.said
    assert "sentraplay resume " in rig.said
    assert "Traceback" not in rig.said
    rig.nothing_runs()
    if when.playbook == "backup.yml":
        assert rig.objects() == [], "nothing that looks like a backup"
    else:
        assert rig.copy not in rig.databases()

    rig.s3.fault = Fault()
    rig.s3.cut_now()
    rig.resume()
    rig.nothing_half_done()
    if when.playbook == "backup.yml":
        assert len(rig.backups()) == 2
    else:
        assert rig.rows(rig.copy) == rows
