"""Nothing the harness started outlives the tests, even when they are killed."""

from __future__ import annotations

import json
import os
import pwd
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from runner.demo.keeper import Keeper, is_running
from tests.support.capabilities import require
from tests.support.workplace import wait_until

pytestmark = pytest.mark.live

ROOT = Path(__file__).parents[2]

VICTIM = """
import json, os, sys, time
from tests.support.accounts import create_account
from tests.support.fulldisk import mount_tiny_disk
from runner.demo.keeper import Keeper
from tests.support.workplace import Workplace

place = Workplace()
daemon = Keeper(["sh", "-c", "setsid sleep 1000 & echo $! >$0/daemon; exec sleep 1000", str(place.path)])
while not (place.path / "daemon").exists() or not (place.path / "daemon").read_text():
    time.sleep(0.01)
made = {"path": str(place.path), "pids": [daemon.pid, int((place.path / "daemon").read_text())]}
if os.geteuid() == 0:
    made |= {"user": create_account(place, "free").name, "disk": str(mount_tiny_disk(place).path)}
print(json.dumps(made), flush=True)
time.sleep(1000)
"""


def test_a_killed_test_run_leaves_no_process_user_mount_or_directory() -> None:
    if os.geteuid() == 0:
        require("users")
        require("tmpfs")
    argv = [sys.executable, "-c", VICTIM]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=ROOT, start_new_session=True) as victim:
        assert victim.stdout is not None
        made = json.loads(victim.stdout.readline())
        assert Path(made["path"]).is_dir()
        assert all(is_running(pid) for pid in made["pids"])
        victim.send_signal(signal.SIGKILL)
    wait_until("the directory to go", lambda: not Path(made["path"]).exists(), 30)
    wait_until("the processes to go", lambda: not any(map(is_running, made["pids"])), 10)
    assert made.get("disk", "nothing") not in Path("/proc/mounts").read_text()
    assert made.get("user") not in {entry.pw_name for entry in pwd.getpwall()}
    assert not (Path("/etc/sudoers.d") / made.get("user", "nobody")).exists()


def test_a_program_that_ignores_the_request_to_end_is_killed(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    argv = ["sh", "-c", 'trap "" TERM; : >"$0"; while :; do sleep 1000; done', str(ready)]
    keeper = Keeper(argv, grace=0.3)
    wait_until("the program", ready.exists, 10)
    keeper.stop()
    assert not is_running(keeper.pid)


def test_what_was_registered_is_undone_last_first(tmp_path: Path) -> None:
    log = tmp_path / "log"
    keeper = Keeper()
    for word in ("first", "forgotten", "last"):
        number = keeper.undo_with("sh", "-c", f'echo {word} >>"$0"', str(log))
        if word == "forgotten":
            keeper.forget(number)
    keeper.stop()
    assert log.read_text().split() == ["last", "first"]


def test_a_program_that_does_not_exist_is_an_error_at_once() -> None:
    with pytest.raises(OSError, match="cannot start"):
        Keeper(["/no/such/program"])
