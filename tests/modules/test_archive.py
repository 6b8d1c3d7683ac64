"""archive."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from runner.errors import ConnectionLost, TaskFailed
from runner.modules.archives import packing
from tests.modules.bed import Bench

ODD = "-a b'\"$(id)*ü"
PROGRAMS = {"PATH": "/usr/bin:/bin"}
FORMATS = ("gz", "bz2", "xz", "zst", "tar", "zip")


@pytest.fixture
def bench(bench: Bench, tmp_path: Path) -> Bench:
    """busybox has none of these that packs; it may use those that are installed."""
    extra = tmp_path / "programs"
    extra.mkdir()
    for program in ("zstd", "zip", "xz", "bzip2"):
        found = shutil.which(program, path="/usr/bin:/bin")
        assert found is not None
        (extra / program).symlink_to(found)
    bench.at.host = bench.at.host.view(env={"PATH": f"{extra}:{os.environ['PATH']}"})
    return bench


@pytest.fixture
def source(target: Path) -> Path:
    root = target / "src"
    (root / "a" / "b").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / ODD).write_bytes(bytes(range(256)))
    (root / "a" / "f.txt").write_text("x")
    (root / "a" / "f.txt").chmod(0o640)
    (root / "a" / "b" / "g.log").write_text("y")
    (root / "none").write_text("")
    (root / "link").symlink_to("/etc/hosts")
    return root


def program(name: str) -> str:
    """The one of this system, whatever the bench uses."""
    return shutil.which(name, path="/usr/bin:/bin") or name


def names(path: Path) -> set[str]:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            return {one.filename.encode("cp437").decode().rstrip("/") for one in archive.infolist()}
    words = ["tar", "-tf", path, "--quoting-style=literal"]
    listed = subprocess.run(
        [program(words[0]), *words[1:]], capture_output=True, text=True, check=True, env=PROGRAMS
    ).stdout
    return {line.rstrip("/") for line in listed.splitlines()}


@pytest.mark.parametrize("format", FORMATS)
def test_a_directory_is_packed_once(bench: Bench, target: Path, source: Path, format: str) -> None:
    path = target / f"out it's.{format}"
    arguments = {"path": str(source), "dest": str(path), "format": format, "mode": "0600"}
    done = bench.settle("archive", **arguments)
    found = {f"src/{name}" for name in ("a", "a/b", "a/b/g.log", "a/f.txt", "empty", ODD, "none", "link")} | {"src"}
    assert done.changed and names(path) == found
    assert path.stat().st_mode & 0o777 == 0o600
    assert (done.data["dest_state"], done.data["arcroot"], done.data["missing"]) == ("archive", f"{target}/", [])
    assert done.data["archived"] == sorted(f"{target}/{name}" for name in found)
    assert {one.name for one in target.iterdir()} == {"src", path.name}


@pytest.mark.parametrize("format", ["gz", "zip"])
def test_what_is_packed_is_what_comes_out(bench: Bench, target: Path, source: Path, format: str) -> None:
    path = target / f"out.{format}"
    bench.apply("archive", path=str(source), dest=str(path), format=format)
    (target / "back").mkdir()
    words = (
        ["unzip", "-q", path, "-d", target / "back"] if format == "zip" else ["tar", "xf", path, "-C", target / "back"]
    )
    subprocess.run([program(words[0]), *words[1:]], check=True)
    subprocess.run(["/usr/bin/diff", "-r", "--no-dereference", source, target / "back" / "src"], check=True)


def test_it_is_packed_again_only_when_something_differs(bench: Bench, target: Path, source: Path) -> None:
    arguments = {"path": str(source), "dest": f"{target}/out.tgz"}
    bench.apply("archive", **arguments)
    os.utime(source / "none", (1, 1))
    assert not bench.settle("archive", **arguments).changed
    for change in (
        lambda: (source / "a" / "f.txt").write_text("z"),
        lambda: (source / "a" / "f.txt").chmod(0o600),
        lambda: (source / "none").unlink(),
        lambda: (source / "link").unlink() or (source / "link").symlink_to("elsewhere"),
        lambda: (target / "out.tgz").write_text("broken"),
    ):
        change()
        assert bench.settle("archive", **arguments).changed


def test_a_single_file_is_only_compressed(bench: Bench, target: Path, source: Path) -> None:
    done = bench.settle("archive", path=f"{source}/{ODD}")
    path = source / f"{ODD}.gz"
    assert gzip.decompress(path.read_bytes()) == bytes(range(256))
    assert (done.data["dest"], done.data["dest_state"]) == (str(path), "compress")
    assert path.stat().st_mode & 0o777 == 0o644
    assert bench.settle("archive", path=f"{source}/none", dest=f"{target}/x", force_archive=True).changed
    assert names(target / "x") == {"none"}


def test_patterns_lists_and_exclusions(bench: Bench, target: Path, source: Path) -> None:
    path = target / "out.tar"
    arguments = {"path": [f"{source}/a", f"{source}/n*"], "dest": str(path), "format": "tar"}
    done = bench.settle("archive", **arguments, exclude_path=f"{source}/a/b", exclusion_patterns="*.txt")
    assert names(path) == {"a", "none"}
    assert done.data["arcroot"] == f"{source}/"
    assert done.data["expanded_paths"] == [f"{source}/a", f"{source}/none"]
    assert done.data["expanded_exclude_paths"] == [f"{source}/a/b"]


def test_the_archive_is_not_packed_into_itself(bench: Bench, source: Path) -> None:
    bench.settle("archive", path=str(source), dest=f"{source}/out.tar", format="tar")
    assert "src/out.tar" not in names(source / "out.tar")


def test_what_is_missing_makes_it_incomplete_and_is_told(bench: Bench, target: Path, source: Path) -> None:
    done = bench.settle("archive", path=[f"{source}/a", f"{source}/gone"], dest=f"{target}/out.tgz")
    assert (done.data["dest_state"], done.data["missing"]) == ("incomplete", [f"{source}/gone"])
    assert any("gone is not there" in said for said in bench.at.warnings)


def test_an_archive_of_nothing_is_an_error(bench: Bench, target: Path) -> None:
    for path in ("gone", "gone*"):
        with pytest.raises(TaskFailed, match="no source paths were found"):
            bench.apply("archive", path=f"{target}/{path}", dest=f"{target}/out.tgz")
        assert bench.preview("archive", path=f"{target}/{path}", dest=f"{target}/out.tgz").needed is None
    assert list(target.iterdir()) == []


def test_several_need_a_name_for_the_archive(bench: Bench, source: Path) -> None:
    with pytest.raises(TaskFailed, match='must specify "dest"'):
        bench.preview("archive", path=str(source))


def test_pipes_and_sockets_are_left_out_and_told(bench: Bench, target: Path, source: Path) -> None:
    os.mkfifo(source / "pipe")
    bench.settle("archive", path=str(source), dest=f"{target}/out.tgz")
    assert "src/pipe" not in names(target / "out.tgz")
    assert any("src/pipe" in said for said in bench.at.warnings)


def test_a_newline_in_a_name_is_packed_or_refused(
    bench: Bench, target: Path, source: Path, request: pytest.FixtureRequest
) -> None:
    (source / "a\nb").write_text("x")
    with pytest.raises(TaskFailed, match="has a newline in its name"):
        bench.apply("archive", path=str(source), dest=f"{target}/out.zip", format="zip")
    if "busybox" in request.node.name:
        with pytest.raises(TaskFailed, match="has a newline in its name"):
            bench.apply("archive", path=str(source), dest=f"{target}/out.tgz")
    else:
        bench.settle("archive", path=str(source), dest=f"{target}/out.tgz")
    assert not (target / "out.zip").exists()


@pytest.mark.parametrize("format", ["gz", "zip"])
def test_what_was_packed_is_removed_and_no_more(bench: Bench, target: Path, source: Path, format: str) -> None:
    arguments = {"path": str(source), "dest": f"{target}/out.{format}", "format": format, "remove": True}
    bench.settle("archive", **arguments, exclusion_patterns=["*.log"])
    assert {str(one.relative_to(source)) for one in source.rglob("*")} == {"a", "a/b", "a/b/g.log"}
    assert f"src/{ODD}" in names(target / f"out.{format}")


def test_everything_is_removed(bench: Bench, target: Path, source: Path) -> None:
    bench.settle("archive", path=[f"{source}/*"], dest=f"{target}/out.tgz", remove=True)
    assert list(source.iterdir()) == []
    bench.settle("archive", path=str(target / "src"), dest=f"{target}/two.tgz", remove=True)
    assert not source.exists()


def test_a_single_file_is_removed_once_it_is_compressed(bench: Bench, source: Path) -> None:
    bench.settle("archive", path=f"{source}/a/f.txt", remove=True)
    assert gzip.decompress((source / "a" / "f.txt.gz").read_bytes()) == b"x"
    assert not (source / "a" / "f.txt").exists()


@pytest.mark.parametrize("calls", [0, 1])
def test_a_removal_that_was_cut_off_goes_on_and_loses_nothing(
    bench: Bench, target: Path, source: Path, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    arguments = {"path": str(source), "dest": f"{target}/out.tgz", "remove": True}
    act, done = packing.act, []

    def cut(*given: Any, **named: Any) -> object:
        if len(done) == calls:
            (source / "none").unlink(missing_ok=True)
            raise ConnectionLost("the link is gone")
        done.append(given)
        return act(*given, **named)

    monkeypatch.setattr(packing, "act", cut)
    with pytest.raises(ConnectionLost):
        bench.apply("archive", **arguments)
    packed = names(target / "out.tgz")
    monkeypatch.setattr(packing, "act", act)
    assert bench.settle("archive", **arguments).changed
    assert not source.exists() and names(target / "out.tgz") == packed and "src/none" in packed


def test_what_may_be_the_only_copy_is_not_replaced(bench: Bench, target: Path, source: Path) -> None:
    arguments = {"path": str(source), "dest": f"{target}/out.tgz", "remove": True}
    bench.apply("archive", **arguments)
    before = (target / "out.tgz").read_bytes()
    source.mkdir()
    (source / "new").write_text("new")
    for call in (bench.preview, bench.apply):
        with pytest.raises(TaskFailed, match="does not hold what is to be archived"):
            call("archive", **arguments)
    assert (target / "out.tgz").read_bytes() == before and (source / "new").exists()


@pytest.mark.parametrize("moment", ["pack", "contents"])
def test_nothing_is_removed_that_changed_meanwhile(
    bench: Bench, target: Path, source: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    real = getattr(packing, moment)

    def late(*given: Any) -> object:
        answer = real(*given) if moment == "contents" else None
        (source / "a" / "f.txt").write_text("changed meanwhile")
        return answer if moment == "contents" else real(*given)

    monkeypatch.setattr(packing, moment, late)
    with pytest.raises(TaskFailed, match="read back, does not hold|nothing was removed"):
        bench.apply("archive", path=str(source), dest=f"{target}/out.tgz", remove=True)
    assert (source / "a" / "f.txt").read_text() == "changed meanwhile"
    assert (source / ODD).exists() and (source / "none").exists()


def test_a_program_that_cannot_write_is_named(bench: Bench, target: Path, source: Path, tmp_path: Path) -> None:
    (tmp_path / "programs" / "xz").unlink()
    (tmp_path / "programs" / "xz").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "programs" / "xz").chmod(0o755)
    with pytest.raises(TaskFailed, match="the xz of localhost cannot compress"):
        bench.apply("archive", path=str(source), dest=f"{target}/out.xz", format="xz")


def test_what_not_everybody_may_read_does_not_become_readable(bench: Bench, target: Path, source: Path) -> None:
    bench.settle("archive", path=str(source), dest=f"{target}/out.tgz")
    assert (target / "out.tgz").stat().st_mode & 0o777 == 0o640
    (source / "a").chmod(0o700)
    bench.settle("archive", path=[f"{source}/a", f"{source}/none"], dest=f"{target}/two.tgz")
    assert (target / "two.tgz").stat().st_mode & 0o777 == 0o600


def test_a_machine_is_not_packed_away(bench: Bench, target: Path) -> None:
    (target / "none").write_text("")
    paths = ["/etc", f"{target}/none"]
    with pytest.raises(TaskFailed, match="/etc is never removed"):
        bench.preview("archive", path=paths, dest=f"{target}/x.tgz", exclude_path="/etc/*", remove=True)


def test_an_archive_elsewhere_excludes_nothing_of_its_name(bench: Bench, target: Path) -> None:
    inside = target / "src" / str(target).lstrip("/")
    inside.mkdir(parents=True)
    (inside / "x.tgz").write_text("x")
    bench.settle("archive", path=f"{target}/src/*", dest=f"{target}/x.tgz", force_archive=True)
    assert f"{str(target).lstrip('/')}/x.tgz" in names(target / "x.tgz")


def test_a_place_that_cannot_be_used_is_an_error(bench: Bench, target: Path, source: Path) -> None:
    with pytest.raises(TaskFailed, match="is a directory and is not replaced"):
        bench.apply("archive", path=str(source), dest=str(target))
    with pytest.raises(TaskFailed, match="does not exist"):
        bench.apply("archive", path=str(source), dest=f"{target}/nowhere/x.tgz")
