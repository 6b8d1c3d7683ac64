"""lineinfile: one line of a text file, there or gone."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import ClassVar, Literal

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.modules.system.attributes import Attributes
from runner.modules.system.editing import Edited, Editing, compiled, encoded, expanded, missing
from runner.modules.system.placing import Placing


@frozen
class LineinfileArgs:
    path: str
    line: str | None = None
    regexp: str | None = None
    search_string: str | None = None
    state: Literal["present", "absent"] = "present"
    backrefs: bool = False
    insertafter: str | None = None
    insertbefore: str | None = None
    firstmatch: bool = False
    create: bool = False
    backup: bool = False
    validate: str | None = None
    mode: str | None = None
    owner: str | None = None
    group: str | None = None


class Lineinfile:
    name: ClassVar = "lineinfile"
    Args = LineinfileArgs

    def preview(self, at: Reading, args: LineinfileArgs) -> Change:
        return _editing(args).preview(at)

    def apply(self, at: Acting, args: LineinfileArgs) -> Outcome:
        return _editing(args).apply(at)


def _editing(args: LineinfileArgs) -> Editing:
    placing = Placing(
        dest=args.path,
        attributes=Attributes(args.mode, args.owner, args.group),
        backup=args.backup,
        validate=args.validate,
        make_parents=args.create,
    )
    change = _present if args.state == "present" else _absent
    return Editing(placing, lambda path, before: change(args, path, before), backup_key="backup", always=True)


def _absent(args: LineinfileArgs, path: str, before: bytes | None) -> Edited:
    if before is None:
        return Edited(None, "file not present")
    match = _matcher(args)
    lines = _lines(before)
    kept = [line for line in lines if not match(line)]
    found = len(lines) - len(kept)
    return Edited(b"".join(kept), f"{found} line(s) removed" if found else "", {"found": found})


def _present(args: LineinfileArgs, path: str, before: bytes | None) -> Edited:
    if args.line is None:
        raise TaskFailed("line is required with state=present", hint="say in `line` what the line is to be")
    if before is None and not args.create:
        raise missing(path, f"Destination {path} does not exist !")
    lines = _lines(before or b"")
    said = _put_line(args, encoded(args.line), lines)
    return Edited(b"".join(lines) if said or before is not None else None, said)


def _put_line(args: LineinfileArgs, line: bytes, lines: list[bytes]) -> str:
    """Change `lines`, if that is needed; what was done, in Ansible's words."""
    if (found := _found(args, line, lines)) is not None:
        return _replace(args, line, lines, found)
    if args.backrefs:
        return ""
    if "BOF" in (args.insertbefore, args.insertafter):
        lines.insert(0, line + b"\n")
        return "line added"
    place = _place(args, line, lines)
    if place is None:
        _end_with_newline(lines)
        lines.append(line + b"\n")
        return "line added"
    return _insert(args, line, lines, place)


def _found(args: LineinfileArgs, line: bytes, lines: Sequence[bytes]) -> int | None:
    """Where the line is that becomes the one wanted: what matches, else the last that is the line itself."""
    if args.regexp is not None or args.search_string is not None:
        match = _matcher(args)
        matches = [index for index, one in enumerate(lines) if match(one)]
        if matches:
            return matches[0] if args.firstmatch else matches[-1]
    # With `firstmatch`, what stands after the place for a new line is not looked at.
    place = _place(args, line, lines) if args.firstmatch else None
    seen = lines if place is None else lines[: place if args.insertbefore else place - 1]
    same = [index for index, one in enumerate(seen) if _bare(one) == line]
    return same[-1] if same else None


def _replace(args: LineinfileArgs, line: bytes, lines: list[bytes], found: int) -> str:
    match = compiled(encoded(args.regexp or ""), "regexp").search(lines[found]) if args.backrefs else None
    new = expanded(match, args.line or "", "line") if match else line
    if not new.endswith(b"\n"):
        new += b"\n"
    if lines[found] == new:
        return ""
    lines[found] = new
    return "line replaced"


def _place(args: LineinfileArgs, line: bytes, lines: Sequence[bytes]) -> int | None:
    """Before which line a new one goes; None for the end of the file."""
    pattern = args.insertbefore or args.insertafter
    if pattern is None or args.insertafter == "EOF":
        return None
    where = compiled(encoded(pattern), "insertbefore" if args.insertbefore else "insertafter")
    matches = [index for index, one in enumerate(lines) if _bare(one) != line and where.search(one)]
    if not matches:
        return None
    found = matches[0] if args.firstmatch else matches[-1]
    return found if args.insertbefore else found + 1


def _insert(args: LineinfileArgs, line: bytes, lines: list[bytes], place: int) -> str:
    if place < len(lines) and _bare(lines[place]) == line:
        return ""
    if place == len(lines):
        _end_with_newline(lines)
    lines.insert(place, line + b"\n")
    return "line added"


def _end_with_newline(lines: list[bytes]) -> None:
    if lines and not lines[-1].endswith(b"\n"):
        lines[-1] += b"\n"


def _matcher(args: LineinfileArgs) -> Callable[[bytes], object]:
    """Whether a line, its newline included, is one that `regexp`, `search_string` or `line` means."""
    if args.regexp is not None:
        return compiled(encoded(args.regexp), "regexp").search
    if args.search_string is not None:
        wanted = encoded(args.search_string)
        return lambda one: wanted in one
    line = encoded(args.line or "")
    return lambda one: _bare(one) == line


def _bare(line: bytes) -> bytes:
    return line.rstrip(b"\r\n")


def _lines(content: bytes) -> list[bytes]:
    """Lines with their newlines; unlike splitlines, a carriage return ends none."""
    return re.findall(rb"[^\n]*\n|[^\n]+", content)
