"""Ctrl-C and its relatives: in order the first time, at once the second, nothing left running."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.program import Program

SLEEPS = "- hosts: localhost\n  tasks:\n    - shell: {before}echo $$ > {pid}; {command}\n    - command: touch {mark}\n"


ONLY_ONCE = "test -e again && exit 0; touch again; "


def started(sentraplay: Program, command: str, before: str = "") -> tuple[subprocess.Popen[str], int]:
    """A run whose command is at work, and that command's process id."""
    pid = sentraplay.directory / "pid"
    sentraplay.write(
        "p.yml", SLEEPS.format(before=before, pid=pid, command=command, mark=sentraplay.directory / "mark")
    )
    process = sentraplay.start("run", "p.yml")
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        if pid.exists() and pid.read_text().strip():
            return process, int(pid.read_text())
        time.sleep(0.05)
    process.kill()
    raise AssertionError(process.communicate())


def ended(pid: int) -> bool:
    """Whether a process is gone, within a few seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            if "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text():
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_run_in_order(sentraplay: Program, number: signal.Signals) -> None:
    process, pid = started(sentraplay, "sleep 60")
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert ended(pid)
    assert not (sentraplay.directory / "mark").exists()
    assert "interrupted: [localhost]" in out
    assert "Traceback" not in out + err
    assert "PLAY RECAP" in out
    assert " interrupted " in sentraplay("runs", "list").out


def test_an_interrupted_run_can_be_resumed(sentraplay: Program) -> None:
    process, _ = started(sentraplay, "sleep 60", ONLY_ONCE)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    resumed = sentraplay("resume")
    assert resumed.code == 0, resumed.everything
    assert (sentraplay.directory / "mark").exists()
    assert "nothing left to do" in sentraplay("resume", sentraplay("runs", "list").out.splitlines()[1].split()[0]).err


def test_a_second_ctrl_c_does_not_wait_for_a_command_that_ignores_the_first(sentraplay: Program) -> None:
    process, pid = started(sentraplay, "trap '' TERM INT HUP; while :; do sleep 1; done")
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=15)
    assert process.returncode == 130
    assert ended(pid)


def test_a_killed_run_can_be_resumed_and_leaves_nothing_running(sentraplay: Program) -> None:
    process, pid = started(sentraplay, "sleep 60", ONLY_ONCE)
    process.kill()
    process.communicate(timeout=30)
    assert ended(pid)
    assert " broken off " in sentraplay("runs", "list").out
    resumed = sentraplay("resume", "--output", "json")
    assert resumed.code == 0, resumed.everything
    events = [json.loads(line) for line in resumed.out.splitlines()]
    assert events[0]["resumed"] is True
    assert (sentraplay.directory / "mark").exists()


def test_nohup_is_respected(sentraplay: Program) -> None:
    process, _ = started(sentraplay, "sleep 2")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    sentraplay.write("quick.yml", "- hosts: localhost\n  tasks: [{command: sleep 1}]\n")
    running = subprocess.Popen(
        ["nohup", *sentraplay.argv("run", "quick.yml")],
        cwd=sentraplay.directory,
        env=sentraplay.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert running.stdout is not None
    running.stdout.readline()
    running.send_signal(signal.SIGHUP)
    running.communicate(timeout=30)
    assert running.returncode == 0


def test_a_run_that_another_process_carries_out_is_not_resumed(sentraplay: Program) -> None:
    process, _ = started(sentraplay, "sleep 60")
    try:
        run = sentraplay("runs", "list").out.splitlines()[1].split()
        assert "running" in run
        refused = sentraplay("resume", run[0])
        assert refused.code == 7
        assert "still going on" in refused.err
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


def test_a_changed_playbook_is_not_resumed(sentraplay: Program) -> None:
    sentraplay.write("p.yml", "- hosts: localhost\n  tasks: [{command: 'false'}]\n")
    assert sentraplay("run", "p.yml").code == 2
    sentraplay.write("p.yml", "- hosts: localhost\n  tasks: [{command: 'true'}]\n")
    assert sentraplay("resume").code == 7


def test_extra_variables_must_be_given_again(sentraplay: Program) -> None:
    sentraplay.write("p.yml", "- hosts: localhost\n  tasks: [{command: 'test -e {{ where }}'}]\n")
    assert sentraplay("run", "p.yml", "-e", "where=mark").code == 2
    (sentraplay.directory / "mark").touch()
    missing = sentraplay("resume")
    assert missing.code == 5
    assert "-e where=" in missing.err
    assert sentraplay("resume", "-e", "where=mark").code == 0


def test_ctrl_c_while_the_program_is_being_loaded_shows_no_traceback(sentraplay: Program) -> None:
    # What the program imports first, here with somebody's Ctrl-C in the middle of it.
    sentraplay.write("early/click.py", "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    environment = sentraplay.environment
    environment["PYTHONPATH"] = f"{sentraplay.directory / 'early'}{os.pathsep}{environment['PYTHONPATH']}"
    done = subprocess.run(
        sentraplay.argv("--help"), env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "interrupted\n"
