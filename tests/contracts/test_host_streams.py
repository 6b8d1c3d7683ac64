"""What hosts/contract.py promises of streams, held against every kind of host."""

from __future__ import annotations

import secrets
import threading

import pytest

from runner.demo.keeper import is_running
from runner.errors import Interrupted, TimedOut
from runner.hosts.contract import CommandFailed, Host, Pipeline, Script, command
from tests.support.workplace import pid_in

pytestmark = pytest.mark.live


def test_a_stream_carries_bytes_both_ways_in_order(host: Host) -> None:
    data = secrets.token_bytes(5_000_000)
    received: list[bytes] = []
    with host.stream(Pipeline((command("cat"), command("cat")))) as stream:
        source = stream.stdin
        reader = threading.Thread(target=lambda: received.append(stream.stdout.read()))
        reader.start()
        source.write(data)
        source.close()
        reader.join(30)
        result = stream.finish()
    assert received == [data]
    assert result.statuses == (0, 0)


def test_a_stream_that_only_reads_gets_an_empty_input(host: Host) -> None:
    with host.stream(command("cat"), timeout=10) as stream:
        assert stream.stdout.read() == b""
        assert stream.finish().ok


def test_a_stream_tells_every_members_status(host: Host) -> None:
    with host.stream(Pipeline((Script("echo a; exit 3"), command("cat")))) as stream:
        assert stream.stdout.read() == b"a\n"
        with pytest.raises(CommandFailed) as caught:
            stream.finish()
    assert caught.value.result.statuses == (3, 0)


def test_half_of_an_input_is_never_taken_for_the_whole(host: Host, place: str) -> None:
    script = Script('cat >"$1.part"; mv "$1.part" "$1"', (f"{place}/whole",))
    with pytest.raises(RuntimeError), host.stream(script) as stream:
        stream.stdin.write(b"x" * 2_000_000)
        stream.stdin.flush()
        raise RuntimeError
    assert host.stat(f"{place}/whole") is None


def test_an_unfinished_stream_is_killed(host: Host, place: str) -> None:
    with host.stream(Script('echo $$ >"$1"; sleep 1000', (f"{place}/pid",))):
        pid = pid_in(f"{place}/pid")
    assert not is_running(pid)


def test_a_stream_whose_command_ends_early_fails_by_its_status(host: Host) -> None:
    with (
        pytest.raises(CommandFailed, match="status 9: disk full"),
        host.stream(Script("head -c 10 >/dev/null; echo disk full >&2; exit 9")) as stream,
    ):
        for _ in range(200):
            stream.stdin.write(b"x" * 100_000)
        stream.finish()


def test_a_stream_has_a_deadline(host: Host) -> None:
    with pytest.raises(TimedOut), host.stream(command("sleep", "100"), timeout=0.5) as stream:
        stream.stdout.read()


LATE = r"""
trap 'echo cleaned >"$1"; exit 143' TERM
sh -c 'trap "trap - TERM" TERM; while :; do sleep 0.1; done'
"""
"""Its child does not heed the first order to end, as one that is only being started then."""


@pytest.mark.parametrize("way", ["run", "stream"])
def test_what_misses_the_order_to_end_gets_it_again_and_traps_are_run(host: Host, place: str, way: str) -> None:
    script = Script(LATE, (f"{place}/told",))
    with pytest.raises(TimedOut):
        if way == "run":
            host.run(script, timeout=1.0)
        else:
            with host.stream(script, timeout=1.0) as stream:
                stream.stdout.read()
    assert host.read(f"{place}/told") == b"cleaned\n"


def test_a_stream_can_be_interrupted(host: Host) -> None:
    with pytest.raises(Interrupted), host.stream(Script("echo on; sleep 1000")) as stream:
        assert stream.stdout.readline() == b"on\n"
        threading.Timer(0.2, host.interrupt).start()
        stream.stdout.read()
