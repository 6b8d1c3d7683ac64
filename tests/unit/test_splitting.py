"""A stream that goes to two places on a host arrives whole in both, or its split says that it did not."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from runner.hosts.contract import Host, Pipeline, Script, command
from runner.hosts.local import open_local
from runner.hosts.splitting import SPLIT, split_into

SIZES = (0, 1, 65_536, 3_000_001)
ENDLESS = Script("exec cat /dev/zero")


TOLD_TO_STOP = ("as it is", "perl is broken", "perl lies")


@pytest.fixture(params=[*TOLD_TO_STOP, "busybox without perl"])
def host(
    request: pytest.FixtureRequest, tmp_path: Path, busybox: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Host]:
    """One with programs of each kind."""
    said = {"perl is broken": "exit 1", "perl lies": "echo 43"}.get(request.param)
    if said:
        own = tmp_path / "bin"
        own.mkdir()
        (own / "perl").write_text(f"#!/bin/sh\n{said}\n")
        (own / "perl").chmod(0o755)
        monkeypatch.setenv("PATH", f"{own}:{os.environ['PATH']}")
    elif request.param == "busybox without perl":
        monkeypatch.setenv("PATH", str(busybox))
    with closing(open_local(command_timeout=60)) as local:
        yield local


@pytest.mark.parametrize("size", SIZES)
def test_a_file_and_what_is_passed_on_are_what_came(host: Host, tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    (tmp_path / "source").write_bytes(data)
    kept = tmp_path / "it's $HOME"
    members = (Script('exec cat <"$1"', (str(tmp_path / "source"),)), split_into(str(kept)), command("sha256sum"))
    result = host.run(Pipeline(members))
    assert result.stdout[:64] == hashlib.sha256(data).hexdigest()
    assert kept.read_bytes() == data


def test_a_fifo_gets_everything_too(host: Host, tmp_path: Path) -> None:
    script = f"""{SPLIT}cd "$1"; mkfifo other; sha256sum <other >kept &
    head -c 3000001 /dev/zero | split_into other | sha256sum; wait; cat kept"""
    one, other = host.run(Script(script, (str(tmp_path),))).stdout.splitlines()
    assert one == other
    assert one[:64] == hashlib.sha256(bytes(3_000_001)).hexdigest()


def test_what_comes_is_passed_on_at_once(host: Host, tmp_path: Path) -> None:
    """The next bytes may be long in coming: nothing waits for a block to be full."""
    with host.stream(split_into(str(tmp_path / "kept"))) as stream:
        for word in (b"one", b"another"):
            stream.stdin.write(word)
            stream.stdin.flush()
            assert stream.stdout.read(len(word)) == word
        stream.stdin.close()
        stream.finish()


def test_a_full_disk_fails_it_by_name(host: Host) -> None:
    source = command("head", "-c", "3000001", "/dev/zero")
    members = (source, split_into("/dev/full", LC_ALL="C"), Script("exec cat >/dev/null"))
    result = host.run(Pipeline(members), check=False)
    assert result.statuses[1] != 0
    assert "/dev/full" in result.stderr


@pytest.mark.parametrize("host", [*TOLD_TO_STOP], indirect=True)
def test_a_full_disk_ends_it_at_once(host: Host) -> None:
    """Not only at the end of a stream that may go on for hours; the tee of busybox can be told neither that, nor to say
    what the system said."""
    members = (ENDLESS, split_into("/dev/full", LC_ALL="C"), Script("exec cat >/dev/null"))
    result = host.run(Pipeline(members), check=False)
    assert result.statuses[1] != 0
    assert "No space left on device" in result.stderr


def test_a_reader_that_went_away_ends_it(host: Host, tmp_path: Path) -> None:
    result = host.run(Pipeline((ENDLESS, split_into("/dev/null", LC_ALL="C"), command("head", "-c", "1"))), check=False)
    assert result.statuses[1] != 0


def test_a_place_that_cannot_be_written_is_named(host: Host, tmp_path: Path) -> None:
    path = str(tmp_path / "nowhere" / "file")
    result = host.run(Pipeline((command("echo", "hello"), split_into(path, LC_ALL="C"))), check=False)
    assert result.statuses[1] != 0
    assert path in result.stderr
