"""A Debian that systemd has started: its own PostgreSQL cluster, its units and its timers, over SSH."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyrage
import pytest

from runner.errors import TaskFailed
from runner.modules.schedule.running import run_now, states
from tests.live.benches import bench_over_ssh
from tests.modules.bed import Bench
from tests.support.deployment import PLAYBOOKS, Controller
from tests.support.machine import Machine
from tests.support.workplace import wait_until

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]

UNIT = "postgresql@15-main"
DATA = "/var/lib/postgresql/15/main"
WORD = "unguessable"
PASSWORD = f'it\'s "{WORD}" $HOME'
SERVER = {"host": "127.0.0.1", "port": 5432, "user": "postgres", "password": PASSWORD}


@pytest.fixture
def debian(systemd_server: Machine) -> Machine:
    """With the cluster up, and a password for its superuser."""
    wait_until("PostgreSQL", lambda: active(systemd_server, UNIT) == "active", 60)
    quoted = PASSWORD.replace("'", "''")
    as_postgres(systemd_server, f"ALTER ROLE postgres PASSWORD '{quoted}'")
    return systemd_server


@pytest.fixture
def bench(systemd_server: Machine, tmp_path: Path) -> Iterator[Bench]:
    with bench_over_ssh(systemd_server, tmp_path) as made:
        yield made


def active(machine: Machine, unit: str) -> str:
    return machine.try_run("systemctl", "is-active", unit).stdout.strip()


def as_postgres(machine: Machine, sql: str) -> str:
    """By the machine's own client, past everything that is tested."""
    return machine.run("sudo", "-u", "postgres", "psql", "-X", "-A", "-t", "-c", sql).strip()


def in_unit(machine: Machine, unit: str) -> bool:
    """Whether the server that runs is the unit's own process: started beside it, it would not be."""
    (first, *_) = machine.run("cat", f"{DATA}/postmaster.pid").split()
    group = f"/sys/fs/cgroup/system.slice/system-postgresql.slice/{unit}.service"
    return first in machine.run("cat", f"{group}/cgroup.procs").split()


def inventory(machine: Machine, **more: object) -> dict[str, Any]:
    variables = {
        "service": "app",
        "repository": "there",
        "repositories": {"there": {"type": "directory", "host": "db1", "path": "/srv/backups"}},
        "wal_spool": "/var/lib/postgresql/wal-spool",
        "database_server": SERVER,
        "database": "postgres",
        "database_assertions": [{"query": "SELECT count(*) FROM log", "equals": 1}],
        **more,
    }
    return {"all": {"vars": variables, "children": {"service": {"hosts": {"db1": machine.host().variables()}}}}}


def test_debians_own_cluster_goes_back_in_time_by_its_unit(debian: Machine, tmp_path: Path) -> None:
    """Its settings are not in its data directory, its name is in the unit's, and systemd alone may start it."""
    controller = Controller(tmp_path)
    controller.knows(inventory(debian, database_unit=UNIT))
    as_postgres(debian, "CREATE TABLE log AS SELECT 1 AS n")
    controller.play("backup-physical.yml", "-e", "restart_database=true")
    assert as_postgres(debian, "SHOW archive_mode") == "on"
    assert in_unit(debian, UNIT), "it was restarted by its unit"
    controller.play("wal-check.yml")
    time.sleep(0.05)
    before = as_postgres(debian, "SELECT clock_timestamp()").replace(" ", "T")
    time.sleep(0.05)
    as_postgres(debian, "DROP TABLE log")
    controller.play("wal-check.yml")
    controller.play("restore-pitr.yml", "--yes", "-e", f"target_time={before}")
    assert as_postgres(debian, "SELECT n FROM log") == "1"
    assert active(debian, UNIT) == "active" and in_unit(debian, UNIT)
    debian.power_off()
    debian.power_on()
    wait_until("PostgreSQL", lambda: active(debian, UNIT) == "active", 60)
    assert as_postgres(debian, "SELECT timeline_id FROM pg_control_checkpoint()") == "2"
    controller.play("wal-check.yml")

    # Debian's service over all clusters takes this one down and up with it.
    back = [{"pg_pitr": {"state": "rolled_back", "server": SERVER, "unit": "postgresql"}}]
    (tmp_path / "back.yml").write_text(_play(back))
    controller.do("run", str(tmp_path / "back.yml"), "-i", str(controller.inventory))
    assert as_postgres(debian, "SELECT to_regclass('log') IS NULL") == "t", "the replaced cluster is live again"
    assert in_unit(debian, UNIT)
    assert WORD not in (tmp_path / "controller.log").read_text()


BY_PGBACKREST = {"physical_engine": "pgbackrest", "pgbackrest_options": {"repo1-path": "/mnt/backup/cluster"}}
"""On a disk that either server can mount."""


@pytest.mark.parametrize("engine", [{}, BY_PGBACKREST], ids=["sentraplay", "pgbackrest"])
def test_a_new_server_gets_everything_up_to_the_last_wal_that_arrived(
    debian: Machine, tmp_path: Path, engine: dict[str, Any]
) -> None:
    """The repository is all there is: the cluster on the new server is another one, with another password."""
    controller = Controller(tmp_path)
    there = {"there": {"type": "directory", "path": str(tmp_path / "repository")}}
    known = inventory(
        debian,
        database_unit=UNIT,
        database_directory=DATA,
        repositories=there,
        service_paths=["/srv/app"],
        recover_wal=True,
        **engine,
    )
    known["all"]["children"]["recovery"] = {"hosts": {"new": debian.host().variables()}}
    controller.knows(known)
    debian.run("mkdir", "-p", "/srv/app", "/mnt/backup")
    debian.path("/srv/app/settings").write_text("kept")
    as_postgres(debian, "CREATE TABLE log AS SELECT 1 AS n")
    controller.play("backup-physical.yml", "-e", "restart_database=true")
    controller.play("backup.yml", "--tags", "files")
    as_postgres(debian, "CREATE TABLE late AS SELECT 2 AS n")
    controller.play("wal-check.yml")
    system = as_postgres(debian, "SELECT system_identifier FROM pg_control_system()")

    debian.run("pg_dropcluster", "--stop", "15", "main")
    debian.run("rm", "-r", "/srv/app", "/var/lib/postgresql/wal-spool")
    debian.run("pg_createcluster", "15", "main", "--start")
    assert as_postgres(debian, "SELECT system_identifier FROM pg_control_system()") != system

    said = controller.play("dr-restore.yml")

    assert "OBJECTIVE rpo: met" in said and "OBJECTIVE rto: met" in said
    assert as_postgres(debian, "SELECT n FROM late") == "2", "no base backup has it, only the WAL"
    assert as_postgres(debian, "SELECT system_identifier FROM pg_control_system()") == system
    assert debian.path("/srv/app/settings").read_text() == "kept"
    assert in_unit(debian, UNIT)
    controller.play("wal-check.yml", "--limit", "db1")
    assert WORD not in (tmp_path / "controller.log").read_text()


def test_an_empty_server_is_provisioned_and_the_service_comes_back_on_it(debian: Machine, tmp_path: Path) -> None:
    """PostgreSQL and age are taken off it; both are in the repository of packages that is all it knows."""
    controller = Controller(tmp_path)
    keys = pyrage.x25519.Identity.generate()
    (tmp_path / "identity").write_text(f"{keys}\n")
    (tmp_path / "identity").chmod(0o600)
    encryption = {"recipients": [str(keys.to_public())], "identity_files": [str(tmp_path / "identity")]}
    there = {"there": {"type": "directory", "path": str(tmp_path / "repository"), "encryption": encryption}}
    known = inventory(debian, repositories=there, service_paths=["/srv/app"])
    known["all"]["children"]["recovery"] = {"hosts": {"new": debian.host("deploy").variables()}}
    controller.knows(known)
    debian.run("mkdir", "-p", "/srv/app")
    debian.path("/srv/app/settings").write_text("kept")
    as_postgres(debian, "CREATE TABLE log AS SELECT 1 AS n")
    controller.play("backup.yml", "--tags", "database,files")

    debian.run("pg_dropcluster", "--stop", "15", "main")
    debian.run("dpkg", "--purge", "postgresql-15", "age", seconds=300)
    debian.run("rm", "-r", "/srv/app")
    assert debian.try_run("age", "--version").returncode != 0
    controller.play("provision.yml", "--check")
    controller.play("provision.yml")
    debian.run("age", "--version")
    assert active(debian, UNIT) == "active"
    again = controller.play("provision.yml")
    assert "changed=0" in again, "everything is there"
    as_postgres(debian, "ALTER ROLE postgres PASSWORD 'of its own'")
    controller.play("provision.yml", "-e", "postgresql_package=postgresql-16")
    with pytest.raises(AssertionError, match="password authentication failed"):
        controller.play("dr-restore.yml", "-e", "ansible_become=true")
    as_postgres(debian, f"ALTER ROLE postgres PASSWORD '{PASSWORD.replace(chr(39), 2 * chr(39))}'")
    controller.play("dr-restore.yml", "-e", "ansible_become=true")

    assert as_postgres(debian, "SELECT n FROM log") == "1"
    assert debian.path("/srv/app/settings").read_text() == "kept"
    assert WORD not in (tmp_path / "controller.log").read_text()


def test_without_its_unit_nobody_stops_or_starts_it(debian: Machine, tmp_path: Path) -> None:
    controller = Controller(tmp_path)
    controller.knows(inventory(debian))
    as_postgres(debian, "CREATE TABLE log AS SELECT 1 AS n")
    said = controller.do("run", *_shipped("backup-physical.yml", controller), "-e", "restart_database=true", code=2)
    assert "name the service in `unit` (Debian: postgresql@15-main)" in said
    started = as_postgres(debian, "SELECT pg_postmaster_start_time()")
    controller.knows(inventory(debian, database_unit=UNIT))
    controller.play("backup-physical.yml", "-e", "restart_database=true")
    assert as_postgres(debian, "SELECT pg_postmaster_start_time()") != started
    controller.knows(inventory(debian))
    started = as_postgres(debian, "SELECT pg_postmaster_start_time()")
    said = controller.do("run", *_shipped("restore-pitr.yml", controller), "--yes", code=2)
    assert "which service manages the cluster" in said
    assert as_postgres(debian, "SELECT pg_postmaster_start_time()") == started


def test_a_unit_that_does_not_manage_the_cluster_is_told(debian: Machine, tmp_path: Path) -> None:
    """And nothing stays stopped that has nothing to do with it."""
    controller = Controller(tmp_path)
    controller.knows(inventory(debian, database_unit="postgresql"))
    as_postgres(debian, "CREATE TABLE log AS SELECT 1 AS n")
    controller.play("backup-physical.yml", "-e", "restart_database=true")
    controller.knows(inventory(debian, database_unit="cron"))
    said = controller.do("run", *_shipped("restore-pitr.yml", controller), "--yes", code=2)
    assert "stopping the service cron does not stop the server" in said
    assert as_postgres(debian, "SELECT n FROM log") == "1"
    assert active(debian, "cron") == "active"


def test_units_are_started_stopped_enabled_and_masked(bench: Bench, systemd_server: Machine) -> None:
    assert bench.apply("setup").facts["ansible_service_mgr"] == "systemd"
    for module in ("systemd", "service"):
        bench.settle(module, name="cron", state="stopped", enabled=False)
        assert active(systemd_server, "cron") == "inactive"
        done = bench.settle(module, name="cron", state="started", enabled=True)
        assert done.data["enabled"] is True and active(systemd_server, "cron") == "active"
    before = systemd_server.run("systemctl", "show", "-P", "MainPID", "cron")
    assert bench.apply("systemd", name="cron", state="restarted").changed
    assert systemd_server.run("systemctl", "show", "-P", "MainPID", "cron") != before
    bench.settle("systemd", name="cron", state="stopped", masked=True)
    with pytest.raises(TaskFailed, match="masked"):
        bench.apply("systemd", name="cron", state="started")
    bench.settle("systemd", name="cron", state="started", masked=False)


def test_a_unit_file_that_was_just_written_is_known_after_a_reload(bench: Bench, systemd_server: Machine) -> None:
    unit = "[Service]\nExecStart=sleep infinity\n[Install]\nWantedBy=multi-user.target\n"
    bench.apply("copy", content=unit, dest="/etc/systemd/system/patient.service")
    bench.settle("systemd", name="patient", state="started", enabled=True, daemon_reload=True)
    bench.apply("copy", content=unit.replace("infinity", "1000000"), dest="/etc/systemd/system/patient.service")
    bench.apply("systemd", name="patient", state="restarted", daemon_reload=True)
    assert "sleep 1000000" in systemd_server.run("systemctl", "show", "-P", "ExecStart", "patient")


def test_a_unit_that_is_not_there_is_said(bench: Bench) -> None:
    with pytest.raises(TaskFailed, match="no-such-thing"):
        bench.apply("systemd", name="no-such-thing", state="started")


def test_a_timer_runs_its_job_and_tells_when_it_fails(bench: Bench, systemd_server: Machine) -> None:
    systemd_server.path("/etc/keys").write_text("TOKEN='a b'\n")
    job = {
        "name": "backup",
        "cron": "* * * * *",
        "command": ["sh", "-c", 'echo "100% of $TOKEN in $PWD"; umask; [ ! -e /srv/fail ]'],
        "chdir": "/opt",
        "environment_file": "/etc/keys",
        "random_delay": "0s",
        "on_failure": ["sh", "-c", "echo told >>/srv/told"],
    }
    assert bench.settle("schedule", **job).data["backend"] == "systemd"
    assert states(bench.at.host)[0].result == "", "it has not run yet"
    run_now(bench.at.host, "backup")
    assert "100% of a b in /opt\n0077\n" in journal(systemd_server)
    (state,) = states(bench.at.host)
    assert (state.name, state.backend, state.result) == ("backup", "systemd", "success")
    assert state.next and state.last

    systemd_server.path("/srv/fail").touch()
    wait_until("the timer's own run, which fails and is told of", systemd_server.path("/srv/told").exists, 90)
    assert states(bench.at.host)[0].result == "exit-code"
    with pytest.raises(TaskFailed, match="job backup ended with status"):
        run_now(bench.at.host, "backup")
    bench.settle("schedule", **{**job, "state": "absent"})
    assert "sentraplay" not in systemd_server.run("systemctl", "list-units", "--all", "sentraplay-*", "--no-legend")


def test_a_hardened_job_cannot_write_where_a_backup_has_no_business(bench: Bench, systemd_server: Machine) -> None:
    job = {"name": "nosy", "cron": "@yearly", "command": ["touch", "/usr/nosy", "/srv/fine"]}
    bench.apply("schedule", **job)
    with pytest.raises(TaskFailed, match="job nosy"):
        run_now(bench.at.host, "nosy")
    assert systemd_server.path("/srv/fine").exists() and not systemd_server.path("/usr/nosy").exists()
    bench.apply("schedule", **job, hardening=False)
    run_now(bench.at.host, "nosy")
    assert systemd_server.path("/usr/nosy").exists()


def journal(machine: Machine) -> str:
    return machine.run("journalctl", "--quiet", "--no-pager", "--output=cat", "-u", "sentraplay-backup.service")


def _shipped(playbook: str, controller: Controller) -> tuple[str, ...]:
    return (str(PLAYBOOKS / playbook), "-i", str(controller.inventory))


def _play(tasks: list[dict[str, Any]]) -> str:
    return json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}])
