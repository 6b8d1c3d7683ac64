"""Directories: making them with their parents, and setting attributes of all that is below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from runner.errors import TaskFailed
from runner.hosts.contract import FileStat, Host, Reader
from runner.modules.system.attributes import Attributes
from runner.modules.system.paths import act, ask, missing_directories
from runner.modules.system.planning import FilePlan

MAKE: Final = 'umask 022; mkdir -p "$1"'
# Each combination once: a tree has few of them, however many files it has.
ATTRIBUTES_BELOW: Final = """
find "$1" -exec stat -c '%a %u %U %g %G %F' {} + | sort -u
"""
CHANGE_BELOW: Final = """
path=$1 owner=$2 mode=$3
if [ -n "$owner" ]; then chown -R -h "$owner" "$path" || exit 1; fi
if [ -n "$mode" ]; then chmod -R "$mode" "$path" || exit 1; fi
"""


def plan_directory(reader: Reader, path: str, attributes: Attributes, *, recurse: bool = False) -> FilePlan:
    """A directory at `path`; attributes count for every directory that has to be made."""
    found = reader.stat(path)
    if found is None:
        missing = missing_directories(reader, path)
        return FilePlan(path, {"state": ("absent", "directory")}, lambda host: make(host, missing, attributes))
    if found.kind != "directory":
        raise TaskFailed(
            f"{path} exists and is a {found.kind}, not a directory",
            hint="remove it first with `state: absent`, if nobody needs it",
            data={"path": path, "state": found.kind},
        )
    wrong = attributes.differences(found)
    if recurse and (below := _differences_below(reader, path, attributes)):
        return FilePlan(path, {**below, **wrong}, lambda host: _change_below(host, path, attributes))
    return FilePlan(path, wrong, lambda host: attributes.apply(host, path, found))


def make(host: Host, missing: Sequence[str], attributes: Attributes) -> None:
    """Make directories, the outermost first, each with these attributes."""
    act(host, MAKE, missing[-1], doing=f"make the directory {missing[-1]}")
    for path in missing:
        found = host.stat(path)
        if found is not None:
            attributes.apply(host, path, found)


def _differences_below(reader: Reader, path: str, attributes: Attributes) -> dict[str, tuple[str, str]]:
    listed = ask(reader, ATTRIBUTES_BELOW, path, doing=f"look through {path}").stdout.splitlines()
    wrong: dict[str, tuple[str, str]] = {}
    for line in listed:
        for name, pair in attributes.differences(_parsed(line)).items():
            wrong.setdefault(f"{name} below", pair)
    return wrong


def _parsed(line: str) -> FileStat:
    mode, uid, owner, gid, group, words = line.split(" ", 5)
    kinds = {"directory": "directory", "symbolic link": "link"}
    return FileStat(
        kind=kinds.get(words, "file"),
        mode=int(mode, 8),
        uid=int(uid),
        gid=int(gid),
        owner=owner,
        group=group,
        size=0,
        mtime=0,
        device=0,
        inode=0,
        links=1,
    )


def _change_below(host: Host, path: str, attributes: Attributes) -> None:
    owner = (attributes.owner or "") + (f":{attributes.group}" if attributes.group else "")
    mode = attributes.mode or ""
    if mode.isdecimal():
        mode = mode.zfill(5)
    else:
        # Without a letter for whom, chmod would obey the umask.
        mode = ",".join(f"a{clause}" if clause[:1] in "+-=" else clause for clause in mode.split(",") if clause)
    act(host, CHANGE_BELOW, path, owner, mode, doing=f"set the attributes of all below {path}")
