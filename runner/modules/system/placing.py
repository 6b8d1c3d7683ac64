"""Bringing files of a source to their places on a host: what all modules that write files have in common."""

from __future__ import annotations

import posixpath
import shlex
from collections.abc import Sequence
from dataclasses import field, replace
from datetime import UTC, datetime
from typing import Final

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Command, FileStat, Host, Reader
from runner.modules.contract import Diff
from runner.modules.system.attributes import Attributes, octal
from runner.modules.system.describing import SECRET, content_diff
from runner.modules.system.directories import make
from runner.modules.system.paths import absolute, act, digests, is_directory, missing_directories
from runner.modules.system.planning import NotThereYet
from runner.modules.system.sources import Entry, Rights, Source

NEW_FILE: Final = 0o644
BACK_UP: Final = 'umask 077; cp -p "$1" "$2"'


@frozen
class Placing:
    """How files are placed; the words are those of Ansible's copy."""

    dest: str
    attributes: Attributes = field(default_factory=Attributes)
    directory_mode: str | None = None
    backup: bool = False
    force: bool = True
    validate: str | None = None
    make_parents: bool = False

    def at(self, path: str) -> Placing:
        """The same for another place."""
        return replace(self, dest=path)

    def rights(self, entry: Entry, found: FileStat | None) -> Rights:
        """Those asked for; what is not asked for stays as it was."""
        kept = found if found is not None and found.kind == "file" else None
        current = NEW_FILE if kept is None else kept.mode
        mode = entry.mode if self.attributes.mode == "preserve" else self.attributes.mode_of(current, False)
        return Rights(
            mode=current if mode is None else mode,
            owner=self.attributes.owner or (str(kept.uid) if kept else None),
            group=self.attributes.group or (str(kept.gid) if kept else None),
        )


@frozen
class Placed:
    """One file and what is wrong with it at its place."""

    entry: Entry
    path: str
    found: FileStat | None
    differs: bool
    attributes: Attributes
    wrong: tuple[str, ...]

    @property
    def needed(self) -> bool:
        return self.differs or bool(self.wrong)


@frozen
class PlacingPlan:
    """`directories` are those that have to be made, the outermost first."""

    placing: Placing
    source: Source
    root: str
    directories: tuple[str, ...]
    files: tuple[Placed, ...]

    @property
    def needed(self) -> bool:
        return bool(self.directories) or any(file.needed for file in self.files)

    @property
    def changes_attributes(self) -> bool:
        """Whether the rights of a file that is there change, whatever becomes of its content."""
        return any(file.found is not None and file.attributes.differences(file.found) for file in self.files)

    @property
    def summary(self) -> str:
        changed = [file.path for file in self.files if file.needed] or list(self.directories)
        if not changed:
            return f"{self.root} is as wanted"
        return f"writes {changed[0]}" + (f" and {len(changed) - 1} more" if len(changed) > 1 else "")

    def diff(self, reader: Reader) -> Diff | None:
        """The text of a single file, or the list of what differs in a tree."""
        if not self.needed:
            return None
        if self.source.is_directory:
            listed = [f"{path}/" for path in self.directories] + [file.path for file in self.files if file.needed]
            return Diff(self.root, "", "".join(f"{path}\n" for path in listed))
        file = self.files[0]
        if file.differs:
            if self.source.is_secret:
                return Diff(file.path, SECRET if file.found else "", SECRET)
            return content_diff(reader, file.path, file.found, self.source.content(file.entry), file.entry.size)
        return Diff(file.path, *_attribute_lines(file))

    def carry_out(self, host: Host) -> str | None:
        """Make it so; returns the path of the backup, if one was taken."""
        if self.directories:
            make(host, self.directories, Attributes(self.placing.directory_mode))
        backup: str | None = None
        for file in self.files:
            if file.differs:
                backup = self._write(host, file) or backup
            elif file.wrong and file.found is not None:
                file.attributes.apply(host, file.path, file.found)
        return backup

    def _write(self, host: Host, file: Placed) -> str | None:
        if self.placing.validate is not None:
            _validate(host, self.source, file.entry, self.placing.validate)
        saved = _back_up(host, file.path) if self.placing.backup and file.found is not None else None
        self.source.deliver(host, file.entry, file.path, self.placing.rights(file.entry, file.found))
        return saved


def plan_placing(reader: Reader, source: Source, placing: Placing, *, into_root: bool = False) -> PlacingPlan:
    """What differs between a source and its place. `into_root`: a directory's content goes to `dest` itself."""
    dest = absolute(reader, placing.dest)
    into = placing.dest.endswith("/") or source.is_directory or is_directory(reader, dest)
    name = posixpath.basename(source.shown.rstrip("/"))
    if into and not name and not into_root:
        raise TaskFailed(f"{dest} is a directory", hint="with `content`, `dest` must say the file's name")
    root = f"{dest.rstrip('/')}/{name}" if into and not into_root else dest
    entries = source.entries()
    wanted = [_join(root, entry) for entry in entries if entry.is_directory]
    parent = posixpath.dirname(root)
    missing = missing_directories(reader, parent)
    if missing and not into and not placing.make_parents:
        raise NotThereYet(
            f"Destination directory {parent} does not exist",
            hint="make it first with `file` and `state: directory`",
            data={"dest": root},
        )
    new = [path for path in wanted if not is_directory(reader, path)]
    files = [entry for entry in entries if not entry.is_directory]
    return PlacingPlan(placing, source, root, (*missing, *new), tuple(_compared(reader, source, placing, root, files)))


def _compared(reader: Reader, source: Source, placing: Placing, root: str, files: Sequence[Entry]) -> Sequence[Placed]:
    paths = [_join(root, entry) for entry in files]
    there = digests(reader, paths)
    return [
        _placed(reader, placing, entry, path, wanted == found)
        for entry, path, wanted, found in zip(files, paths, source.digests(files), there, strict=True)
    ]


def _placed(reader: Reader, placing: Placing, entry: Entry, path: str, same: bool) -> Placed:
    found = reader.stat(path)
    if found is not None and found.kind == "directory":
        raise TaskFailed(f"{path} is a directory and is not replaced by a file", data={"dest": path})
    asked = placing.attributes
    attributes = Attributes(octal(entry.mode), asked.owner, asked.group) if asked.mode == "preserve" else asked
    if found is not None and not placing.force:
        return Placed(entry, path, found, False, attributes, ())
    differs = found is None or found.kind != "file" or not same
    wrong = () if found is None or differs else tuple(attributes.differences(found))
    return Placed(entry, path, found, differs, attributes, wrong)


def _attribute_lines(file: Placed) -> tuple[str, str]:
    if file.found is None:
        return "", ""
    pairs = file.attributes.differences(file.found)
    before = "".join(f"{name}: {pair[0]}\n" for name, pair in pairs.items())
    return before, "".join(f"{name}: {pair[1]}\n" for name, pair in pairs.items())


def _join(root: str, entry: Entry) -> str:
    return f"{root}/{entry.relative}" if entry.relative else root


def _validate(host: Host, source: Source, entry: Entry, command: str) -> None:
    """Let a program judge the new content, in a place nobody else sees, before it takes the old one's place."""
    words = shlex.split(command)
    if not any("%s" in word for word in words):
        raise TaskFailed("`validate` must hold %s, which stands for the file", hint="for example: nginx -t -c %s")
    with host.private_directory() as directory:
        candidate = f"{directory}/candidate"
        source.deliver(host, entry, candidate, Rights(0o600, None, None))
        result = host.run(Command(tuple(word.replace("%s", candidate) for word in words)), check=False)
    if not result.ok:
        said = result.stderr.strip() or result.stdout.strip()
        raise TaskFailed(
            f"failed to validate: {said.replace(candidate, '%s')}",
            why="the file in place was left as it is",
            data={"exit_status": result.exit_code, "stdout": result.stdout, "stderr": result.stderr},
        )


def _back_up(host: Host, path: str) -> str:
    saved = f"{path}.{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}~"
    act(host, BACK_UP, path, saved, doing=f"back up {path}")
    return saved
