"""A digest on a host is the same whichever program makes it, and none is trusted unasked."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from runner.hosts.contract import Pipeline, Script
from runner.hosts.hashing import IS_SHA256, sha256_of, sha256_of_input
from runner.hosts.local import open_local

SIZES = (0, 1, 70_000, 3_000_001)


@pytest.fixture(params=["as it is", "openssl is broken", "openssl lies", "busybox without openssl"])
def programs(
    request: pytest.FixtureRequest, tmp_path: Path, busybox: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A PATH of each kind; the place where a call of a stand-in for openssl is noted."""
    called, own = tmp_path / "called", tmp_path / "bin"
    own.mkdir()
    said = {"openssl is broken": "exit 1", "openssl lies": "cat >/dev/null; echo 0123 '*stdin'"}.get(request.param)
    if said:
        (own / "openssl").write_text(f"#!/bin/sh\necho once >>{called}\n{said}\n")
        (own / "openssl").chmod(0o755)
        monkeypatch.setenv("PATH", f"{own}:{os.environ['PATH']}")
    elif request.param == "busybox without openssl":
        monkeypatch.setenv("PATH", str(busybox))
    yield called
    assert called.exists() == bool(said)


@pytest.mark.parametrize("size", SIZES)
def test_a_file_and_a_stream_have_the_digest_that_python_finds(programs: Path, tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    (tmp_path / "it's a file").write_bytes(data)
    wanted = hashlib.sha256(data).hexdigest()
    with closing(open_local()) as host:
        assert host.query(sha256_of(str(tmp_path / "it's a file"), LC_ALL="C")).stdout.split()[0] == wanted
        stream = Pipeline((Script('exec cat <"$1"', (str(tmp_path / "it's a file"),)), sha256_of_input()))
        assert host.query(stream).stdout[:64] == wanted
    if programs.exists():
        assert programs.read_text().count("once") == 2, "it is asked once, and not used"


@pytest.mark.parametrize("size", SIZES)
def test_a_file_is_told_from_one_of_another_digest(programs: Path, tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    (tmp_path / "it's a file").write_bytes(data)
    ask = Script(f'{IS_SHA256}is_sha256 "$1" "$2"', (str(tmp_path / "it's a file"), hashlib.sha256(data).hexdigest()))
    other = Script(ask.text, (ask.args[0], hashlib.sha256(data + b"x").hexdigest()))
    with closing(open_local()) as host:
        assert host.query(ask, check=False).exit_code == 0
        assert host.query(other, check=False).exit_code == 1
        (tmp_path / "it's a file").unlink()
        assert host.query(ask, check=False).exit_code == 1
