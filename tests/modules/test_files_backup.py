"""files_backup and files_restore on this machine: what goes in comes out, and the live data is never at risk."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runner.errors import ObjectNotFound, SentraPlayError, TaskFailed, VerificationFailed
from runner.hosts.contract import Host
from runner.hosts.local import open_local
from runner.modules.arguments import build
from runner.modules.contract import Change, Outcome, RunInfo
from runner.modules.table import MODULES
from runner.repositories.directory import DirectoryRepository
from runner.schema import argument_problems, with_defaults
from runner.secret import Redactor
from runner.template import Templar
from tests.modules.pg_bed import PgAt, Shelf
from tests.support.fulldisk import TinyDisk

RUN = RunInfo(id="run-1", playbook="backup.yml", git_commit="abc", check=False, diff=False, resumed=False)


class Files:
    """The two modules with a repository in a directory; `live` is what they work on."""

    def __init__(self, host: Host, directory: Path) -> None:
        self.host = host
        self.store = directory / "store"
        self.live = directory / "live"
        self.live.mkdir()
        shelf = Shelf({"main": DirectoryRepository("main", host, str(self.store))})
        self.at = PgAt(host, Templar([directory], Redactor()), directory, RUN, shelf=shelf)

    def _args(self, module: str, given: dict[str, Any]) -> Any:
        whole = {"service": "app", "repository": "main", **given}
        problems = argument_problems(module, whole, rendered=True)
        assert not problems, problems
        return build(MODULES[module].Args, with_defaults(module, whole))

    def backup(self, *paths: Any, **given: Any) -> dict[str, Any]:
        arguments = {"paths": [str(p) if isinstance(p, Path) else p for p in paths or (self.live,)], **given}
        outcome = MODULES["files_backup"].apply(self.at, self._args("files_backup", arguments))
        assert outcome.changed
        return dict(outcome.data)

    def restore(self, **given: Any) -> Outcome:
        return MODULES["files_restore"].apply(self.at, self._args("files_restore", given))

    def preview(self, module: str, **given: Any) -> Change:
        return MODULES[module].preview(self.at, self._args(module, given))

    def in_run(self, run_id: str, *, resumed: bool = False) -> None:
        self.at.run = replace(RUN, id=run_id, resumed=resumed)

    def manifests(self) -> list[Path]:
        return sorted(self.store.glob("app/*/manifest.json"))

    def objects(self) -> list[Path]:
        return sorted(path for path in self.store.glob("app/*/*") if path.name != "manifest.json")


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    host = open_local()
    yield Files(host, tmp_path)
    host.close()


def described(root: Path) -> dict[bytes, tuple[Any, ...]]:
    """Everything that a backup must bring back, of every entry at or below `root`, by its name in bytes."""
    found: dict[bytes, tuple[Any, ...]] = {}
    inodes: dict[int, str] = {}
    for path in (root, *sorted(root.rglob("*"))):
        if ".sentraplay" in str(path.relative_to(root)):
            continue
        seen, name = path.lstat(), str(path.relative_to(root))
        link = str(path.readlink()) if path.is_symlink() else ""
        data = path.read_bytes() if path.is_file() and not link else b""
        first = inodes.setdefault(seen.st_ino, name)
        attributes = {a: os.getxattr(path, a, follow_symlinks=False) for a in os.listxattr(path, follow_symlinks=False)}
        found[os.fsencode(name)] = (
            seen.st_mode, seen.st_uid, seen.st_gid, seen.st_mtime_ns, seen.st_rdev, link, data, first, str(attributes),
        )  # fmt: skip
    return found


def furnish(live: Path) -> None:
    """A tree with everything a file system may hold."""
    (live / "plain").write_text("plain")
    (live / "empty").mkdir()
    (live / "sub").mkdir(mode=0o2750)
    (live / "sub" / "secret").write_text("s")
    (live / "sub" / "secret").chmod(0o600)
    os.link(live / "sub" / "secret", live / "hard")
    (live / "new\nline").write_text("n")
    (live / "-dash").write_text("d")
    (live / " blanks  ").write_text("b")
    Path(os.fsdecode(os.fsencode(live) + b"/not-utf8-\xff\xfe")).write_text("u")
    (live / "link").symlink_to("/etc/passwd")
    (live / "dangling").symlink_to("nowhere/at/all")
    with (live / "sparse").open("wb") as file:
        file.seek(50_000_000)
        file.write(b"end")
    os.mkfifo(live / "fifo", 0o640)
    (live / "sticky").mkdir()
    (live / "sticky").chmod(0o1777)
    (live / "set-uid").write_text("x")
    os.utime(live / "plain", ns=(1, 1_234_567_890_123_456_789))
    if os.geteuid() == 0:
        os.chown(live / "plain", 999, 70)
        os.chown(live / "sub", 70, 999)
        os.lchown(live / "link", 12345, 54321)
        os.setxattr(live / "plain", "user.note", b"kept")
    (live / "set-uid").chmod(0o4755)


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


@pytest.mark.parametrize("compression", ["zstd", "gzip", "none"])
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


def test_what_is_replaced_is_kept_and_can_be_brought_back(files: Files) -> None:
    (files.live / "x").write_text("saved")
    files.backup()
    (files.live / "x").write_text("changed since")
    data = files.restore().data
    assert (files.live / "x").read_text() == "saved"
    (kept,) = data["kept"]
    assert (Path(kept["kept_as"]) / "x").read_text() == "changed since"
    assert Path(kept["kept_as"]).parent.parent.stat().st_mode & 0o077 == 0
    assert files.restore(state="rolled_back").changed
    assert (files.live / "x").read_text() == "changed since"
    files.restore(state="rolled_back")
    assert (files.live / "x").read_text() == "saved", "a rollback can be undone too"


def test_rolling_back_what_was_never_restored_is_refused(files: Files) -> None:
    files.backup()
    with pytest.raises(TaskFailed, match="nothing is kept"):
        files.restore(state="rolled_back")


def test_kept_data_goes_when_its_time_has_passed(files: Files) -> None:
    (files.live / "x").write_text("saved")
    files.backup()
    files.restore(keep_previous="1s")
    room = files.live.parent / ".live.sentraplay"
    assert room.exists()
    time.sleep(1.1)
    files.in_run("run-2")
    files.backup()
    assert not room.exists()
    assert files.restore(keep_previous=0).data["kept"] == []


def test_a_resumed_run_sees_what_it_has_already_restored(files: Files) -> None:
    (files.live / "x").write_text("saved")
    files.backup()
    files.restore()
    (files.live / "x").write_text("written after the restore")
    files.in_run("run-1", resumed=True)
    assert files.preview("files_restore").needed is False
    assert not files.restore().changed
    assert (files.live / "x").read_text() == "written after the restore"
    files.in_run("run-2")
    assert files.restore().changed, "another run restores again"


def test_a_restore_makes_the_directories_above_as_they_were(files: Files) -> None:
    deep = files.live / "a" / "b"
    deep.mkdir(parents=True)
    (files.live / "a").chmod(0o710)
    (deep / "x").write_text("x")
    files.backup(deep / "x")
    shutil.rmtree(files.live / "a")
    files.restore()
    assert (deep / "x").read_text() == "x"
    assert (files.live / "a").stat().st_mode & 0o7777 == 0o710


def test_a_backup_can_be_unpacked_elsewhere_without_touching_what_is_live(files: Files, tmp_path: Path) -> None:
    (files.live / "x").write_text("saved")
    files.backup()
    (files.live / "x").write_text("live")
    files.restore(into=str(tmp_path / "look"))
    assert Path(f"{tmp_path}/look{files.live}/x").read_text() == "saved"
    assert (files.live / "x").read_text() == "live"


def test_one_path_of_several_can_be_restored(files: Files) -> None:
    for name in ("a", "b"):
        (files.live / name).write_text("saved")
    files.backup("a", "b", base=str(files.live))
    for name in ("a", "b"):
        (files.live / name).write_text("live")
    files.restore(paths=["a"], base=str(files.live))
    assert [(files.live / name).read_text() for name in ("a", "b")] == ["saved", "live"]
    with pytest.raises(TaskFailed, match="is not in backup"):
        files.restore(paths=["c"], base=str(files.live))


def test_every_flipped_bit_of_a_manifest_is_refused_and_nothing_is_touched(files: Files) -> None:
    (files.live / "x").write_text("saved")
    files.backup()
    (files.live / "x").write_text("live")
    (path,) = files.manifests()
    good = path.read_bytes()
    args = files._args("files_restore", {})
    before = described(files.live)
    for position in range(0, len(good) * 8, 149):
        damaged = bytearray(good)
        damaged[position // 8] ^= 1 << position % 8
        path.write_bytes(bytes(damaged))
        with pytest.raises(VerificationFailed):
            MODULES["files_restore"].preview(files.at, args)
    with pytest.raises(VerificationFailed):
        files.restore()
    assert described(files.live) == before


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove", "lengthen"])
def test_a_damaged_object_is_refused_and_nothing_is_touched(files: Files, damage: str) -> None:
    (files.live / "x").write_text("saved")
    files.backup(compression="none")
    (files.live / "x").write_text("live")
    before = described(files.live.parent / "live")
    (path,) = files.objects()
    data = bytearray(path.read_bytes())
    data[600] ^= 1
    changed = {"flip": bytes(data), "truncate": bytes(data[:-1]), "lengthen": bytes(data) + b"\0"}
    path.unlink() if damage == "remove" else path.write_bytes(changed[damage])
    with pytest.raises(VerificationFailed):
        files.restore()
    assert described(files.live) == before
    assert not (files.live.parent / ".live.sentraplay").exists()


def test_the_newest_backup_is_taken_and_an_older_one_by_its_id(files: Files) -> None:
    (files.live / "x").write_text("first")
    first = files.backup()["backup_id"]
    time.sleep(1.1)
    (files.live / "x").write_text("second")
    files.backup()
    files.restore()
    assert (files.live / "x").read_text() == "second"
    files.restore(backup=first)
    assert (files.live / "x").read_text() == "first"
    with pytest.raises(ObjectNotFound) as failed:
        files.restore(backup="20200101T000000Z-files-000000")
    assert first in failed.value.hint


def test_a_service_without_backups_is_said_to_have_none(files: Files) -> None:
    files.backup()
    with pytest.raises(ObjectNotFound, match="no files backup of other") as failed:
        files.restore(service="other")
    assert "app" in failed.value.hint


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


def test_a_disk_too_small_for_both_is_said_before_anything_is_unpacked(files: Files, tiny_disk: TinyDisk) -> None:
    place = tiny_disk.path / "data"
    place.mkdir()
    (place / "x").write_bytes(os.urandom(2_500_000))
    files.backup(place)
    before = described(place)
    with pytest.raises(TaskFailed, match="bytes are needed"):
        files.restore()
    assert described(place) == before
    assert [path.name for path in tiny_disk.path.iterdir()] == ["data"]


def test_a_mount_point_keeps_its_mount_and_changes_its_content(files: Files, tiny_disk: TinyDisk) -> None:
    place = tiny_disk.path
    place.chmod(0o751)
    (place / "x").write_text("saved")
    (place / "sub").mkdir()
    before = described(place)
    files.backup(place)
    (place / "x").write_text("live")
    (place / "later").write_text("later")
    files.restore()
    assert {**described(place), b".": ()} == {**before, b".": ()}
    assert place.is_mount() and place.stat().st_mode & 0o777 == 0o751
    files.restore(state="rolled_back")
    assert (place / "x").read_text() == "live" and (place / "later").read_text() == "later"


def test_something_mounted_below_a_path_is_refused(files: Files, tiny_disk: TinyDisk) -> None:
    (tiny_disk.path / "x").write_text("x")
    files.backup(tiny_disk.path.parent / tiny_disk.path.name)
    parent = tiny_disk.path.parent
    with pytest.raises(SentraPlayError, match="is mounted below"):
        MODULES["files_restore"].preview(
            files.at, files._args("files_restore", {"state": "rolled_back", "paths": [str(parent)]})
        )


ESCAPES = {
    "an absolute name": "tar -cPf - -C / --transform 's,^.*$,/{outside}/escaped,' /etc/hostname",
    "a name with ..": "tar -cPf - --transform 's,^.*$,./live/../../../escaped,' /etc/hostname",
    "through a link": (
        "cd {scratch} && ln -s {outside} live && tar -cf a.tar ./live && rm live && mkdir live && echo x >live/escaped "
        "&& tar -rf a.tar ./live/escaped && cat a.tar"
    ),
    "beside the path": "cd {scratch} && mkdir live other && touch other/x && tar -cf - ./live ./other",
}


@pytest.mark.parametrize("command", ESCAPES.values(), ids=ESCAPES.keys())
def test_an_archive_cannot_leave_its_directory(files: Files, tmp_path: Path, command: str) -> None:
    outside, scratch = tmp_path / "outside", tmp_path / "scratch"
    outside.mkdir()
    scratch.mkdir()
    (files.live / "x").write_text("live")
    files.backup(compression="none")
    text = command.format(outside=outside, scratch=scratch)
    archive = subprocess.run(["sh", "-c", text], capture_output=True, check=True).stdout
    seal(files, archive)
    before = described(files.live)
    with pytest.raises(SentraPlayError):
        files.restore()
    assert described(files.live) == before
    assert list(outside.iterdir()) == []
    assert list(tmp_path.rglob("escaped*")) in ([], [scratch / "live" / "escaped"])


def seal(files: Files, archive: bytes) -> None:
    """Put `archive` in the place of the only object, with a manifest that vouches for it."""
    import hashlib

    from runner.backup.manifest import from_json, to_json

    (path,), (manifest_path,) = files.objects(), files.manifests()
    path.write_bytes(archive)
    manifest = from_json(manifest_path.read_bytes(), "")
    (one,) = manifest.objects
    entry = replace(one, size=len(archive), sha256=hashlib.sha256(archive).hexdigest())
    manifest_path.write_bytes(to_json(replace(manifest, objects=(entry,))))


class Dying:
    """A host that dies just before its n-th change, as a killed controller would."""

    def __init__(self, host: Host, changes: int) -> None:
        self._host = host
        self._left = changes

    def __getattr__(self, name: str) -> Any:
        if name in {"run", "put"}:
            self._left -= 1
            if self._left < 0:
                raise KeyboardInterrupt
        return getattr(self._host, name)


@pytest.mark.parametrize("state", ["restored", "rolled_back"])
def test_a_run_killed_before_any_step_is_finished_by_the_next_and_loses_nothing(files: Files, state: str) -> None:
    (files.live / "x").write_text("saved")
    files.backup()
    for steps in range(40):
        for path in files.live.parent.glob(".live.sentraplay"):
            shutil.rmtree(path)
        (files.live / "x").write_text("live")
        files.in_run(f"run-{steps}")
        if state == "rolled_back":
            files.restore()
        files.at.host = Dying(files.host, steps)  # type: ignore[assignment]  # a host in all that is used
        try:
            files.restore(state=state)
        except KeyboardInterrupt:
            died = True
        else:
            died = False
        finally:
            files.at.host = files.host
        versions = {path.read_text() for path in files.live.parent.rglob("x")}
        assert "live" in versions, f"the live data was lost after {steps} steps"
        files.in_run(f"run-{steps}", resumed=True)
        files.restore(state=state)
        assert (files.live / "x").read_text() == ("saved" if state == "restored" else "live")
        assert "live" in {path.read_text() for path in files.live.parent.rglob("x")}
        if not died:
            return
    raise AssertionError("it never came to an end")


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
