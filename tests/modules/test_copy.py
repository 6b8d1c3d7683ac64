"""copy and template."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from runner.errors import TaskFailed
from tests.modules.bed import Bench

ODD = "a b'\"$(id)ü\n*"


def mode(path: Path) -> str:
    return f"{path.stat().st_mode & 0o7777:04o}"


def test_a_file_is_copied_once(bench: Bench, target: Path, controller: Path) -> None:
    (controller / "files" / "x").write_bytes(bytes(range(256)) * 100)
    done = bench.settle("copy", src="x", dest=f"{target}/{ODD}", mode="0640", owner="daemon")
    path = target / ODD
    assert path.read_bytes() == bytes(range(256)) * 100
    assert (mode(path), path.stat().st_uid) == ("0640", 1)
    assert done.data["checksum"] == hashlib.sha1(path.read_bytes()).hexdigest()
    assert done.data["dest"] == str(path)


def test_text_is_written_with_a_diff(bench: Bench, target: Path) -> None:
    (target / "x").write_text("old\n")
    done = bench.settle("copy", content="new\n", dest=f"{target}/x")
    assert (done.diff.title, done.diff.before, done.diff.after) == (f"{target}/x", "old\n", "new\n")  # type: ignore[union-attr]


def test_a_new_file_can_be_read_by_all_and_an_old_one_keeps_its_rights(bench: Bench, target: Path) -> None:
    (target / "old").write_text("x")
    (target / "old").chmod(0o600)
    os.chown(target / "old", 1, 1)
    bench.settle("copy", content="y", dest=f"{target}/old")
    bench.settle("copy", content="y", dest=f"{target}/new")
    assert (mode(target / "old"), (target / "old").stat().st_uid) == ("0600", 1)
    assert mode(target / "new") == "0644"


def test_only_the_attributes_change_when_the_content_is_right(bench: Bench, target: Path) -> None:
    (target / "x").write_text("x")
    inode = (target / "x").stat().st_ino
    assert bench.settle("copy", content="x", dest=f"{target}/x", mode="0600").changed
    assert (target / "x").stat().st_ino == inode


def test_mappings_are_written_as_json(bench: Bench, target: Path) -> None:
    bench.settle("copy", content={"a": ["ü"]}, dest=f"{target}/x")
    assert (target / "x").read_text() == '{"a": ["ü"]}'


def test_a_file_goes_into_a_directory_under_its_own_name(bench: Bench, target: Path, controller: Path) -> None:
    (controller / "files" / "x").write_text("x")
    bench.settle("copy", src="x", dest=str(target))
    bench.settle("copy", src="x", dest=f"{target}/new/")
    assert (target / "x").exists() and (target / "new" / "x").exists()


def test_text_has_no_name_of_its_own(bench: Bench, target: Path) -> None:
    with pytest.raises(TaskFailed, match="is a directory"):
        bench.preview("copy", content="x", dest=str(target))


def test_a_missing_directory_is_an_error(bench: Bench, target: Path) -> None:
    with pytest.raises(TaskFailed, match="Destination directory .* does not exist"):
        bench.apply("copy", content="x", dest=f"{target}/nowhere/x")
    # In check mode an earlier task may have been to make it.
    assert bench.preview("copy", content="x", dest=f"{target}/nowhere/x").needed is None


def test_force_false_leaves_what_is_there(bench: Bench, target: Path) -> None:
    (target / "x").write_text("mine")
    assert not bench.settle("copy", content="yours", dest=f"{target}/x", force=False).changed
    assert bench.settle("copy", content="yours", dest=f"{target}/y", force=False).changed


def test_a_backup_keeps_the_old_file(bench: Bench, target: Path) -> None:
    (target / "x").write_text("old")
    done = bench.apply("copy", content="new", dest=f"{target}/x", backup=True)
    assert Path(str(done.data["backup_file"])).read_text() == "old"
    assert "backup_file" not in bench.apply("copy", content="new", dest=f"{target}/x", backup=True).data


def test_content_that_does_not_stand_the_check_is_not_placed(bench: Bench, target: Path) -> None:
    (target / "x").write_text("good")
    with pytest.raises(TaskFailed, match="failed to validate"):
        bench.apply("copy", content="bad", dest=f"{target}/x", validate="grep -q good %s")
    assert (target / "x").read_text() == "good"
    assert bench.settle("copy", content="good too", dest=f"{target}/x", validate="grep -q good %s").changed


def test_a_check_must_name_the_file(bench: Bench, target: Path) -> None:
    with pytest.raises(TaskFailed, match="must hold %s"):
        bench.apply("copy", content="x", dest=f"{target}/x", validate="true")


def test_a_link_is_replaced_and_not_followed(bench: Bench, target: Path) -> None:
    (target / "precious").write_text("x")
    (target / "link").symlink_to("precious")
    bench.settle("copy", content="y", dest=f"{target}/link")
    assert (target / "precious").read_text() == "x"
    assert not (target / "link").is_symlink()


def test_a_directory_is_not_replaced_by_a_file(bench: Bench, target: Path, controller: Path) -> None:
    (controller / "files" / "x").write_text("x")
    (target / "x").mkdir()
    with pytest.raises(TaskFailed, match="is not replaced by a file"):
        bench.preview("copy", src="x", dest=f"{target}/")


@pytest.fixture
def source(controller: Path) -> Path:
    root = controller / "files" / "conf"
    (root / "sub" / "empty").mkdir(parents=True)
    (root / "a").write_text("a")
    (root / "sub" / ODD).write_text("b")
    (root / "sub" / ODD).chmod(0o751)
    return root


def test_a_directory_is_copied_with_all_that_is_in_it(bench: Bench, target: Path, source: Path) -> None:
    done = bench.settle("copy", src="conf", dest=str(target), mode="preserve", directory_mode="0711")
    assert done.changed
    assert (target / "conf" / "sub" / ODD).read_text() == "b"
    assert mode(target / "conf" / "sub" / ODD) == "0751"
    assert (mode(target / "conf"), mode(target / "conf" / "sub" / "empty")) == ("0711", "0711")


def test_with_a_slash_only_the_content_of_a_directory_is_copied(bench: Bench, target: Path, source: Path) -> None:
    bench.settle("copy", src="conf/", dest=f"{target}/etc")
    assert (target / "etc" / "a").exists()
    (target / "etc" / "a").write_text("changed")
    assert "etc/a" in bench.settle("copy", src="conf/", dest=f"{target}/etc").diff.after  # type: ignore[union-attr]


def test_files_of_the_host_are_copied_there(bench: Bench, target: Path) -> None:
    (target / ODD).write_text("x")
    (target / ODD).chmod(0o640)
    done = bench.settle("copy", src=f"{target}/{ODD}", dest=f"{target}/y", remote_src=True, mode="preserve")
    assert (target / "y").read_text() == "x"
    assert mode(target / "y") == "0640"
    assert done.diff.after == "x"  # type: ignore[union-attr]
    assert {path.name for path in target.iterdir()} == {ODD, "y"}


def test_directories_of_the_host_are_copied_there(bench: Bench, target: Path) -> None:
    (target / "from" / "sub" / "empty").mkdir(parents=True)
    (target / "from" / "sub" / ODD).write_text("x")
    bench.settle("copy", src=f"{target}/from/", dest=f"{target}/to", remote_src=True)
    assert (target / "to" / "sub" / ODD).read_text() == "x"
    assert (target / "to" / "sub" / "empty").is_dir()


def test_a_source_that_is_not_there_is_an_error(bench: Bench, target: Path) -> None:
    with pytest.raises(TaskFailed, match="not found"):
        bench.apply("copy", src=f"{target}/x", dest=f"{target}/y", remote_src=True)


def test_binary_and_large_files_are_not_shown(bench: Bench, target: Path) -> None:
    assert "binary" in bench.preview("copy", content="\0", dest=f"{target}/x").diff.after  # type: ignore[union-attr]
    assert "too large" in bench.preview("copy", content="x" * 200_000, dest=f"{target}/x").diff.after  # type: ignore[union-attr]


def test_a_template_is_rendered_once(bench: Bench, target: Path, controller: Path) -> None:
    (controller / "templates" / "env.j2").write_text("{% for name in names %}\nNAME={{ name }}\n{% endfor %}\n")
    bench.at.variables["names"] = ["ü", "b"]
    done = bench.settle("template", src="env.j2", dest=f"{target}/.env", mode="0600")
    assert (target / ".env").read_text() == "NAME=ü\nNAME=b\n"
    assert mode(target / ".env") == "0600"
    assert done.diff.after == "NAME=ü\nNAME=b\n"  # type: ignore[union-attr]


def test_an_undefined_variable_of_a_template_is_an_error(bench: Bench, target: Path, controller: Path) -> None:
    (controller / "templates" / "env.j2").write_text("{{ nobody }}")
    with pytest.raises(TaskFailed, match="nobody"):
        bench.preview("template", src="env.j2", dest=f"{target}/.env")


def test_a_template_that_is_not_text_is_refused(bench: Bench, target: Path, controller: Path) -> None:
    (controller / "templates" / "x").write_bytes(b"\xff\xfe")
    with pytest.raises(TaskFailed, match="is not UTF-8"):
        bench.preview("template", src="x", dest=f"{target}/x")
