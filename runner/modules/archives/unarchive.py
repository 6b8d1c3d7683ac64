"""unarchive: what is in an archive, unpacked into a directory of a host."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Final

from runner.frozen import frozen
from runner.hosts.contract import FileStat, Host, Reader
from runner.modules.archives import formats, local, remote
from runner.modules.archives.comparing import Comparison, compare
from runner.modules.archives.formats import Format
from runner.modules.archives.members import Member, refuse_escapes, selected, stripped
from runner.modules.archives.staging import put_in_place, staged, walked
from runner.modules.archives.trees import look, set_rights
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.modules.system.attributes import Attributes
from runner.modules.system.describing import described
from runner.modules.system.paths import absolute, is_directory
from runner.modules.system.planning import NotThereYet, unknown
from runner.modules.system.sources import opened

STRIP: Final = re.compile(r"--strip-components=(\d+)")


@frozen
class UnarchiveArgs:
    src: str
    dest: str
    remote_src: bool = False
    copy: bool = True
    creates: str | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    extra_opts: tuple[str, ...] = ()
    keep_newer: bool = False
    list_files: bool = False
    decrypt: bool = True
    mode: str | None = None
    owner: str | None = None
    group: str | None = None

    @property
    def on_host(self) -> bool:
        return self.remote_src or not self.copy

    @property
    def strip(self) -> int:
        """How many directories `--strip-components` takes off the beginning of each name."""
        told = [match[1] for option in self.extra_opts if (match := STRIP.fullmatch(option))]
        return int(told[-1]) if told else 0

    @property
    def renames(self) -> bool:
        """Whether there are other options, of which nobody knows what they make of the names."""
        return any(not STRIP.fullmatch(option) for option in self.extra_opts)

    @property
    def attributes(self) -> Attributes:
        return Attributes(self.mode, self.owner, self.group)


@frozen
class _Archive:
    """`members` is None where they cannot be known before it is on the host."""

    path: str
    format: Format
    members: Sequence[Member] | None


class Unarchive:
    name: ClassVar = "unarchive"
    Args = UnarchiveArgs

    def preview(self, at: Reading, args: UnarchiveArgs) -> Change:
        try:
            if args.creates is not None and _exists(at.host, args.creates):
                return Change(False, f"{args.creates} exists", data=_skipped(args), skipped=True)
            dest = _destination(at.host, args)
            archive = _on_host(at.host, args) if args.on_host else _on_controller(at, args)
        except NotThereYet as missing:
            return unknown(missing)
        if archive.members is None or args.renames:
            return Change(None, f"unpacks {args.src} into {dest}")
        compared = _compared(at.host, args, dest, archive.members, archive.format, args.strip)
        data = _result(at.host, args, dest, archive, compared)
        return Change(compared.needed, compared.summary(args.src), compared.diff, data)

    def apply(self, at: Acting, args: UnarchiveArgs) -> Outcome:
        if args.creates is not None and _exists(at.host, args.creates):
            return Outcome(False, _skipped(args), skipped=True)
        dest = _destination(at.host, args)
        if args.on_host:
            return _unpack(at.host, args, dest, _on_host(at.host, args))
        known = _on_controller(at, args)
        if known.members is not None and not args.renames:
            compared = _compared(at.host, args, dest, known.members, known.format, args.strip)
            if not compared.needed:
                return Outcome(False, _result(at.host, args, dest, known, compared))
        with _brought(at, args, Path(known.path)) as path:
            members = known.members if known.members is not None else remote.members(at.host, path, known.format)
            return _unpack(at.host, args, dest, _Archive(path, known.format, members))


def _exists(reader: Reader, path: str) -> bool:
    return reader.stat(absolute(reader, path)) is not None


def _skipped(args: UnarchiveArgs) -> dict[str, object]:
    return {"msg": f"skipped, since {args.creates} exists", "dest": args.dest, "src": args.src}


def _destination(reader: Reader, args: UnarchiveArgs) -> str:
    dest = absolute(reader, args.dest)
    if not is_directory(reader, dest):
        raise NotThereYet(
            f"dest '{dest}' must be an existing dir",
            hint="make it first with `file` and `state: directory`",
            data={"dest": dest, "src": args.src},
        )
    return dest


def _on_host(reader: Reader, args: UnarchiveArgs) -> _Archive:
    path = absolute(reader, args.src)
    if reader.stat(path) is None:
        raise NotThereYet(
            f"Source '{path}' does not exist",
            hint="for an archive of the controller leave `remote_src` out; fetch one from the web with `get_url`",
            data={"src": path},
        )
    one = remote.format_of(reader, path)
    return _Archive(path, one, remote.members(reader, path, one))


def _on_controller(at: Reading, args: UnarchiveArgs) -> _Archive:
    path = at.find("files", args.src)
    with opened(at, path, decrypt=args.decrypt) as source:
        one = local.format_of(source)
        return _Archive(str(path), one, local.members(source, one, path))


@contextmanager
def _brought(at: Acting, args: UnarchiveArgs, path: Path) -> Iterator[str]:
    """The archive on the host, as long as it is needed."""
    with at.host.private_directory() as directory:
        there = f"{directory}/archive"
        with opened(at, path, decrypt=args.decrypt) as source:
            at.host.put(source, there)
        yield there


def _compared(
    reader: Reader, args: UnarchiveArgs, dest: str, members: Sequence[Member], one: Format, strip: int = 0
) -> Comparison:
    # All of them: even what is left out comes into the directory they are unpacked to first.
    refuse_escapes(members, args.src)
    wanted = stripped(selected(members, args.include, args.exclude), strip)
    return compare(reader, dest, wanted, args.attributes, keep_newer=args.keep_newer, crc=one.is_zip)


def _unpack(host: Host, args: UnarchiveArgs, dest: str, archive: _Archive) -> Outcome:
    members = archive.members or ()
    compared = _compared(host, args, dest, members, archive.format, args.strip)
    changed = False
    if args.renames or compared.differing:
        formats.require(host, archive.format.unpack, f"unpack {args.src}")
        with staged(host, dest, archive.path, archive.format, args.extra_opts) as staging:
            if args.renames:
                # They may give what is unpacked other names than it has in the archive.
                compared = _compared(host, args, dest, walked(host, staging), formats.TAR)
            changed = bool(compared.differing)
            put_in_place(host, staging, dest, compared.wanted, compared.differing)
    there = look(host, dest, [member.name for member in compared.wanted])
    changed = bool(set_rights(host, dest, there, args.attributes)) or changed
    return Outcome(changed, _result(host, args, dest, archive, compared), diff=compared.diff)


def _result(
    reader: Reader, args: UnarchiveArgs, dest: str, archive: _Archive, compared: Comparison
) -> Mapping[str, object]:
    found: FileStat | None = reader.stat(dest)
    data = {"dest": dest, "src": args.src, "handler": archive.format.handler, **described(found)}
    if args.list_files:
        data["files"] = [f"{one.name}/" if one.kind == "directory" else one.name for one in compared.wanted]
    return data
