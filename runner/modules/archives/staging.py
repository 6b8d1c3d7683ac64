"""Unpacking beside the place, where nothing is overwritten, and moving what is wanted to it."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from runner.errors import TaskFailed
from runner.hosts.contract import Command, Host, Pipeline, Script
from runner.modules.archives import formats
from runner.modules.archives.formats import Format
from runner.modules.archives.members import Kind, Member
from runner.modules.archives.trees import AT_ONCE, hashes, look
from runner.modules.system.paths import act, ask

PLAIN: Final = {"LC_ALL": "C"}
WALK: Final = 'cd "$1" || exit 1; find . -mindepth 1 -print0'
# Directories first, files next, the rights of directories last: one may be closed to its own owner.
DIRECTORIES: Final = """
staging=$1 dest=$2; shift 2
umask 077
for name do
  to=$dest/$name
  if [ -d "$to" ] && ! [ -L "$to" ]; then continue; fi
  if [ -e "$to" ] || [ -L "$to" ]; then rm -f "$to" || exit 1; fi
  mkdir "$to" || exit 1
  chmod "0$(stat -c %a "$staging/$name")" "$to" && chmod u+rwx "$to" || exit 1
done
"""
FILES: Final = """
staging=$1 dest=$2; shift 2
for name do
  if [ -d "$dest/$name" ] && ! [ -L "$dest/$name" ]; then
    echo "$dest/$name is a directory and is not replaced by a file" >&2; exit 1
  fi
  mv -f -T "$staging/$name" "$dest/$name" || exit 1
done
"""
RIGHTS: Final = """
staging=$1 dest=$2; shift 2
user=$(id -u)
for name do
  set -- $(stat -c '%a %u:%g' "$staging/$name") || exit 1
  if [ "$user" = 0 ]; then chown "$2" "$dest/$name" || exit 1; fi
  chmod "0$1" "$dest/$name" || exit 1
done
"""
SETTLE: Final = 'sync -f "$1" 2>/dev/null || sync'


@contextmanager
def staged(host: Host, dest: str, archive: str, one: Format, options: Sequence[str]) -> Iterator[str]:
    """A directory beside what is in `dest`, with all of the archive in it; gone at the end."""
    with host.private_directory(dest) as directory:
        result = host.run(_unpacker(archive, one, directory, options), check=False)
        if not result.ok:
            said = (result.stderr.strip() or result.stdout.strip()).splitlines()
            raise TaskFailed(
                f"cannot unpack {archive}: {said[-1] if said else f'status {result.exit_code}'}",
                why="nothing was put in place",
                data={"rc": result.exit_code, "stderr": result.stderr},
            )
        yield directory


def _unpacker(archive: str, one: Format, directory: str, options: Sequence[str]) -> Command | Pipeline:
    if one.is_zip:
        return Command(("unzip", "-o", "-q", *options, archive, "-d", directory), env={"LC_ALL": "C.UTF-8"})
    tar = ("tar", "-x", "-p", "-C", directory, *options, "-f", "-")
    return Pipeline((*formats.unpacking(one, archive), Command(tar, env=PLAIN)))


def walked(host: Host, staging: str) -> list[Member]:
    """What was unpacked, as members."""
    names = [name.removeprefix("./") for name in ask(host, WALK, staging, doing="list it").stdout.split("\0") if name]
    names.sort()
    found = look(host, staging, names)
    digests = hashes(host, staging, [name for name, one in found.items() if one.kind == "file"], crc=False)
    return [
        Member(name, _kind(one.kind), one.mode, one.size, one.mtime, one.target, digests.get(name) or "")
        for name, one in found.items()
    ]


def put_in_place(host: Host, staging: str, dest: str, wanted: Sequence[Member], differing: Sequence[str]) -> None:
    """Move those names from the one directory to the other, each whole or not at all."""
    kinds = {member.name: member.kind for member in wanted}
    directories = [name for name in differing if kinds[name] == "directory"]
    files = [name for name in differing if kinds[name] != "directory"]
    above = {above for name in files for above in _above(name)} - kinds.keys()
    there = look(host, dest, sorted(above))
    new = [name for name in sorted(above) if name not in there]
    todo = sorted({*directories, *new})
    for script, names in ((DIRECTORIES, todo), (FILES, files), (RIGHTS, todo[::-1])):
        for start in range(0, len(names), AT_ONCE):
            act(host, script, staging, dest, *names[start : start + AT_ONCE], doing=f"unpack into {dest}")
    host.run(Script(SETTLE, (dest,)))


def _above(name: str) -> Iterator[str]:
    while name := posixpath.dirname(name):
        yield name


def _kind(kind: str) -> Kind:
    return kind if kind in ("file", "directory", "link") else "other"  # type: ignore[return-value]  # one of them
