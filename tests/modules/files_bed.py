"""files_backup and files_restore with a repository in a directory, and trees for them."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from runner.hosts.contract import Host
from runner.modules.arguments import build
from runner.modules.contract import Change, Outcome, RunInfo
from runner.modules.table import MODULES
from runner.repositories.directory import DirectoryRepository
from runner.schema import argument_problems, with_defaults
from runner.secret import Redactor
from runner.template import Templar
from tests.modules.pg_bed import PgAt, Shelf

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
