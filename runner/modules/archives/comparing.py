"""What of an archive is not below a directory yet."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from typing import Final

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import FileStat, Reader
from runner.modules.archives.members import Member
from runner.modules.archives.trees import hashes, look
from runner.modules.contract import Diff
from runner.modules.system.attributes import Attributes
from runner.modules.system.paths import ask

MOST_SHOWN: Final = 1000
# Whether each directory, with every link followed, is below the first.
LEADS: Final = """
root=$(readlink -f "$1") || exit 1; shift
for path do
  there=$(readlink -f "$path") || there=
  case $there/ in "${root%/}"/*) echo in ;; *) echo out ;; esac
done
"""


@frozen
class Comparison:
    """`differing` are the names to be put in place, `wrong` those whose attributes are not as asked for."""

    dest: str
    wanted: Sequence[Member]
    differing: Sequence[str]
    wrong: Sequence[str]

    @property
    def needed(self) -> bool:
        return bool(self.differing or self.wrong)

    @property
    def diff(self) -> Diff | None:
        names = [*self.differing, *(name for name in self.wrong if name not in self.differing)]
        more = f"and {len(names) - MOST_SHOWN} more\n" if len(names) > MOST_SHOWN else ""
        listed = "".join(f"{self.dest}/{name}\n" for name in names[:MOST_SHOWN])
        return Diff(self.dest, "", listed + more) if names else None

    def summary(self, src: str) -> str:
        """What is to be done, in a line."""
        if not self.needed:
            return f"{self.dest} holds all of {src}"
        return f"unpacks {len(self.differing)} of {len(self.wanted)} entries of {src} into {self.dest}"


def compare(
    reader: Reader, dest: str, wanted: Sequence[Member], attributes: Attributes, *, keep_newer: bool, crc: bool
) -> Comparison:
    """Compare content, kind, link targets, and modes if no other is asked for. TaskFailed if a link leads out."""
    _refuse_ways_out(reader, dest, wanted)
    last = {member.name: member for member in wanted}
    found = look(reader, dest, list(last))
    same_size = [name for name, member in last.items() if _may_be_same(member, found.get(name))]
    there = hashes(reader, dest, same_size, crc=crc)
    differing = [
        name
        for name, member in last.items()
        if not (keep_newer and name in found and member.kind == "file" and found[name].mtime > member.mtime)
        and _differs(member, found.get(name), there.get(name), attributes)
    ]
    wrong = [name for name, one in found.items() if attributes.differences(one)]
    return Comparison(dest, list(last.values()), differing, wrong)


def _may_be_same(member: Member, found: FileStat | None) -> bool:
    if found is None or found.kind != "file":
        return False
    return member.kind == "hard" or (member.kind == "file" and found.size == member.size)


def _differs(member: Member, found: FileStat | None, digest: str | None, attributes: Attributes) -> bool:
    if found is None or found.kind != ("file" if member.kind == "hard" else member.kind):
        return True
    if member.kind == "link":
        return found.target != member.target
    if member.kind != "directory" and digest != member.digest:
        return True
    # The target of a hard link says what its mode is.
    return attributes.mode is None and member.kind != "hard" and member.mode not in (None, found.mode)


def _refuse_ways_out(reader: Reader, dest: str, wanted: Sequence[Member]) -> None:
    parents = sorted({posixpath.dirname(member.name) for member in wanted} - {""})
    there: Mapping[str, FileStat] = look(reader, dest, parents)
    ways = [name for name in parents if name in there]
    if not ways:
        return
    told = ask(reader, LEADS, dest, *(f"{dest}/{name}" for name in ways), doing=f"follow {dest}").stdout.split()
    for name, leads in zip(ways, told, strict=True):
        if leads == "out":
            raise TaskFailed(
                f"{dest}/{name} leads out of {dest}",
                why="a link on the host would let the archive write elsewhere; nothing was unpacked",
                hint="unpack into the directory it leads to, or replace the link by a directory",
            )
