"""Jobs as systemd and cron are told: the same times, and every word as it was given."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.errors import TaskFailed
from runner.modules.schedule.calendar import calendar
from runner.modules.schedule.job import Job, cron_files, systemd_files

JOB = Job(
    name="database",
    calendar=calendar("0 2 * * *"),
    argv=("/bin/true", "run"),
    user="root",
    directory="/tmp",
    environment_file="",
    random_delay=300,
    timeout=3600,
    on_failure=("/bin/true",),
    hardening=True,
)
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not in PATH")


@pytest.mark.parametrize(
    ("cron", "systemd"),
    [
        ("0 2 * * *", "*-*-* 02:00:00"),
        ("*/5 * * * *", "*-*-* *:00,05,10,15,20,25,30,35,40,45,50,55:00"),
        ("0 */6 * * *", "*-*-* 00,06,12,18:00:00"),
        ("30 4 1,15 * *", "*-*-01,15 04:30:00"),
        ("0 22 * * 1-5", "Mon,Tue,Wed,Thu,Fri *-*-* 22:00:00"),
        ("0 0 * jan,jul sun", "Sun *-01,07-* 00:00:00"),
        ("5 8 * * 7", "Sun *-*-* 08:05:00"),
        ("10-20/5 0 * * *", "*-*-* 00:10,15,20:00"),
        ("50/5 0 * * *", "*-*-* 00:50,55:00"),
        ("@daily", "*-*-* 00:00:00"),
        ("* * * * *", "*-*-* *:*:00"),
    ],
)
def test_five_fields_say_the_same_to_systemd(cron: str, systemd: str) -> None:
    assert calendar(cron).systemd == systemd


WRONG = "|0 2 * *|60 * * * *|0 24 * * *|0 0 0 * *|0 0 * 13 *|x * * * *|0 0 1 * 1|5-1 * * * *|*/0 * * * *|@never"


@pytest.mark.parametrize("cron", WRONG.split("|"))
def test_what_is_no_time_is_refused(cron: str) -> None:
    with pytest.raises(TaskFailed, match="no time a job can run at"):
        calendar(cron)


@needs_systemd
@pytest.mark.parametrize("cron", ["0 2 * * *", "*/5 * * * *", "0 22 * * 1-5", "0 0 * jan,jul sun", "30 4 1,15 * *"])
def test_systemd_understands_the_times(cron: str) -> None:
    said = subprocess.run(
        ["systemd-analyze", "calendar", calendar(cron).systemd], capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stderr


@needs_systemd
def test_the_units_are_accepted_without_a_word(tmp_path: Path) -> None:
    job = replace(JOB, environment_file="/etc/hosts", argv=("/bin/true", "100%", "$HOME", 'a "b" \\ c', "ü"))
    for path, text in systemd_files(job).content.items():
        (tmp_path / Path(path).name).write_text(text)
    files = sorted(str(path) for path in tmp_path.iterdir())
    said = subprocess.run(["systemd-analyze", "verify", *files], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout + said.stderr) == (0, "")


words = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(st.lists(words, max_size=4), words)
def test_cron_gets_every_word_as_it_was_given(arguments: list[str], folder: str) -> None:
    """The line is taken apart as cron does (an escaped percent sign is one) and run by sh."""
    job = replace(JOB, argv=("printf", "%s\\n", *arguments), directory="/", on_failure=("echo", "failed"))
    (text,) = cron_files(job).content.values()
    line = text.splitlines()[-1].split(None, 6)[6].replace("\\%", "%")
    line = line.replace(f">>/var/log/{job.unit}.log 2>&1", "").replace(
        "flock --nonblock /run/lock/sentraplay-database.lock", ""
    )
    said = subprocess.run(["sh", "-c", line], capture_output=True, check=True).stdout.decode()
    assert said == "".join(f"{word}\n" for word in arguments) or (not arguments and said == "\n")


def test_a_cron_line_is_one_line_with_lock_path_and_log() -> None:
    (path,), (text,) = zip(*cron_files(JOB).content.items(), strict=True)
    assert path == "/etc/cron.d/sentraplay-database"
    jobs = [line for line in text.splitlines() if not line.startswith("#") and "=" not in line.split(" ")[0]]
    assert len(jobs) == 1 and jobs[0].startswith("0 2 * * * root ")
    for part in ("flock --nonblock", "timeout 3600", "umask 077", ">>/var/log/sentraplay-database.log 2>&1"):
        assert part in jobs[0]
    assert "PATH=" in text


def test_a_missed_run_is_made_up_for_and_a_failed_one_is_told() -> None:
    files = systemd_files(JOB).content
    assert "Persistent=true" in files["/etc/systemd/system/sentraplay-database.timer"]
    assert "RandomizedDelaySec=300" in files["/etc/systemd/system/sentraplay-database.timer"]
    service = files["/etc/systemd/system/sentraplay-database.service"]
    assert "OnFailure=sentraplay-database-failed.service" in service and "ProtectSystem=full" in service
    plain = systemd_files(replace(JOB, hardening=False)).content["/etc/systemd/system/sentraplay-database.service"]
    assert "ProtectSystem" not in plain
