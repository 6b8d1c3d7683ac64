"""What hosts/contract.py promises of files, held against every kind of host."""

from __future__ import annotations

import hashlib
import io
import os
import secrets

import pytest

from runner.errors import TaskFailed
from runner.hosts.contract import Become, Host, Script, command

pytestmark = pytest.mark.live


def test_put_writes_the_whole_file_with_mode(host: Host, place: str) -> None:
    for size in (0, 1000, 3_000_000):
        data = secrets.token_bytes(size)
        path = f"{place}/ünïcode 'quoted'\nname"
        host.put(io.BytesIO(data), path, mode=0o640)
        found = host.stat(path)
        assert found is not None
        assert (found.kind, found.mode, found.size) == ("file", 0o640, size)
        assert host.read(path) == data
    assert host.run(command("ls", "-A", place)).stdout.count("sentraplay") == 0


def test_a_put_whose_source_breaks_leaves_nothing(host: Host, place: str) -> None:
    class Breaking(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() >= 1_000_000:
                raise OSError("source broke")
            return super().read(size)

    host.put(io.BytesIO(b"old"), f"{place}/f")
    with pytest.raises(OSError, match="source broke"):
        host.put(Breaking(b"x" * 4_000_000), f"{place}/f")
    assert host.read(f"{place}/f") == b"old"
    assert host.run(command("ls", "-A", place)).stdout == "f\n"


def test_put_says_why_it_cannot(host: Host, place: str) -> None:
    with pytest.raises(TaskFailed, match="cannot write /no/such/f"):
        host.put(io.BytesIO(b"x"), "/no/such/f")
    with pytest.raises(TaskFailed, match="is a directory"):
        host.put(io.BytesIO(b"x"), place)
    with pytest.raises(TaskFailed, match="absolute"):
        host.put(io.BytesIO(b"x"), "~/f")


def test_put_loses_nothing_that_was_written_meanwhile(host: Host, place: str) -> None:
    path = f"{place}/f"
    host.put(io.BytesIO(b"one"), path, replaces="")
    with pytest.raises(TaskFailed, match="somebody else has changed it"):
        host.put(io.BytesIO(b"two"), path, replaces="")
    with pytest.raises(TaskFailed, match="somebody else has changed it"):
        host.put(io.BytesIO(b"two"), path, replaces=hashlib.sha256(b"other").hexdigest())
    assert host.read(path) == b"one"
    host.put(io.BytesIO(b"two"), path, replaces=hashlib.sha256(b"one").hexdigest())
    assert host.read(path) == b"two"


def test_put_replaces_a_link_and_not_what_it_points_to(host: Host, place: str) -> None:
    host.put(io.BytesIO(b"kept"), f"{place}/target")
    host.run(command("ln", "-s", "target", f"{place}/link"))
    host.put(io.BytesIO(b"new"), f"{place}/link")
    assert (host.read(f"{place}/target"), host.read(f"{place}/link")) == (b"kept", b"new")


def test_get_copies_any_size(host: Host, place: str) -> None:
    data = secrets.token_bytes(3_000_000)
    host.put(io.BytesIO(data), f"{place}/big")
    sink = io.BytesIO()
    host.get(f"{place}/big", sink)
    assert sink.getvalue() == data
    with pytest.raises(TaskFailed, match="No such file"):
        host.get(f"{place}/missing", io.BytesIO())


def test_stat_tells_what_lstat_tells(host: Host, place: str) -> None:
    link = f"{place}/li nk"
    host.run(Script('ln -s "$1" "$2"; mkfifo "$3"', ("a\nb ", link, f"{place}/fifo")))
    found, real = host.stat(link), os.lstat(link)
    assert found is not None
    assert (found.kind, found.target, found.inode, found.uid) == ("link", "a\nb ", real.st_ino, real.st_uid)
    assert abs(found.mtime - real.st_mtime) < 1
    kinds = {path: host.stat(path) for path in ("/", "/dev/null", f"{place}/fifo")}
    assert [found and found.kind for found in kinds.values()] == ["directory", "character", "fifo"]


def test_stat_of_nothing_is_none(host: Host, place: str) -> None:
    assert host.stat(f"{place}/nothing") is None
    assert host.stat("/etc/passwd/below") is None


def test_what_may_not_be_seen_is_an_error_not_an_absence(host: Host, place: str) -> None:
    if host.run(command("id", "-u")).stdout == "0\n":
        host.run(Script('mkdir -m 700 "$1"; chmod 711 "$2"', (f"{place}/closed", place)))
        host = host.view(become=Become("nobody"))
        with pytest.raises(TaskFailed, match="Permission denied"):
            host.stat(f"{place}/closed/x")
        return
    with pytest.raises(TaskFailed, match="Permission denied"):
        host.stat("/root/x")


def test_read_takes_no_more_than_its_limit(host: Host, place: str) -> None:
    host.put(io.BytesIO(b"x" * 100), f"{place}/f")
    assert host.read(f"{place}/f", limit=100) == b"x" * 100
    with pytest.raises(TaskFailed, match="larger than 99"):
        host.read(f"{place}/f", limit=99)
    with pytest.raises(TaskFailed, match="no such file"):
        host.read(f"{place}/missing")
    with pytest.raises(TaskFailed, match="not a regular file"):
        host.read(place)


def test_a_private_directory_is_private_and_goes(host: Host) -> None:
    with host.private_directory() as directory:
        found = host.stat(directory)
        assert found is not None
        assert (found.kind, found.mode) == ("directory", 0o700)
        host.run(Script('mkdir "$1/sub"; echo x >"$1/sub/f"', (directory,)))
    assert host.stat(directory) is None


def test_a_private_directory_goes_when_its_user_fails(host: Host) -> None:
    with pytest.raises(RuntimeError), host.private_directory() as directory:
        raise RuntimeError
    assert host.stat(directory) is None
