"""schedule by cron on a server of its own: jobs appear, run, are told of, and go; nothing else is touched.

Where systemd runs: tests/live/test_systemd.py. What its units say: tests/unit/test_schedule.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.errors import TaskFailed
from runner.modules.schedule.running import run_now, states
from tests.live.benches import bench_over_ssh
from tests.modules.bed import Bench
from tests.support.machine import Machine

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]


@pytest.fixture
def bench(new_server: Machine, tmp_path: Path) -> Iterator[Bench]:
    new_server.path("/etc/cron.d").mkdir(exist_ok=True)
    with bench_over_ssh(new_server, tmp_path) as made:
        yield made


def test_a_cron_job_runs_as_cron_would_run_it_and_is_gone_when_it_shall_be(bench: Bench, new_server: Machine) -> None:
    new_server.path("/etc/cron.d/foreign").write_text("0 0 * * * root true\n")
    new_server.path("/etc/keys").write_text("TOKEN='a b'\n")
    job = {
        "name": "backup",
        "cron": "0 2 * * *",
        "command": ["sh", "-c", 'echo "100% of $TOKEN in $PWD"; umask'],
        "chdir": "/opt",
        "environment_file": "/etc/keys",
        "backend": "cron",
    }
    before = sorted(path.name for path in new_server.path("/etc/cron.d").iterdir())
    bench.settle("schedule", **job)
    file = new_server.path("/etc/cron.d/sentraplay-backup")
    assert file.stat().st_mode & 0o777 == 0o644 and file.stat().st_uid == new_server.path("/etc/passwd").stat().st_uid
    run_now(bench.at.host, "backup")
    assert new_server.path("/var/log/sentraplay-backup.log").read_text() == "100% of a b in /opt\n0077\n"
    (state,) = states(bench.at.host)
    assert (state.name, state.backend, state.when) == ("backup", "cron", "0 2 * * *") and state.last
    bench.settle("schedule", **{**job, "state": "absent"})
    assert sorted(path.name for path in file.parent.iterdir()) == before


def test_a_job_that_fails_is_told_as_failed(bench: Bench) -> None:
    bench.apply("schedule", name="bad", cron="@daily", command=["sh", "-c", "exit 3"], backend="cron")
    with pytest.raises(TaskFailed, match="ended with status 3"):
        run_now(bench.at.host, "bad")


def test_a_file_that_is_not_ours_is_never_overwritten(bench: Bench, new_server: Machine) -> None:
    new_server.path("/etc/cron.d/sentraplay-mine").write_text("0 0 * * * root precious\n")
    for state in ("present", "absent"):
        with pytest.raises(TaskFailed, match="not SentraPlay's"):
            bench.apply("schedule", name="mine", state=state, cron="@daily", command=["true"], backend="cron")
    assert "precious" in new_server.path("/etc/cron.d/sentraplay-mine").read_text()


def test_a_program_that_is_not_there_is_said_before_anything_is_installed(bench: Bench, new_server: Machine) -> None:
    with pytest.raises(TaskFailed, match="no program nothing-of-this-name"):
        bench.apply("schedule", name="x", cron="@daily", command=["nothing-of-this-name"], backend="cron")
    assert not new_server.path("/etc/cron.d/sentraplay-x").exists()
