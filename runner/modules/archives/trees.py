"""What is below a directory of a host, many names at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from runner.hosts.contract import FileStat, Host, Reader
from runner.modules.system.attributes import Attributes
from runner.modules.system.paths import act, ask, digests

AT_ONCE: Final = 200
# GNU and busybox stat agree on these; the target of a link comes last and may hold anything but NUL.
LOOK: Final = """
root=$1; shift
for name do
  path=$root/$name
  if [ -e "$path" ] || [ -L "$path" ]; then
    stat -c '%a %u %g %U %G %s %Y %h %F' "$path" | tr '\\n' '/' || exit 1
    [ -L "$path" ] && readlink -n "$path"
  fi
  printf '\\0'
done
"""
# The CRC-32 of what gzip packs stands behind it, its lowest byte first.
CRC: Final = """
for path do
  if [ -f "$path" ] && ! [ -L "$path" ]; then
    set -- $(gzip -1 -c <"$path" | tail -c 8 | od -An -tx1) || exit 1
    echo "$4$3$2$1"
  else
    echo -
  fi
done
"""
RIGHTS: Final = """
mode=$1 owner=$2; shift 2
if [ -n "$owner" ]; then chown -h "$owner" "$@" || exit 1; fi
if [ -n "$mode" ]; then chmod "$mode" "$@" || exit 1; fi
"""
KINDS: Final[Mapping[str, str]] = {
    "regular file": "file",
    "regular empty file": "file",
    "directory": "directory",
    "symbolic link": "link",
}


def look(reader: Reader, root: str, names: Sequence[str]) -> dict[str, FileStat]:
    """lstat of those that are there."""
    found: dict[str, FileStat] = {}
    for some in _batches(names):
        records = ask(reader, LOOK, root, *some, doing=f"look through {root}").stdout.split("\0")
        found |= {name: _parsed(record) for name, record in zip(some, records, strict=False) if record}
    return found


def hashes(reader: Reader, root: str, names: Sequence[str], *, crc: bool) -> dict[str, str | None]:
    """The CRC-32 or the SHA-256 of regular files, None for anything else."""
    paths = [f"{root}/{name}" for name in names]
    told = _crcs(reader, root, paths) if crc else digests(reader, paths)
    return dict(zip(names, told, strict=True))


def _crcs(reader: Reader, root: str, paths: Sequence[str]) -> list[str | None]:
    told: list[str | None] = []
    for some in _batches(paths):
        lines = ask(reader, CRC, *some, doing=f"hash what is in {root}").stdout.split()
        told += [None if line == "-" else line for line in lines]
    return told


def set_rights(host: Host, root: str, found: Mapping[str, FileStat], attributes: Attributes) -> list[str]:
    """Put right what differs; returns the names of those it did."""
    wrong = {name: differences for name, one in found.items() if (differences := attributes.differences(one))}
    alike: dict[tuple[str, str], list[str]] = {}
    for name, differences in wrong.items():
        mode = differences["mode"][1].zfill(5) if "mode" in differences else ""
        owner = _owner(attributes) if differences.keys() - {"mode"} else ""
        alike.setdefault((mode, owner), []).append(f"{root}/{name}")
    for (mode, owner), paths in alike.items():
        for some in _batches(paths):
            act(host, RIGHTS, mode, owner, *some, doing=f"set the attributes of what is in {root}")
    return list(wrong)


def _owner(attributes: Attributes) -> str:
    return (attributes.owner or "") + (f":{attributes.group}" if attributes.group else "")


def _parsed(record: str) -> FileStat:
    about, _, target = record.partition("/")
    mode, uid, gid, owner, group, size, mtime, links, kind = about.split(" ", 8)
    return FileStat(
        kind=KINDS.get(kind, kind),
        mode=int(mode, 8),
        uid=int(uid),
        gid=int(gid),
        owner=owner,
        group=group,
        size=int(size),
        mtime=int(mtime),
        device=0,
        inode=0,
        links=int(links),
        target=target,
    )


def _batches(names: Sequence[str]) -> Iterator[Sequence[str]]:
    return (names[start : start + AT_ONCE] for start in range(0, len(names), AT_ONCE))
