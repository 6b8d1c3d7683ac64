"""What hosts/contract.py promises of commands that are ended early or left behind, held against every kind of host."""

from __future__ import annotations

import threading
import time

import pytest

from runner.demo.keeper import is_running
from runner.errors import Interrupted, TimedOut
from runner.hosts.contract import Become, Host, Script, command
from tests.support.workplace import pid_in

pytestmark = pytest.mark.live


def test_a_deadline_kills_the_command_with_all_it_started(host: Host, place: str) -> None:
    script = Script('sleep 1000 & echo $! >"$1"; wait', (f"{place}/pid",))
    started = time.monotonic()
    with pytest.raises(TimedOut, match="killed with everything"):
        host.run(script, timeout=1.0)
    assert time.monotonic() - started < 6
    assert not is_running(pid_in(f"{place}/pid"))
    assert host.run(command("echo", "usable")).stdout == "usable\n"


def test_a_command_that_ignores_term_is_killed_all_the_same(host: Host, place: str) -> None:
    script = Script('trap "" TERM; echo $$ >"$1"; while :; do sleep 1; done', (f"{place}/pid",))
    with pytest.raises(TimedOut, match="killed with everything"):
        host.run(script, timeout=0.5)
    assert not is_running(pid_in(f"{place}/pid"))


def test_a_timeout_can_only_shorten_the_views_deadline(host: Host) -> None:
    hurried = host.view(deadline=time.monotonic() + 0.5)
    with pytest.raises(TimedOut):
        hurried.run(command("sleep", "30"), timeout=1000)


def test_an_interrupted_command_is_killed_and_its_caller_told(host: Host, place: str) -> None:
    errors: list[BaseException] = []

    def work() -> None:
        try:
            host.run(Script('echo $$ >"$1"; sleep 1000', (f"{place}/pid",)))
        except BaseException as error:  # noqa: BLE001 - handed to the test
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    pid = pid_in(f"{place}/pid")
    host.interrupt()
    thread.join(15)
    assert [type(error) for error in errors] == [Interrupted]
    assert not is_running(pid)
    assert host.run(command("echo", "usable")).stdout == "usable\n"


def test_a_job_left_in_the_background_lives_on_and_disturbs_nobody(host: Host, place: str) -> None:
    script = Script('(sleep 1; echo noise; echo noise >&2; sleep 2) & echo $! >"$1"', (f"{place}/pid",))
    host.run(script)
    pid = pid_in(f"{place}/pid")
    assert host.run(Script("sleep 1.5; echo clean")).stdout == "clean\n"
    assert host.run(command("true")).stderr == ""
    detached = Script('sleep 30 >/dev/null 2>&1 </dev/null & echo $! >"$1"', (f"{place}/pid2",))
    host.run(detached)
    survivor = pid_in(f"{place}/pid2")
    with pytest.raises(TimedOut):
        host.run(command("sleep", "30"), timeout=0.3)
    assert is_running(survivor)
    host.run(Script("kill $1 $2 2>/dev/null; true", (str(pid), str(survivor))))


def test_several_threads_may_call_at_once(host: Host) -> None:
    results: dict[int, str] = {}

    def work(number: int) -> None:
        for round_ in range(3):
            results[number * 10 + round_] = host.run(command("echo", f"{number}.{round_}")).stdout

    threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert results == {n * 10 + r: f"{n}.{r}\n" for n in range(12) for r in range(3)}


def test_two_users_of_one_host_do_not_mix(host: Host) -> None:
    if host.run(command("id", "-u")).stdout != "0\n":
        pytest.skip("only root may become anybody here")
    nobody = host.view(become=Become("nobody"))
    assert nobody.run(command("id", "-un")).stdout == "nobody\n"
    assert host.run(command("id", "-un")).stdout == "root\n"
