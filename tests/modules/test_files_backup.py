"""files_backup: what a file system holds goes in and comes back; what cannot be saved is said."""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
from pathlib import Path

import pytest

from runner.errors import ObjectNotFound, TaskFailed
from tests.modules.files_bed import Files, described, furnish


def test_everything_a_file_system_holds_comes_back_as_it_was(files: Files) -> None:
    furnish(files.live)
    before = described(files.live)
    made = files.backup()
    assert made["entries"] == len(before)
    shutil.rmtree(files.live)
    assert files.restore().changed
    assert described(files.live) == before
    assert [path.name for path in (files.live.parent / ".live.sentraplay").iterdir()] == ["state.json"]
    assert (files.live / "sparse").stat().st_blocks * 512 < 1_000_000, "the holes were filled"


@pytest.mark.parametrize("compression", ["zstd", "lz4", "gzip", "none"])
def test_each_compression_comes_back(files: Files, compression: str) -> None:
    furnish(files.live)
    before = described(files.live)
    files.backup(compression=compression)
    shutil.rmtree(files.live)
    files.restore()
    assert described(files.live) == before


def test_files_directories_and_links_are_paths_of_their_own(files: Files) -> None:
    (files.live / ".env").write_text("KEY=1")
    (files.live / "data").mkdir()
    (files.live / "data" / "x").write_text("x")
    (files.live / "current").symlink_to("data")
    before = described(files.live)
    made = files.backup("data", ".env", "current", base=str(files.live))
    assert made["paths"] == [str(files.live / name) for name in ("data", ".env", "current")]
    for path in files.live.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    files.restore()
    assert {**described(files.live), b".": ()} == {**before, b".": ()}


def test_nothing_that_is_stored_can_be_read_by_others(files: Files) -> None:
    (files.live / "x").write_text("x")
    files.backup()
    assert {path.stat().st_mode & 0o077 for path in files.store.rglob("*")} == {0}


def test_a_missing_path_fails_and_leaves_no_backup(files: Files) -> None:
    with pytest.raises(TaskFailed, match="missing does not exist") as failed:
        files.backup(files.live, files.live.parent / "missing")
    assert "optional" in failed.value.hint
    assert files.manifests() == []


def test_an_optional_path_may_be_missing_and_is_named(files: Files) -> None:
    missing = str(files.live.parent / "missing")
    made = files.backup(files.live, {"path": missing, "optional": True}, optional_paths=[f"{missing}2"])
    assert made["missing"] == [missing, f"{missing}2"]
    manifest = json.loads(files.manifests()[0].read_bytes())
    assert manifest["contents"]["missing_optional_paths"] == [missing, f"{missing}2"]


def test_a_link_whose_target_is_not_saved_is_refused(files: Files, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (files.live / "data").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(TaskFailed, match="only the link|not among the paths"):
        files.backup(files.live / "data")


@pytest.mark.parametrize("paths", [["live", "live/sub"], ["live", "live"]])
def test_paths_inside_each_other_are_refused(files: Files, tmp_path: Path, paths: list[str]) -> None:
    (files.live / "sub").mkdir()
    with pytest.raises(TaskFailed, match="already part of|given twice"):
        files.backup(*paths, base=str(tmp_path))


def test_excluded_names_and_paths_are_left_out(files: Files) -> None:
    for name in ("keep", "a.tmp", "cache/x", "deep/cache/x", "deep/b.tmp"):
        path = files.live / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    files.backup(exclude=["*.tmp", f"{files.live}/cache"])
    shutil.rmtree(files.live)
    files.restore()
    kept = sorted(str(path.relative_to(files.live)) for path in files.live.rglob("*") if path.is_file())
    assert kept == ["deep/cache/x", "keep"]


def grow(path: Path, over: threading.Event) -> None:
    with path.open("ab") as file:
        while not over.is_set():
            file.write(b"x" * 4096)
            file.flush()


def test_files_that_change_meanwhile_are_recorded_or_refused(files: Files) -> None:
    busy = files.live / "busy"
    busy.write_bytes(os.urandom(30_000_000))
    over = threading.Event()
    writer = threading.Thread(target=grow, args=(busy, over))
    writer.start()
    try:
        made = files.backup()
        assert any("changed as we read it" in warning for warning in made["warnings"])
        assert json.loads(files.manifests()[0].read_bytes())["warnings"] == made["warnings"]
        with pytest.raises(TaskFailed, match="changed while they were read"):
            files.backup(changed_files="fail")
    finally:
        over.set()
        writer.join()
    assert len(files.manifests()) == 1 == len(files.objects()), "the refused backup left something"


def test_a_socket_is_not_saved_but_named(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(files.live)
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("s")
        made = files.backup()
    assert any("socket ignored" in warning for warning in made["warnings"])
    files.restore()


def test_objects_without_a_manifest_are_no_backup_and_are_swept(files: Files) -> None:
    files.backup()
    orphan = files.store / "app" / "20260101T000000Z-files-abcdef"
    orphan.mkdir()
    (orphan / "01-live.tar").write_bytes(b"half")
    with pytest.raises(ObjectNotFound):
        files.restore(backup=orphan.name)
    os.utime(orphan / "01-live.tar", (0, 0))
    files.backup()
    assert not orphan.exists()
    assert len(files.manifests()) == 2


def test_check_mode_says_what_it_would_do_and_does_nothing(files: Files) -> None:
    (files.live / "x").write_text("x")
    change = files.preview("files_backup", paths=[str(files.live)])
    assert change.needed and str(files.live) in change.summary
    assert not files.store.exists()
    made = files.backup()
    change = files.preview("files_restore")
    assert change.needed and made["backup_id"] in change.summary
    assert not (files.live.parent / ".live.sentraplay").exists()
    with pytest.raises(TaskFailed, match="does not exist"):
        files.preview("files_backup", paths=["/no/such/path"])


def test_a_tar_that_fails_leaves_no_backup(files: Files) -> None:
    (files.live / "x").write_text("x")
    broken = files.host.view(env={"PATH": f"{files.live.parent}:{os.environ['PATH']}"})
    fake = files.live.parent / "tar"
    fake.write_text('#!/bin/sh\n[ "$1" = --version ] && exec /bin/tar --version\n/bin/tar "$@"; exit 2\n')
    fake.chmod(0o755)
    files.at.host = broken
    with pytest.raises(TaskFailed):
        files.backup()
    files.at.host = files.host
    assert files.manifests() == [] and files.objects() == []


def test_without_gnu_tar_it_says_so(files: Files) -> None:
    fake = files.live.parent / "tar"
    fake.write_text("#!/bin/sh\necho 'tar (busybox) 1.36'\n")
    fake.chmod(0o755)
    files.at.host = files.host.view(env={"PATH": f"{files.live.parent}:{os.environ['PATH']}"})
    with pytest.raises(TaskFailed, match="GNU tar is not installed"):
        files.backup()
