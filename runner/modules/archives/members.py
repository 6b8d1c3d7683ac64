"""What is in an archive, which of it is wanted, and whether it may be unpacked."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence, Set
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Final, Literal

from runner.errors import TaskFailed
from runner.frozen import frozen

Kind = Literal["file", "directory", "link", "hard", "other"]
MOST_NAMED: Final = 5


@frozen
class Member:
    """One entry. `digest` is of a file's bytes; `mode` is None where the archive does not say.

    `name` is where it lands, without `./` and a slash at its end. A `hard` link's `target` is another member.
    """

    name: str
    kind: Kind
    mode: int | None
    size: int
    mtime: float
    target: str = ""
    digest: str = ""


def tidied(name: str) -> str:
    """A name without `./` at its beginning and slashes at its end; `..` and a leading slash stay to be refused."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    return ("/" if name.startswith("/") else "") + "/".join(parts)


def selected(members: Sequence[Member], include: Sequence[str], exclude: Sequence[str]) -> list[Member]:
    """Those to be unpacked. What is included is named from its beginning, what is excluded from any slash on.

    Patterns may have wildcards; a directory stands for all below it. TaskFailed for an `include` of nothing.
    """
    for pattern in include:
        if not any(_begins(member.name, tidied(pattern)) for member in members):
            raise TaskFailed(f"the archive holds no {pattern!r}", hint="`list_files: true` shows what is in it")
    return [
        member
        for member in members
        if (not include or any(_begins(member.name, tidied(pattern)) for pattern in include))
        and not any(holds(member.name, tidied(pattern)) for pattern in exclude)
    ]


def stripped(members: Sequence[Member], count: int) -> list[Member]:
    """As tar's `--strip-components` calls them; what has no name left is left out."""
    return [
        replace(member, name=name, target=_without(member.target, count) if member.kind == "hard" else member.target)
        for member in members
        if (name := _without(member.name, count))
    ]


def _without(name: str, count: int) -> str:
    return "/".join(name.split("/")[count:])


def holds(name: str, pattern: str) -> bool:
    """Whether the pattern is the name, a directory above it, or either of them from some slash on."""
    return any(fnmatchcase(part, pattern) for tail in _tails(name) for part in _heads(tail))


def _begins(name: str, pattern: str) -> bool:
    return any(fnmatchcase(head, pattern) for head in _heads(name))


def _heads(name: str) -> Iterator[str]:
    """The name and every directory above it."""
    while name and name != "/":
        yield name
        name = posixpath.dirname(name)


def _tails(name: str) -> Iterator[str]:
    parts = name.split("/")
    return ("/".join(parts[index:]) for index in range(len(parts)))


def refuse_escapes(members: Sequence[Member], archive: str) -> None:
    """TaskFailed if anything would land, lead or link outside the directory it is unpacked into."""
    files = {member.name for member in members if member.kind == "file"}
    # A name may be there twice: once a link is enough.
    links = {member.name for member in members if member.kind in ("link", "hard")}
    wrong = [f"{member.name!r} {reason}" for member in members if (reason := _escape(member, files, links))]
    if wrong:
        more = f" and {len(wrong) - MOST_NAMED} more" if len(wrong) > MOST_NAMED else ""
        raise escaping(archive, f"{', '.join(wrong[:MOST_NAMED])}{more}")


def escaping(archive: str, how: str) -> TaskFailed:
    """The archive reaches outside the directory it is unpacked into."""
    return TaskFailed(
        f"{archive} is not unpacked: {how}",
        why="it could write, or let others write, outside its destination; nothing was unpacked",
        hint="if you trust it all the same, unpack it with `command` and tar",
    )


def _escape(member: Member, files: Set[str], links: Set[str]) -> str:
    """Why a member may not be unpacked, or empty text."""
    if member.name.startswith("/"):
        return "is an absolute name"
    if ".." in member.name.split("/"):
        return "leads upwards"
    if member.kind == "other":
        return "is a device, a socket or a pipe"
    if any(above in links for above in _heads(posixpath.dirname(member.name))):
        return "lies behind a link of the archive"
    if member.kind == "hard" and (member.target not in files or member.target in links):
        return f"is a hard link to {member.target!r}, which is no file of the archive"
    if member.kind == "link" and _leads_out(member):
        return f"is a link to {member.target!r}, which is outside"
    return ""


def _leads_out(member: Member) -> bool:
    if member.target.startswith("/"):
        return True
    # Counted step by step: a/../../b is outside on its way, wherever it ends.
    depth = member.name.count("/")
    for part in member.target.split("/"):
        depth += -1 if part == ".." else 0 if part in ("", ".") else 1
        if depth < 0:
            return True
    return False
