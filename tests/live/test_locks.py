"""`lock`: two runs do not work on the same service at the same time."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.hosts import locks
from runner.hosts.contract import Host
from runner.hosts.locks import Holder
from runner.hosts.shell import new_mark
from tests.cli.program import Program
from tests.support.workplace import wait_until

pytestmark = pytest.mark.live


@pytest.fixture
def name() -> Iterator[str]:
    """The name of a lock nobody else uses."""
    found = f"test-{new_mark()}"
    yield found
    for path in Path("/tmp").glob(f".sentraplay-lock-{found}*"):
        path.unlink()


def lock_file(name: str) -> Path:
    return Path(f"/tmp/.sentraplay-lock-{name}")


def holder(run: str) -> Holder:
    return Holder(run, "p.yml", "elsewhere", "boot", 1, 1, "2026-11-23T02:58:22Z")


def test_only_one_of_two_gets_a_lock_and_the_other_learns_who(host: Host, name: str) -> None:
    assert locks.take(host, name, holder("r1")) == ""
    assert locks.holder_from(locks.take(host, name, holder("r2"))) == holder("r1")
    locks.release(host, name, holder("r2"))
    assert lock_file(name).exists()
    locks.release(host, name, holder("r1"))
    assert locks.take(host, name, holder("r2")) == ""


def test_a_lock_is_broken_only_as_long_as_it_says_the_same(host: Host, name: str) -> None:
    locks.take(host, name, holder("r1"))
    assert not locks.break_open(host, name, holder("r2"), holder("r3").text())
    assert locks.holder_from(lock_file(name).read_text()) == holder("r1")
    assert locks.break_open(host, name, holder("r2"), holder("r1").text())
    assert list(Path("/tmp").glob(f".sentraplay-lock-{name}*")) == []


def play(name: str, mark: Path, *more: str) -> str:
    tasks = "\n".join(f"    - {task}" for task in (f"shell: touch {mark}; sleep 20", *more))
    return f"- hosts: localhost\n  lock: '{name}'\n  tasks:\n{tasks}\n"


def test_a_second_run_is_refused_while_the_first_is_under_way(sentraplay: Program, tmp_path: Path, name: str) -> None:
    sentraplay.write("first.yml", play(name, tmp_path / "first"))
    sentraplay.write("second.yml", play("{{ service }}", tmp_path / "second"))
    first = sentraplay.start("run", "first.yml")
    try:
        wait_until("the first run", (tmp_path / "first").exists, 30)
        refused = sentraplay("run", "second.yml", "-e", f"service={name}")
        assert refused.code == 7
        assert f"the lock '{name}' is held" in refused.err and "first.yml" in refused.err
        assert f"--break-lock {name}" in refused.err
        assert not (tmp_path / "second").exists()
    finally:
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=30)
    assert not lock_file(name).exists()


def test_check_mode_needs_no_lock(sentraplay: Program, tmp_path: Path, name: str) -> None:
    lock_file(name).write_text(holder("other").text())
    sentraplay.write("p.yml", play(name, tmp_path / "mark"))
    assert sentraplay("run", "p.yml", "--check").code == 0


def test_a_lock_is_left_however_the_play_ends(sentraplay: Program, name: str) -> None:
    sentraplay.write("p.yml", f"- hosts: localhost\n  lock: {name}\n  tasks:\n    - command: 'false'\n")
    assert sentraplay("run", "p.yml").code == 2
    assert not lock_file(name).exists()


def test_the_lock_of_a_run_that_died_here_is_taken_over(sentraplay: Program, tmp_path: Path, name: str) -> None:
    sentraplay.write("p.yml", play(name, tmp_path / "mark"))
    first = sentraplay.start("run", "p.yml")
    wait_until("the run", (tmp_path / "mark").exists, 30)
    first.send_signal(signal.SIGKILL)
    first.communicate(timeout=20)
    assert json.loads(lock_file(name).read_text())["playbook"] == "p.yml"
    sentraplay.write("q.yml", f"- hosts: localhost\n  lock: {name}\n  tasks: [debug: ]\n")
    taken = sentraplay("run", "q.yml")
    assert taken.code == 0, taken.everything
    assert "was taken over" in taken.err


def test_a_lock_from_elsewhere_is_broken_only_by_name(sentraplay: Program, name: str) -> None:
    lock_file(name).write_text(holder("other").text())
    sentraplay.write("p.yml", f"- hosts: localhost\n  lock: {name}\n  tasks: [debug: ]\n")
    refused = sentraplay("run", "p.yml")
    assert (refused.code, "run other of p.yml on elsewhere" in refused.err) == (7, True)
    broken = sentraplay("run", "p.yml", "--break-lock", name)
    assert broken.code == 0, broken.everything
    assert not lock_file(name).exists()
