"""Symbolic and hard links, put in place in one step."""

from __future__ import annotations

import posixpath
from typing import Final

from runner.errors import TaskFailed
from runner.hosts.contract import FileStat, Host, Reader
from runner.modules.system.attributes import Attributes
from runner.modules.system.paths import absolute, act
from runner.modules.system.planning import FilePlan, NotThereYet

# A link is made beside its place and renamed over what is there. `$$` keeps two runs apart.
PLACE: Final = """
src=$1 path=$2 kind=$3
case $path in */*) new=${path%/*}/.${path##*/}.$$;; esac
if [ "$kind" = hard ]; then ln "$src" "$new" || exit 1; else ln -s "$src" "$new" || exit 1; fi
mv -f -T "$new" "$path" || { rm -f "$new"; exit 1; }
# Renaming one name of a file over another of the same file does nothing and leaves both.
rm -f "$new"
"""
REMOVE_EMPTY: Final = 'rmdir "$1"'


def plan_link(reader: Reader, path: str, src: str, attributes: Attributes, *, hard: bool, force: bool) -> FilePlan:
    """A link at `path` that leads to `src`; what else is there is only replaced with `force`."""
    found = reader.stat(path)
    kind = "hard" if hard else "link"
    target = _hard_target(reader, src) if hard else _soft_target(reader, path, src, force)
    if found is not None and _leads_there(found, src, target, hard):
        wrong = attributes.differences(found)
        return FilePlan(path, wrong, lambda host: attributes.apply(host, path, found))
    if found is not None:
        _refuse_replacing(path, found, force, hard)
    before = "absent" if found is None else (f"link to {found.target}" if found.kind == "link" else found.kind)

    def place(host: Host) -> None:
        if found is not None and found.kind == "directory":
            act(host, REMOVE_EMPTY, path, doing=f"replace the directory {path} by a link")
        act(host, PLACE, absolute(host, src) if hard else src, path, kind, doing=f"link {path} to {src}")
        placed = host.stat(path)
        if placed is not None:
            attributes.apply(host, path, placed)

    return FilePlan(path, {"state": (before, f"{kind} to {src}")}, place)


def _leads_there(found: FileStat, src: str, target: FileStat | None, hard: bool) -> bool:
    if not hard:
        return found.kind == "link" and found.target == src
    return target is not None and (found.device, found.inode) == (target.device, target.inode)


def _soft_target(reader: Reader, path: str, src: str, force: bool) -> FileStat | None:
    where = src if src.startswith("/") else posixpath.join(posixpath.dirname(path), src)
    target = reader.stat(where)
    if target is None and not force:
        raise NotThereYet(
            f"src file does not exist, {src}",
            why="the link would lead nowhere",
            hint="make it first, or say `force: true` to link all the same",
            data={"dest": path, "src": src},
        )
    return target


def _hard_target(reader: Reader, src: str) -> FileStat:
    target = reader.stat(absolute(reader, src))
    if target is None:
        raise NotThereYet(f"src file does not exist, {src}", hint="make it first", data={"src": src})
    if target.kind == "directory":
        raise TaskFailed(f"{src} is a directory, which no hard link can lead to", data={"src": src})
    return target


def _refuse_replacing(path: str, found: FileStat, force: bool, hard: bool) -> None:
    # Ansible lets a link lead elsewhere without force; everything else must be asked for.
    if force or (found.kind == "link" and not hard):
        return
    raise TaskFailed(
        f"refusing to convert from {found.kind} to {'hard' if hard else 'link'} for {path}",
        why="what is there would be lost",
        hint="move it away first, or say `force: true`",
        data={"dest": path, "state": found.kind},
    )
