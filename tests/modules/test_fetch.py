"""fetch."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO

import pytest

from runner.errors import TaskFailed
from runner.hosts.host import ShellHost
from tests.modules.bed import Bench


@pytest.fixture
def bench(bench: Bench, controller: Path) -> Bench:
    bench.at.variables |= {"playbook_dir": str(controller), "inventory_hostname": "web1"}
    return bench


def test_a_file_goes_below_the_hosts_name_and_its_own_path(bench: Bench, target: Path, controller: Path) -> None:
    path = target / "a b'\n"
    path.write_bytes(bytes(range(256)) * 1000)
    done = bench.settle("fetch", src=f"{target}/x/../{path.name}", dest="got")
    place = controller / "got" / "web1" / str(path).lstrip("/")
    assert place.read_bytes() == path.read_bytes()
    assert place.stat().st_mode & 0o777 == 0o600
    sha1 = hashlib.sha1(path.read_bytes()).hexdigest()
    assert (done.data["dest"], done.data["checksum"], done.data["remote_checksum"]) == (str(place), sha1, sha1)
    again = bench.apply("fetch", src=str(path), dest="got")
    assert (again.data["file"], again.data["checksum"]) == (str(path), sha1)


def test_a_file_that_changed_is_fetched_again_and_keeps_its_rights(
    bench: Bench, target: Path, controller: Path
) -> None:
    (target / "f").write_text("new")
    (controller / "f").write_text("old")
    (controller / "f").chmod(0o644)
    assert bench.settle("fetch", src=f"{target}/f", dest="f", flat=True).changed
    assert (controller / "f").read_text() == "new" and (controller / "f").stat().st_mode & 0o777 == 0o644


def test_flat_puts_it_where_it_is_told(bench: Bench, target: Path, controller: Path) -> None:
    (target / "f").write_text("x")
    bench.settle("fetch", src=f"{target}/f", dest="one/name", flat=True)
    bench.settle("fetch", src=f"{target}/f", dest=f"{controller}/two/", flat=True)
    assert (controller / "one" / "name").read_text() == (controller / "two" / "f").read_text() == "x"
    with pytest.raises(TaskFailed, match="is a directory"):
        bench.preview("fetch", src=f"{target}/f", dest="two", flat=True)


@pytest.mark.parametrize("name", ["..", ".", "../../etc", "a/b", ""])
def test_no_name_of_a_host_leads_out_of_the_directory(bench: Bench, target: Path, name: str) -> None:
    (target / "f").write_text("x")
    bench.at.variables["inventory_hostname"] = name
    with pytest.raises(TaskFailed, match="cannot be the name of a directory"):
        bench.apply("fetch", src=f"{target}/f", dest="got")


def test_a_missing_file_is_an_error_unless_it_may_be_missing(bench: Bench, target: Path) -> None:
    with pytest.raises(TaskFailed, match="the remote file does not exist"):
        bench.apply("fetch", src=f"{target}/f", dest="got")
    assert bench.preview("fetch", src=f"{target}/f", dest="got").needed is None
    done = bench.settle("fetch", src=f"{target}/f", dest="got", fail_on_missing=False)
    assert done.data["file"] == f"{target}/f" and "ignored" in str(done.data["msg"])


def test_a_directory_is_an_error(bench: Bench, target: Path) -> None:
    with pytest.raises(TaskFailed, match="remote file is a directory"):
        bench.apply("fetch", src=str(target), dest="got")


def test_what_changes_on_its_way_is_not_kept(
    bench: Bench, target: Path, controller: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (target / "f").write_text("x")
    get = ShellHost.get

    def late(host: ShellHost, path: str, sink: BinaryIO) -> None:
        (target / "f").write_text("y")
        get(host, path, sink)

    monkeypatch.setattr(ShellHost, "get", late)
    with pytest.raises(TaskFailed, match="checksum mismatch"):
        bench.apply("fetch", src=f"{target}/f", dest="got/", flat=True)
    assert list((controller / "got").iterdir()) == []
    (target / "f").write_text("x")
    bench.apply("fetch", src=f"{target}/f", dest="got/", flat=True, validate_checksum=False)
    assert (controller / "got" / "f").read_text() == "y"


def test_a_place_that_cannot_be_written_is_an_error(bench: Bench, target: Path, controller: Path) -> None:
    (target / "f").write_text("x")
    (controller / "file").write_text("")
    with pytest.raises(TaskFailed, match="cannot write .* on the controller"):
        bench.apply("fetch", src=f"{target}/f", dest="file/below", flat=True)
