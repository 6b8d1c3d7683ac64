"""What is to go into an archive: paths and patterns of a host, and all that is below them."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from typing import Final

from runner.frozen import frozen
from runner.hosts.contract import FileStat, Reader
from runner.modules.archives.members import Kind, Member, holds
from runner.modules.archives.trees import AT_ONCE, hashes, look
from runner.modules.system.paths import absolute, ask

WILD: Final = frozenset("*?[")
# An empty IFS expands wildcards without splitting at blanks.
EXPAND: Final = """
IFS=
for pattern do
  for path in $pattern; do
    if [ -e "$path" ] || [ -L "$path" ]; then printf '%s\\0' "$path"; fi
  done
done
"""
WALK: Final = 'find "$@" -print0'


@frozen
class Collection:
    """`members` have names below `root`; `left_out` are pipes, sockets and devices, `skipped` what is excluded."""

    root: str
    paths: Sequence[str]
    excluded: Sequence[str]
    missing: Sequence[str]
    members: Sequence[Member]
    left_out: Sequence[str]
    skipped: Sequence[str]

    @property
    def readable(self) -> int:
        """The mode of a new archive: 0644, less what anything in it does not let others read."""
        mode = 0o644
        for member in self.members:
            if member.kind != "link" and member.mode is not None:
                mode &= member.mode
        return mode | 0o600

    @property
    def removable(self) -> Sequence[Member]:
        """What can be removed without anything else: no directory of something that is not archived."""
        kept: set[str] = set()
        for name in (*self.left_out, *self.skipped):
            while name := posixpath.dirname(name):
                kept.add(name)
        return [member for member in self.members if member.name not in kept]

    @property
    def single(self) -> Member | None:
        """The file, if there is nothing but one that was named itself."""
        if len(self.paths) != 1 or len(self.members) != 1 or self.missing:
            return None
        return self.members[0] if self.members[0].kind == "file" else None


def collect(
    reader: Reader, path: Sequence[str], exclude: Sequence[str], patterns: Sequence[str], dest: str | None, *, crc: bool
) -> Collection:
    """Find it all. `dest` is the archive itself, which never goes into it."""
    paths = expanded(reader, path)
    excluded = expanded(reader, exclude)
    wanted = [one for one in paths if one not in excluded]
    root = _common(wanted or paths)
    there = look(reader, "/", [one.lstrip("/") for one in wanted])
    missing = [one for one in wanted if one.lstrip("/") not in there]
    below = _below(reader, root, [one for one in wanted if one not in missing])
    skipped = [name for name in below if _is_excluded(root, name, excluded, patterns)]
    itself = {_name(root, dest)} if dest is not None and _is_in(dest, root) else set()
    names = sorted({*below} - {*skipped} - itself)
    found = look(reader, root, names)
    kept = {name: one for name, one in found.items() if one.kind in ("file", "directory", "link")}
    members = _members(reader, root, kept, crc)
    left_out = [name for name in found if name not in kept]
    return Collection(root, paths, excluded, missing, members, left_out, skipped)


def expanded(reader: Reader, paths: Sequence[str]) -> list[str]:
    """Paths, with those that patterns match in their place; what is named itself may be missing."""
    found: list[str] = []
    for one in paths:
        path = absolute(reader, one)
        if WILD & set(path):
            found += [name for name in ask(reader, EXPAND, path, doing=f"find {path}").stdout.split("\0") if name]
        else:
            found.append(path)
    return list(dict.fromkeys(posixpath.normpath(path) for path in found))


def _common(paths: Sequence[str]) -> str:
    return posixpath.commonpath([posixpath.dirname(path) for path in paths]) if paths else "/"


def _below(reader: Reader, root: str, paths: Sequence[str]) -> list[str]:
    """The paths and all that is below them, as names below the root."""
    found: list[str] = []
    for start in range(0, len(paths), AT_ONCE):
        walked = ask(reader, WALK, *paths[start : start + AT_ONCE], doing=f"look through {root}").stdout
        found += [name for path in walked.split("\0") if (name := _name(root, path))]
    return found


def _name(root: str, path: str) -> str:
    return path.removeprefix(root).lstrip("/")


def _is_excluded(root: str, name: str, excluded: Sequence[str], patterns: Sequence[str]) -> bool:
    path = f"{root.rstrip('/')}/{name}"
    return any(_is_in(path, one) for one in excluded) or any(holds(name, pattern) for pattern in patterns)


def _is_in(path: str, directory: str) -> bool:
    return path == directory or path.startswith(f"{directory.rstrip('/')}/")


def _members(reader: Reader, root: str, found: dict[str, FileStat], crc: bool) -> list[Member]:
    kinds: dict[str, Kind] = {"file": "file", "directory": "directory", "link": "link"}
    digests = hashes(reader, root, [name for name, one in found.items() if one.kind == "file"], crc=crc)
    return [
        Member(name, kinds[one.kind], one.mode, one.size, one.mtime, one.target, digests.get(name) or "")
        for name, one in found.items()
    ]
