"""Unpacking on the controller: an archive cannot escape its directory, and nothing there is lost."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from runner.backup.unpacking import unpack
from runner.errors import Refused, VerificationFailed


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.mode = kind, link, mode
    return made


def archive(*entries: tuple[tarfile.TarInfo, bytes]) -> io.BytesIO:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as opened:
        for info, data in entries:
            info.size = len(data)
            opened.addfile(info, io.BytesIO(data))
    return io.BytesIO(held.getvalue())


def test_files_directories_and_links_come_out_for_their_owner_alone(tmp_path: Path) -> None:
    held = archive(
        (entry("./top", tarfile.DIRTYPE), b""),
        (entry("./top/inventory.yml"), b"all:"),
        (entry("./top/scripts/run", mode=0o755), b"#!/bin/sh"),
        (entry("./top/same", tarfile.LNKTYPE, "./top/inventory.yml"), b""),
        (entry("./top/scripts/link", tarfile.SYMTYPE, "../inventory.yml"), b""),
    )
    unpacked = unpack(held, tmp_path)
    assert (unpacked.entries, unpacked.left_out) == (4, ())
    assert (tmp_path / "scripts/link").read_text() == "all:"
    assert (tmp_path / "same").samefile(tmp_path / "inventory.yml")
    modes = {name: (tmp_path / name).stat().st_mode & 0o777 for name in ("inventory.yml", "scripts/run", "scripts")}
    assert modes == {"inventory.yml": 0o600, "scripts/run": 0o700, "scripts": 0o700}


@pytest.mark.parametrize("name", ["/etc/passwd", "./top/../../escaped", "../escaped", "./top/a/../../../escaped"])
def test_an_entry_that_would_leave_the_directory_is_refused(tmp_path: Path, name: str) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    with pytest.raises(VerificationFailed, match="would leave"):
        unpack(archive((entry(name), b"x")), inner)
    assert list(tmp_path.rglob("escaped")) == []


def test_a_hard_link_cannot_reach_outside(tmp_path: Path) -> None:
    with pytest.raises(VerificationFailed, match="would leave"):
        unpack(archive((entry("./top/x", tarfile.LNKTYPE, "/etc/passwd"), b"")), tmp_path)


@pytest.mark.parametrize("target", ["/etc", "../outside", "a/../../outside"])
def test_a_symbolic_link_to_the_outside_is_left_out_and_nothing_is_written_through_it(
    tmp_path: Path, target: str
) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    held = archive(
        (entry("./top/link", tarfile.SYMTYPE, target), b""),
        (entry("./top/link/written"), b"x"),
    )
    # The file's directory takes the link's name, so that the link cannot be made in its place.
    unpacked = unpack(held, inner)
    assert unpacked.left_out == ("link",)
    assert (inner / "link" / "written").read_bytes() == b"x"
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize("kind", [tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE])
def test_devices_and_pipes_are_refused(tmp_path: Path, kind: bytes) -> None:
    with pytest.raises(VerificationFailed, match="no file, directory or link"):
        unpack(archive((entry("./top/odd", kind), b"")), tmp_path)


def test_what_is_there_already_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "inventory.yml").write_text("mine")
    with pytest.raises(Refused, match="there already"):
        unpack(archive((entry("./top/inventory.yml"), b"theirs")), tmp_path)
    assert (tmp_path / "inventory.yml").read_text() == "mine"


def test_a_name_given_twice_in_an_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused):
        unpack(archive((entry("./top/a"), b"1"), (entry("./top/a"), b"2")), tmp_path)


def test_a_truncated_archive_is_an_error_of_ours_to_tell(tmp_path: Path) -> None:
    whole = archive((entry("./top/a"), os.urandom(4096))).getvalue()
    with pytest.raises(VerificationFailed, match="cannot be read"):
        unpack(io.BytesIO(whole[:2000]), tmp_path)
