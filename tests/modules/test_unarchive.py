"""unarchive."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import tarfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runner.errors import ConnectionLost, TaskFailed
from runner.modules.archives import staging
from runner.schema import argument_problems
from tests.modules.bed import Bench

FORMATS = ("tar", "tar.gz", "tar.bz2", "tar.xz", "tar.zst", "zip")
HANDLERS = dict(
    zip(
        FORMATS,
        ("TarArchive", "TgzArchive", "TarArchive", "TarArchive", "TarArchive", "ZipArchive"),
        strict=True,
    )
)
ODD = "a b'\"$(id)*ü"
# Names with a newline can be listed safely by GNU tar alone.
PACKERS = {
    "tar": ("tar", "-cf", "{}"),
    "tar.gz": ("tar", "-czf", "{}"),
    "tar.bz2": ("tar", "-cjf", "{}"),
    "tar.xz": ("tar", "-cJf", "{}"),
    "tar.zst": ("tar", "--zstd", "-cf", "{}"),
    "zip": ("zip", "-q", "-y", "-r", "{}"),
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """What the archives are made of."""
    root = tmp_path / "tree"
    (root / "app" / "empty").mkdir(parents=True)
    (root / "app" / "bin").mkdir()
    (root / "app" / "bin" / "run").write_text("#!/bin/sh\n")
    (root / "app" / "bin" / "run").chmod(0o751)
    (root / "app" / ODD).write_bytes(bytes(range(256)))
    (root / "app" / "nothing").write_text("")
    (root / "app" / "link").symlink_to("bin/run")
    os.link(root / "app" / "bin" / "run", root / "app" / "same")
    return root


@pytest.fixture
def pack(tree: Path, tmp_path: Path) -> Callable[[str], Path]:
    def pack(suffix: str) -> Path:
        path = tmp_path / f"archive.{suffix}"
        words = [word.format(path) for word in PACKERS[suffix]]
        path.unlink(missing_ok=True)
        subprocess.run([*words, "app"], cwd=tree, check=True, env={"PATH": "/usr/bin:/bin"})
        return path

    return pack


@pytest.fixture
def bench(bench: Bench, tmp_path: Path, request: pytest.FixtureRequest) -> Bench:
    """busybox has no zstd of its own and packs no zip; it may use those that are installed."""
    extra = tmp_path / "programs"
    extra.mkdir()
    zstd = shutil.which("zstd", path="/usr/bin")
    assert zstd is not None
    (extra / "zstd").symlink_to(zstd)
    bench.at.host = bench.at.host.view(env={"PATH": f"{os.environ['PATH']}:{extra}"})
    return bench


def soon_alone(target: Path) -> bool:
    """Whether what was unpacked beside `app` goes; after a failure a process of its own removes it."""
    end = time.monotonic() + 30
    while {path.name for path in target.iterdir()} != {"app"} and time.monotonic() < end:
        time.sleep(0.05)
    return {path.name for path in target.iterdir()} == {"app"}


def same(one: Path, other: Path) -> bool:
    return subprocess.run(["/usr/bin/diff", "-r", "--no-dereference", one, other], check=False).returncode == 0


@pytest.mark.parametrize("remote", [True, False], ids=["of the host", "of the controller"])
@pytest.mark.parametrize("suffix", FORMATS)
def test_an_archive_is_unpacked_once(
    bench: Bench, target: Path, tree: Path, pack: Callable[[str], Path], suffix: str, remote: bool
) -> None:
    arguments = {"src": str(pack(suffix)), "dest": str(target), "remote_src": remote, "list_files": True}
    done = bench.apply("unarchive", **arguments) if suffix == "tar.zst" and not remote else None
    if done is None:
        done = bench.settle("unarchive", **arguments)
    assert done.changed and same(tree, target)
    assert (target / "app" / "bin" / "run").stat().st_mode & 0o777 == 0o751
    assert (done.data["handler"], done.data["dest"], done.data["state"]) == (HANDLERS[suffix], str(target), "directory")
    assert set(done.data["files"]) == {  # type: ignore[call-overload]  # data is for templates
        *("app/", "app/empty/", "app/bin/", "app/bin/run", f"app/{ODD}", "app/nothing", "app/link", "app/same")
    }
    assert not bench.apply("unarchive", **arguments).changed


@pytest.mark.parametrize("suffix", ["tar.gz", "zip"])
def test_only_what_differs_is_replaced(
    bench: Bench, target: Path, tree: Path, pack: Callable[[str], Path], suffix: str
) -> None:
    arguments = {"src": str(pack(suffix)), "dest": str(target), "remote_src": True}
    bench.apply("unarchive", **arguments)
    (target / "app" / "bin" / "run").write_text("#!/bin/zz\n")
    (target / "app" / "link").unlink()
    (target / "app" / "link").symlink_to("elsewhere")
    (target / "app" / "own").write_text("stays")
    untouched = (target / "app" / ODD).stat().st_ino
    done = bench.settle("unarchive", **arguments)
    assert done.diff is not None
    assert set(done.diff.after.splitlines()) >= {f"{target}/app/bin/run", f"{target}/app/link"}
    assert (target / "app" / ODD).stat().st_ino == untouched
    (target / "app" / "own").unlink()
    assert same(tree, target)


def test_a_name_with_a_newline_is_unpacked_or_refused(
    bench: Bench, target: Path, tree: Path, pack: Callable[[str], Path], request: pytest.FixtureRequest
) -> None:
    (tree / "app" / "a\nb\\n").write_text("x")
    if "busybox" in request.node.name:
        with pytest.raises(TaskFailed, match="cannot be listed safely"):
            bench.apply("unarchive", src=str(pack("tar")), dest=str(target), remote_src=True)
        assert list(target.iterdir()) == []
    else:
        bench.settle("unarchive", src=str(pack("tar")), dest=str(target), remote_src=True)
        assert same(tree, target)


@pytest.mark.parametrize("remote", [True, False], ids=["of the host", "of the controller"])
@pytest.mark.parametrize("suffix", ["tar.gz", "zip"])
def test_what_is_asked_for_is_unpacked(
    bench: Bench, target: Path, pack: Callable[[str], Path], suffix: str, remote: bool
) -> None:
    arguments = {"src": str(pack(suffix)), "dest": str(target), "remote_src": remote}
    bench.settle("unarchive", **arguments, include=["app/bin", "app/n*"])
    assert {str(path.relative_to(target)) for path in target.rglob("*")} == {
        *("app", "app/bin", "app/bin/run", "app/nothing")
    }
    with pytest.raises(TaskFailed, match="holds no 'bin'"):
        bench.preview("unarchive", **arguments, include=["bin"])
    bench.settle("unarchive", **arguments, exclude=["bin", "same", "*'*", "link"])
    assert (target / "app" / "empty").is_dir() and not (target / "app" / "link").is_symlink()


def test_directories_are_taken_off_the_names(bench: Bench, target: Path, pack: Callable[[str], Path]) -> None:
    arguments = {"src": str(pack("tar.gz")), "dest": str(target), "remote_src": True}
    bench.settle("unarchive", **arguments, extra_opts=["--strip-components=1"], exclude=["app/bin"])
    assert {path.name for path in target.iterdir()} == {"empty", ODD, "nothing", "link"} | (
        {"same"} if (target / "same").exists() else set()
    )


def test_other_options_reach_the_program(bench: Bench, target: Path, tree: Path, pack: Callable[[str], Path]) -> None:
    arguments = {"src": str(pack("tar.gz")), "dest": str(target), "remote_src": True, "extra_opts": ["-m"]}
    assert bench.preview("unarchive", **arguments).needed is None
    assert bench.apply("unarchive", **arguments).changed and same(tree, target)
    assert not bench.apply("unarchive", **arguments).changed


def test_the_rights_asked_for_are_those_of_everything(bench: Bench, target: Path, pack: Callable[[str], Path]) -> None:
    arguments = {"src": str(pack("tar.gz")), "dest": str(target), "remote_src": True}
    bench.settle("unarchive", **arguments, mode="u=rwX,go=", owner="1", group="1")
    for path in (target / "app").rglob("*"):
        found = path.lstat()
        assert (found.st_uid, found.st_gid) == (1, 1)
        assert path.is_symlink() or found.st_mode & 0o777 == (
            0o700 if path.is_dir() or "run" in path.name or "same" in path.name else 0o600
        )
    (target / "app" / "nothing").chmod(0o644)
    assert bench.settle("unarchive", **arguments, mode="u=rwX,go=", owner="1", group="1").changed


def test_newer_files_are_kept_if_that_is_wanted(bench: Bench, target: Path, pack: Callable[[str], Path]) -> None:
    arguments = {"src": str(pack("tar.gz")), "dest": str(target), "remote_src": True}
    bench.apply("unarchive", **arguments)
    path = target / "app" / "nothing"
    path.write_text("newer")
    os.utime(path, (4_000_000_000, 4_000_000_000))
    assert not bench.settle("unarchive", **arguments, keep_newer=True).changed
    assert path.read_text() == "newer"
    bench.settle("unarchive", **arguments)
    assert path.read_text() == ""


def test_it_is_needless_where_what_it_creates_is(bench: Bench, target: Path, pack: Callable[[str], Path]) -> None:
    src = str(pack("tar"))
    done = bench.settle("unarchive", src=src, dest=str(target), remote_src=True, creates=str(target))
    assert not done.changed and list(target.iterdir()) == []


def test_an_encrypted_archive_is_unpacked_decrypted(
    bench: Bench, target: Path, tree: Path, pack: Callable[[str], Path], encrypt: Callable[[Path], None]
) -> None:
    path = pack("tar.gz")
    encrypt(path)
    bench.settle("unarchive", src=str(path), dest=str(target))
    assert same(tree, target)
    with pytest.raises(TaskFailed, match="is no archive"):
        bench.apply("unarchive", src=str(path), dest=str(target), decrypt=False)


def test_a_zip_that_marks_its_names_as_utf_8_is_unpacked(bench: Bench, target: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("\u00fc/\u00e4 [b]*", "x")
    bench.settle("unarchive", src=f"{tmp_path}/x.zip", dest=str(target), remote_src=True)
    assert (target / "\u00fc" / "\u00e4 [b]*").read_text() == "x"


def tar_with(path: Path, *members: tuple[str, bytes, str]) -> None:
    """An archive with members as only somebody who means harm makes them: name, type, target."""
    with tarfile.open(path, "w") as archive:
        for name, kind, link in members:
            one = tarfile.TarInfo(name)
            one.type, one.linkname = kind, link
            one.size = 1 if kind == tarfile.REGTYPE else 0
            archive.addfile(one, io.BytesIO(b"x"))


@pytest.mark.parametrize("remote", [True, False], ids=["of the host", "of the controller"])
@pytest.mark.parametrize(
    ("members", "said"),
    [
        ([("/tmp/x", tarfile.REGTYPE, "")], "is (an absolute name|absolute or)"),
        ([("../x", tarfile.REGTYPE, "")], "leads upwards"),
        ([("a/../../x", tarfile.REGTYPE, "")], "leads upwards"),
        ([("l", tarfile.SYMTYPE, "/etc")], "is a link to '/etc', which is outside"),
        ([("a/l", tarfile.SYMTYPE, "../../x")], "which is outside"),
        ([("a/l", tarfile.SYMTYPE, "../../target/x")], "which is outside"),
        ([("l", tarfile.SYMTYPE, "a"), ("l/x", tarfile.REGTYPE, "")], "lies behind a link"),
        ([("l", tarfile.SYMTYPE, "a"), ("l", tarfile.DIRTYPE, ""), ("l/x", tarfile.REGTYPE, "")], "behind a link"),
        ([("h", tarfile.LNKTYPE, "/etc/passwd")], "is a hard link to '/etc/passwd'"),
        ([("h", tarfile.LNKTYPE, "x")], "which is no file of the archive"),
        ([("l", tarfile.SYMTYPE, "a"), ("h", tarfile.LNKTYPE, "l")], "which is no file of the archive"),
        ([("dev", tarfile.CHRTYPE, "")], "is a device"),
        ([("pipe", tarfile.FIFOTYPE, "")], "is a device, a socket or a pipe"),
    ],
    ids=str,
)
def test_nothing_gets_out_of_the_directory(
    bench: Bench, target: Path, tmp_path: Path, members: list[tuple[str, bytes, str]], said: str, remote: bool
) -> None:
    path = tmp_path / "evil.tar"
    tar_with(path, ("good", tarfile.REGTYPE, ""), *members)
    for call in (bench.preview, bench.apply):
        with pytest.raises(TaskFailed, match=said):
            call("unarchive", src=str(path), dest=str(target), remote_src=remote)
    assert list(target.iterdir()) == []


@pytest.mark.parametrize("remote", [True, False], ids=["of the host", "of the controller"])
@pytest.mark.parametrize(("name", "mode"), [("../x", 0o100644), ("/x", 0o100644), ("l", 0o120777), ("p", 0o010644)])
def test_nothing_gets_out_of_the_directory_by_a_zip_either(
    bench: Bench, target: Path, tmp_path: Path, name: str, mode: int, remote: bool
) -> None:
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        one = zipfile.ZipInfo(name)
        one.external_attr = mode << 16
        archive.writestr(one, "/etc")
    with pytest.raises(TaskFailed, match="is not unpacked"):
        bench.apply("unarchive", src=f"{tmp_path}/evil.zip", dest=str(target), remote_src=remote)
    assert list(target.iterdir()) == []


def test_a_link_of_the_host_that_leads_out_is_no_way_out(
    bench: Bench, target: Path, tmp_path: Path, pack: Callable[[str], Path]
) -> None:
    (tmp_path / "outside").mkdir()
    (target / "app").mkdir()
    (target / "app" / "bin").symlink_to(tmp_path / "outside")
    with pytest.raises(TaskFailed, match=f"{target}/app/bin leads out of {target}"):
        bench.apply("unarchive", src=str(pack("tar")), dest=str(target), remote_src=True)
    assert list((tmp_path / "outside").iterdir()) == []


@pytest.mark.parametrize("calls", [1, 2])
def test_cut_off_at_any_point_it_finishes_when_done_again(
    bench: Bench, target: Path, tree: Path, pack: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    arguments = {"src": str(pack("tar.gz")), "dest": str(target), "remote_src": True}
    act, done = staging.act, []

    def cut(*given: Any, **named: Any) -> object:
        if len(done) == calls:
            raise ConnectionLost("the link is gone")
        done.append(given)
        return act(*given, **named)

    monkeypatch.setattr(staging, "act", cut)
    with pytest.raises(ConnectionLost):
        bench.apply("unarchive", **arguments)
    monkeypatch.setattr(staging, "act", act)
    bench.apply("unarchive", **arguments)
    assert not bench.apply("unarchive", **arguments).changed
    assert soon_alone(target) and same(tree, target)


def test_a_directory_is_not_replaced_by_a_file(bench: Bench, target: Path, pack: Callable[[str], Path]) -> None:
    (target / "app" / "nothing").mkdir(parents=True)
    with pytest.raises(TaskFailed, match="is not replaced by a file"):
        bench.apply("unarchive", src=str(pack("tar")), dest=str(target), remote_src=True)
    assert (target / "app" / "nothing").is_dir()
    assert soon_alone(target)


def test_what_is_no_archive_or_is_broken_is_an_error(
    bench: Bench, target: Path, tmp_path: Path, pack: Callable[[str], Path]
) -> None:
    path = pack("tar.gz")
    path.write_bytes(path.read_bytes()[:-40])
    (tmp_path / "text").write_text("no archive" * 100)
    for src in (path, tmp_path / "text"):
        for remote in (True, False):
            with pytest.raises(TaskFailed, match="is no archive that can be read"):
                bench.apply("unarchive", src=str(src), dest=str(target), remote_src=remote)
    assert list(target.iterdir()) == []


def test_what_has_to_be_there_is_missed_and_unknown_in_check_mode(
    bench: Bench, target: Path, pack: Callable[[str], Path]
) -> None:
    for arguments, said in (
        ({"src": str(pack("tar")), "dest": f"{target}/nowhere"}, "must be an existing dir"),
        ({"src": f"{target}/x.tar", "dest": str(target)}, "does not exist"),
    ):
        with pytest.raises(TaskFailed, match=said):
            bench.apply("unarchive", **arguments, remote_src=True)
        assert bench.preview("unarchive", **arguments, remote_src=True).needed is None


def test_a_program_that_is_missing_is_named(
    bench: Bench, target: Path, tmp_path: Path, pack: Callable[[str], Path]
) -> None:
    empty = tmp_path / "few"
    empty.mkdir()
    for program in ("sh", "cat", "tar", "stat", "readlink", "head", "tail", "rm", "mktemp", "setsid"):
        (empty / program).symlink_to(str(shutil.which(program)))
    bench.at.host = bench.at.host.view(env={"PATH": str(empty)})
    with pytest.raises(TaskFailed, match="zstd is not installed"):
        bench.apply("unarchive", src=str(pack("tar.zst")), dest=str(target), remote_src=True)


def test_what_excludes_each_other_is_refused_before_anything_runs() -> None:
    for more in ({"include": ["a"], "exclude": ["b"]}, {"copy": False, "remote_src": True}, {"io_buffer_size": 1}):
        assert argument_problems("unarchive", {"src": "a", "dest": "/b", **more}, rendered=True)
