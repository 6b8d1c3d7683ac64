"""Writing archives on a host, reading them back, and removing what is in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from runner.errors import TaskFailed
from runner.hosts.contract import Command, Host, Pipeline, Reader, Result, Script
from runner.modules.archives import formats, remote
from runner.modules.archives.collecting import Collection
from runner.modules.archives.formats import Format
from runner.modules.archives.members import Member
from runner.modules.archives.trees import AT_ONCE
from runner.modules.system.paths import act

PLAIN: Final = {"LC_ALL": "C.UTF-8"}
WRITE: Final = 'umask 077; cat >"$1"'
REMOVE: Final = """
root=$1; shift
for name do rm -f "$root/$name" || exit 1; done
"""
# What is not empty holds something that is not in the archive, and stays.
REMOVE_DIRECTORIES: Final = """
root=$1; shift
for name do rmdir "$root/$name" 2>/dev/null || echo "$root/$name"; done
"""
# Systems take some 2 MB, the environment included.
MOST_ARGUMENTS: Final = 1_000_000
CHANGED_WHILE_READ: Final = 1


def pack(host: Host, what: Collection, one: Format, path: str) -> str:
    """Write an archive; what tar had to say about files that changed meanwhile, or empty text."""
    formats.require_packing(host, one)
    names = [member.name for member in what.members]
    if one.is_zip:
        stdin = _lines(host, names)
        _check(host.run(Command(("zip", "-q", "-y", "-X", path, "-@"), PLAIN, what.root), stdin=stdin, check=False))
        return ""
    gnu = formats.has_gnu_tar(host)
    stdin = "\0".join(names).encode("utf-8", "surrogateescape") if gnu else b""
    given = ("--null", "-T", "-") if gnu else ("--", *_few(host, names))
    tar = Command(("tar", "-c", "-f", "-", "-C", what.root, "--no-recursion", *given), PLAIN)
    result = host.run(Pipeline((tar, *_compressors(one), Script(WRITE, (path,)))), stdin=stdin, check=False)
    if gnu and result.statuses and result.statuses[0] == CHANGED_WHILE_READ and not any(result.statuses[1:]):
        return result.stderr.strip().splitlines()[-1] if result.stderr.strip() else "files changed"
    _check(result)
    return ""


def compress(host: Host, source: str, one: Format, path: str) -> None:
    """Write one file, compressed."""
    formats.require_packing(host, one)
    opened = Command(("cat", "--", source))
    _check(host.run(Pipeline((opened, *_compressors(one), Script(WRITE, (path,)))), check=False))


def holds_file(reader: Reader, path: str, one: Format, digest: str) -> bool:
    """Whether a compressed file is, unpacked, the one of that SHA-256."""
    formats.require(reader, one.unpack, f"read {path}")
    result = reader.query(Pipeline((*formats.unpacking(one, path), Command(("sha256sum",)))), check=False)
    return result.ok and result.stdout.split()[0] == digest


def contents(reader: Reader, path: str, one: Format) -> Mapping[str, Member] | None:
    """What an archive holds by name; None if it is none of that format, or broken."""
    if remote.format_of(reader, path) != one:
        return None
    try:
        return {member.name: member for member in remote.members(reader, path, one, trusted=True)}
    except TaskFailed:
        return None


def covered(members: Sequence[Member], archived: Mapping[str, Member], *, modes: bool) -> bool:
    """Whether all of them are in the archive as they are."""
    return all(_same(member, archived.get(member.name), modes) for member in members)


def remove(host: Host, root: str, members: Sequence[Member]) -> list[str]:
    """Remove them and no more; the directories that stay because something else is in them."""
    files = [member.name for member in members if member.kind != "directory"]
    directories = sorted((member.name for member in members if member.kind == "directory"), reverse=True)
    left: list[str] = []
    for script, names in ((REMOVE, files), (REMOVE_DIRECTORIES, directories)):
        for start in range(0, len(names), AT_ONCE):
            some = names[start : start + AT_ONCE]
            left += act(host, script, root, *some, doing="remove what is archived").stdout.splitlines()
    return left


def _same(member: Member, archived: Member | None, modes: bool) -> bool:
    if archived is None:
        return False
    kind = "file" if archived.kind == "hard" else archived.kind
    if kind != member.kind or archived.digest != member.digest:
        return False
    if member.kind == "link":
        return archived.target == member.target
    return not modes or archived.kind == "hard" or archived.mode in (None, member.mode)


def _compressors(one: Format) -> tuple[Command, ...]:
    return (Command(one.pack),) if one.pack else ()


def _few(reader: Reader, names: Sequence[str]) -> Sequence[str]:
    """The names, if they are fit to be arguments: not every busybox tar reads a list."""
    size = len(_lines(reader, names))
    if size > MOST_ARGUMENTS:
        raise TaskFailed(
            f"the names of what is to be packed are too long together ({size} bytes)",
            why=f"the tar of {reader.name} takes them as arguments alone",
            hint="install GNU tar there, or make several archives",
        )
    return names


def _lines(reader: Reader, names: Sequence[str]) -> bytes:
    odd = [name for name in names if "\n" in name]
    if odd:
        raise TaskFailed(
            f"{odd[0]!r} has a newline in its name",
            why=f"the program that packs on {reader.name} takes a name a line",
            hint="with GNU tar and a format other than zip any name can be packed",
        )
    return "".join(f"{name}\n" for name in names).encode("utf-8", "surrogateescape")


def _check(result: Result) -> None:
    if not result.ok:
        said = (result.stderr.strip() or result.stdout.strip()).splitlines()
        raise TaskFailed(
            f"cannot write the archive: {said[-1] if said else f'status {result.exit_code}'}",
            why="what was at its place stays, and nothing was removed",
            data={"rc": result.exit_code, "stderr": result.stderr},
        )
