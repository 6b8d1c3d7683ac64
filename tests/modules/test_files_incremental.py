"""files_backup with `incremental`: every point of a chain comes back as it was, or nothing is touched."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runner.backup import increments
from runner.backup.catalogue import read
from runner.backup.manifest import from_json, to_json
from runner.backup.verifications import Verification, record
from runner.errors import VerificationFailed
from runner.modules.backup import files_backup
from tests.modules.files_bed import Files, described, furnish

WHOLE = "there is none of these paths and exclusions to build on"


def take(files: Files, **more: object) -> dict[str, Any]:
    return files.backup(incremental=True, **more)


def archive(files: Files, backup: str) -> Path:
    (found,) = (files.store / "app" / backup).glob("*.tar*")
    return found


def shuffle(live: Path, chance: random.Random) -> None:
    """A dozen changes such as people and programs make."""
    for number in range(12):
        entries = sorted(path for path in live.rglob("*") if not path.is_symlink())
        directories = [live, *(path for path in entries if path.is_dir())]
        plain = [path for path in entries if path.is_file()]
        place = chance.choice(directories) / f"n{chance.randrange(40)}"
        CHANGES[chance.randrange(len(CHANGES))](chance.choice(plain or [live / "seed"]), place, chance, number)


def write(old: Path, place: Path, chance: random.Random, number: int) -> None:
    if not place.exists() and not place.is_symlink():
        place.write_bytes(chance.randbytes(chance.randrange(5000)))


def change(old: Path, place: Path, chance: random.Random, number: int) -> None:
    if old.exists():
        old.write_bytes(chance.randbytes(300))


def change_unseen(old: Path, place: Path, chance: random.Random, number: int) -> None:
    """Other content, the same size and the same mtime."""
    if old.exists():
        seen = old.stat()
        old.write_bytes(chance.randbytes(seen.st_size))
        os.utime(old, ns=(seen.st_atime_ns, seen.st_mtime_ns))


def remove(old: Path, place: Path, chance: random.Random, number: int) -> None:
    old.unlink(missing_ok=True)


def move(old: Path, place: Path, chance: random.Random, number: int) -> None:
    if old.exists() and not place.exists() and not place.is_symlink():
        old.rename(place)


def move_directory(old: Path, place: Path, chance: random.Random, number: int) -> None:
    directory = old.parent
    inside = place.is_relative_to(directory)
    if directory.name.startswith("n") and not place.exists() and not place.is_symlink() and not inside:
        directory.rename(place)


def make_directory(old: Path, place: Path, chance: random.Random, number: int) -> None:
    if not place.exists() and not place.is_symlink():
        place.mkdir(mode=chance.choice([0o700, 0o755, 0o2750]))
        (place / "inside").write_text(str(number))


def remove_directory(old: Path, place: Path, chance: random.Random, number: int) -> None:
    if old.parent.name.startswith("n"):
        shutil.rmtree(old.parent)


def swap_kinds(old: Path, place: Path, chance: random.Random, number: int) -> None:
    """A file becomes a directory."""
    if old.exists():
        old.unlink()
        old.mkdir()
        (old / "was a file").write_text("x")


def link(old: Path, place: Path, chance: random.Random, number: int) -> None:
    if old.exists() and not place.exists() and not place.is_symlink():
        os.link(old, place)


def point(old: Path, place: Path, chance: random.Random, number: int) -> None:
    if not place.exists() and not place.is_symlink():
        place.symlink_to(f"somewhere/{number}")


def permit(old: Path, place: Path, chance: random.Random, number: int) -> None:
    if old.exists():
        old.chmod(chance.choice([0o600, 0o4755, 0o644]))
        if os.geteuid() == 0:
            os.chown(old, chance.randrange(1000), chance.randrange(1000))


CHANGES: list[Callable[[Path, Path, random.Random, int], None]] = [
    write,
    write,
    change,
    change_unseen,
    remove,
    move,
    move_directory,
    make_directory,
    make_directory,
    remove_directory,
    swap_kinds,
    link,
    point,
    permit,
]


@pytest.mark.parametrize("seed", range(8))
def test_every_point_of_a_chain_comes_back_as_it_was(files: Files, seed: int) -> None:
    chance = random.Random(seed)
    furnish(files.live)
    points: list[tuple[str, Any]] = []
    for step in range(4):
        if step:
            shuffle(files.live, chance)
        made = take(files)
        assert len(made["parents"]) == step, made["full_because"]
        points.append((made["backup_id"], described(files.live)))
    for backup, tree in chance.sample(points, len(points)):
        files.restore(backup=backup)
        assert described(files.live) == tree


def test_the_first_is_whole_and_the_next_holds_only_what_changed(files: Files) -> None:
    for number in range(50):
        (files.live / f"f{number}").write_bytes(os.urandom(10_000))
    first = take(files)
    assert first["parents"] == [] and first["full_because"] == WHOLE
    (files.live / "f7").write_text("changed")
    (files.live / "f8").unlink()
    second = take(files)
    assert second["parents"] == [first["backup_id"]] and second["full_because"] == ""
    assert second["size"] < first["size"] / 20
    third = take(files)
    assert third["parents"] == [first["backup_id"], second["backup_id"]]


def test_a_lost_or_damaged_link_of_the_chain_is_named_before_anything_is_touched(files: Files) -> None:
    (files.live / "x").write_text("one")
    first = take(files)
    (files.live / "x").write_text("two")
    second = take(files)
    before = described(files.live)
    path = archive(files, first["backup_id"])
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(VerificationFailed):
        files.restore(backup=second["backup_id"])
    path.unlink()
    with pytest.raises(VerificationFailed, match=str(first["backup_id"])):
        files.restore(backup=second["backup_id"])
    (path.parent / "manifest.json").unlink()
    with pytest.raises(VerificationFailed, match=f"builds on {first['backup_id']}"):
        files.restore(backup=second["backup_id"])
    assert described(files.live) == before


@pytest.mark.parametrize("doubt", ["lost object", "damaged manifest", "failed verification", "other exclusions"])
def test_what_is_in_doubt_makes_the_next_a_whole_one(files: Files, doubt: str) -> None:
    (files.live / "x").write_text("one")
    first = take(files)
    repository = files.at.shelf.get("main")
    manifest = files.store / "app" / first["backup_id"] / "manifest.json"
    if doubt == "lost object":
        archive(files, first["backup_id"]).unlink()
    elif doubt == "damaged manifest":
        manifest.write_text("{}")
    elif doubt == "failed verification":
        found = read(repository, "app", first["backup_id"])
        record(repository, found, Verification(found.id, "full", found.finished_at, 1.0, "damaged"))
    second = take(files, exclude=["*.tmp"] if doubt == "other exclusions" else [])
    assert second["parents"] == [] and second["full_because"]
    assert bool(files.at.warnings) == (doubt != "other exclusions")


def test_a_chain_ends_when_it_is_long_or_old_enough(files: Files) -> None:
    (files.live / "x").write_text("one")
    first = take(files)
    assert take(files, max_chain=1)["full_because"].startswith("the chain has 1")
    assert "full_every" in take(files, full_every=0)["full_because"]
    assert first["backup_id"] not in take(files)["parents"]


def test_a_clock_of_the_host_that_was_set_back_makes_a_whole_one(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    (files.live / "x").write_text("one")
    take(files)
    real = increments.clock_of
    monkeypatch.setattr(files_backup, "clock_of", lambda reader: real(reader) - 3600)
    assert "a clock was set back" in take(files)["full_because"]
    assert files.at.warnings


def test_backups_of_other_paths_between_do_not_end_a_chain(files: Files, tmp_path: Path) -> None:
    (files.live / "x").write_text("one")
    other = tmp_path / "other"
    other.mkdir()
    first = take(files)
    aside = files.backup(other, incremental=True)
    assert aside["parents"] == []
    assert take(files)["parents"] == [first["backup_id"]]
    assert files.backup(other, incremental=True)["parents"] == [aside["backup_id"]]


def test_an_increment_on_what_was_pruned_meanwhile_is_no_backup(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    from runner.backup import tar

    (files.live / "x").write_text("one")
    first = take(files)
    real = tar.written

    def prune(*arguments: Any) -> Any:
        (files.store / "app" / first["backup_id"] / "manifest.json").unlink(missing_ok=True)
        return real(*arguments)

    monkeypatch.setattr(tar, "written", prune)
    with pytest.raises(VerificationFailed, match="builds on"):
        take(files)
    assert len(files.manifests()) == 0


def test_full_verification_reads_the_whole_chain(files: Files) -> None:
    (files.live / "x").write_text("one")
    first = take(files)
    (files.live / "x").write_text("two")
    second = take(files)
    verify = {"service": "app", "repository": "main", "kind": "files", "level": "full"}
    build = files._args("backup_verify", verify)
    from runner.modules.table import MODULES

    assert MODULES["backup_verify"].apply(files.at, build).data["backup_id"] == second["backup_id"]
    path = archive(files, first["backup_id"])
    path.write_bytes(b"x" * path.stat().st_size)
    with pytest.raises(VerificationFailed, match=path.name):
        MODULES["backup_verify"].apply(files.at, build)


def test_a_forged_increment_cannot_rename_anything_outside(files: Files, tmp_path: Path) -> None:
    """GNU tar does what an increment's list says, wherever that leads."""
    treasure = tmp_path / "treasure"
    treasure.mkdir()
    (files.live / "d").mkdir()
    take(files, compression="none")
    scratch = tmp_path / "scratch"
    (scratch / "live" / "d").mkdir(parents=True)
    tar = ["tar", "--listed-incremental=snar", "--no-check-device", "--format=gnu", "-cf"]
    subprocess.run([*tar, "0.tar", "./live"], cwd=scratch, check=True)
    (scratch / "live" / "d").rename(scratch / "live" / "moved")
    subprocess.run([*tar, "1.tar", "./live"], cwd=scratch, check=True)
    forged = (scratch / "1.tar").read_bytes()
    assert b"R./live/d\0" in forged
    name = f"R{treasure}\0".encode()
    (files.live / "y").write_text("y")
    second = take(files, compression="none")
    place = forged.index(b"R./live/d\0T./live/moved\0")
    forged = forged[:place] + name + forged[place + len(name) :]
    path = archive(files, second["backup_id"])
    path.write_bytes(forged)
    manifest_path = path.parent / "manifest.json"
    manifest = from_json(manifest_path.read_bytes(), "")
    objects = tuple(
        replace(one, size=len(forged), sha256=hashlib.sha256(forged).hexdigest()) if one.name == path.name else one
        for one in manifest.objects
    )
    manifest_path.write_bytes(to_json(replace(manifest, objects=objects)))
    before = described(files.live)
    with pytest.raises(VerificationFailed, match="would rename something"):
        files.restore()
    assert treasure.is_dir()
    assert described(files.live) == before
