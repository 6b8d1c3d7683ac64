"""blockinfile: a block of lines between two markers, there or gone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar, Final, Literal

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.modules.system.attributes import Attributes
from runner.modules.system.editing import Edited, Editing, compiled, encoded, missing
from runner.modules.system.placing import Placing

MARKER: Final = "# {mark} ANSIBLE MANAGED BLOCK"


@frozen
class BlockinfileArgs:
    path: str
    block: str = ""
    state: Literal["present", "absent"] = "present"
    marker: str = MARKER
    marker_begin: str = "BEGIN"
    marker_end: str = "END"
    insertafter: str | None = None
    insertbefore: str | None = None
    append_newline: bool = False
    prepend_newline: bool = False
    create: bool = False
    backup: bool = False
    validate: str | None = None
    mode: str | None = None
    owner: str | None = None
    group: str | None = None


class Blockinfile:
    name: ClassVar = "blockinfile"
    Args = BlockinfileArgs

    def preview(self, at: Reading, args: BlockinfileArgs) -> Change:
        return _editing(args).preview(at)

    def apply(self, at: Acting, args: BlockinfileArgs) -> Outcome:
        return _editing(args).apply(at)


def _editing(args: BlockinfileArgs) -> Editing:
    placing = Placing(
        dest=args.path,
        attributes=Attributes(args.mode, args.owner, args.group),
        backup=args.backup,
        validate=args.validate,
        make_parents=args.create,
    )
    return Editing(placing, lambda path, before: _edited(args, path, before))


def _edited(args: BlockinfileArgs, path: str, before: bytes | None) -> Edited:
    block = _block(args)
    if before is None:
        if not args.create:
            raise missing(path, f"Path {path} does not exist !")
        if args.state == "absent":
            return Edited(None, f"File {path} not present")
    lines = (before or b"").splitlines(keepends=True)
    place = _taken_out(args, lines)
    if block:
        _put_in(args, block, lines, _place(args, lines) if place is None else place)
    after = b"".join(lines)
    if after == before:
        return Edited(after)
    return Edited(after, "File created" if before is None else "Block inserted" if block else "Block removed")


def _markers(args: BlockinfileArgs) -> tuple[bytes, bytes]:
    begin, end = (args.marker.replace("{mark}", mark) for mark in (args.marker_begin, args.marker_end))
    if begin == end:
        raise TaskFailed(
            f"the block would begin and end with the same line: {begin}",
            why="it could not be found again, and would be there once more after each run",
            hint="let `marker` hold {mark}, and `marker_begin` and `marker_end` differ",
        )
    return encoded(begin) + b"\n", encoded(end) + b"\n"


def _block(args: BlockinfileArgs) -> list[bytes]:
    """The block's lines with its markers; none if there is to be no block."""
    if args.state == "absent" or not args.block:
        return []
    begin, end = _markers(args)
    return [begin, *(encoded(args.block).removesuffix(b"\n") + b"\n").splitlines(keepends=True), end]


def _taken_out(args: BlockinfileArgs, lines: list[bytes]) -> int | None:
    """Remove the block that is there, between the last of each marker; where it was, None if there was none."""
    begin, end = _markers(args)
    begins = [index for index, line in enumerate(lines) if line == begin]
    ends = [index for index, line in enumerate(lines) if line == end]
    if not begins or not ends:
        return None
    first, last = sorted((begins[-1], ends[-1]))
    del lines[first : last + 1]
    return first


def _place(args: BlockinfileArgs, lines: Sequence[bytes]) -> int:
    """Before which line a new block goes."""
    pattern = args.insertbefore or args.insertafter
    if args.insertbefore == "BOF":
        return 0
    if pattern is None or args.insertafter == "EOF":
        return len(lines)
    where = compiled(encoded(pattern), "insertbefore" if args.insertbefore else "insertafter")
    if where.flags & re.MULTILINE:
        text = b"".join(lines)
        found = where.search(text)
        edge = found and (found.start() if args.insertbefore else found.end())
        matches = [] if edge is None else [text.count(b"\n", 0, edge)]
    else:
        matches = [index for index, line in enumerate(lines) if where.search(line)]
    if not matches:
        return len(lines)
    return matches[-1] if args.insertbefore else matches[-1] + 1


def _put_in(args: BlockinfileArgs, block: Sequence[bytes], lines: list[bytes], place: int) -> None:
    if place and not lines[place - 1].endswith(b"\n"):
        lines[place - 1] += b"\n"
    before = [b"\n"] if args.prepend_newline and place and lines[place - 1] != b"\n" else []
    after = [b"\n"] if args.append_newline and place < len(lines) and lines[place] != b"\n" else []
    lines[place:place] = [*before, *block, *after]
