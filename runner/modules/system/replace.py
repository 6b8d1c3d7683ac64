"""replace: everything in a text file that matches a regular expression."""

from __future__ import annotations

import re
from typing import ClassVar, Final

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.modules.system.attributes import Attributes
from runner.modules.system.editing import Edited, Editing, compiled, missing
from runner.modules.system.placing import Placing

SECTION: Final = "subsection"


@frozen
class ReplaceArgs:
    path: str
    regexp: str
    replace: str = ""
    after: str | None = None
    before: str | None = None
    encoding: str = "utf-8"
    backup: bool = False
    validate: str | None = None
    mode: str | None = None
    owner: str | None = None
    group: str | None = None


class Replace:
    name: ClassVar = "replace"
    Args = ReplaceArgs

    def preview(self, at: Reading, args: ReplaceArgs) -> Change:
        return _editing(args).preview(at)

    def apply(self, at: Acting, args: ReplaceArgs) -> Outcome:
        return _editing(args).apply(at)


def _editing(args: ReplaceArgs) -> Editing:
    placing = Placing(
        dest=args.path,
        attributes=Attributes(args.mode, args.owner, args.group),
        backup=args.backup,
        validate=args.validate,
    )
    return Editing(placing, lambda path, before: _edited(args, path, before))


def _edited(args: ReplaceArgs, path: str, before: bytes | None) -> Edited:
    if before is None:
        raise missing(path, f"Path {path} does not exist !")
    try:
        text = before.decode(args.encoding, "surrogateescape")
        start, end = _section(args, text)
        if start is None:
            return _unchanged(f"Pattern for before/after params did not match the given file: {_bounds(args)}")
        changed, count = _substituted(args, text[start:end])
        after = (text[:start] + changed + text[end:]).encode(args.encoding, "surrogateescape")
    except (LookupError, UnicodeError) as error:
        raise TaskFailed(f"{path} cannot be read or written as {args.encoding}: {error}") from error
    return Edited(after, f"{count} replacements made", {"rc": 0}) if after != before else _unchanged("")


def _unchanged(said: str) -> Edited:
    return Edited(None, said, {"rc": 0})


def _bounds(args: ReplaceArgs) -> str:
    # Up to the first `before` behind `after`; without `after`, up to the last one.
    return f"{args.after or ''}(?P<{SECTION}>{'.*?' if args.after and args.before else '.*'}){args.before or ''}"


def _section(args: ReplaceArgs, text: str) -> tuple[int | None, int]:
    """Where the text lies that `after` and `before` leave; no start if they match nothing."""
    if not args.after and not args.before:
        return 0, len(text)
    match = compiled(_bounds(args), "after` or `before", re.DOTALL).search(text)
    # An alternative (a|b) in `after` or `before` may match without the section.
    return match.span(SECTION) if match and match[SECTION] is not None else (None, 0)


def _substituted(args: ReplaceArgs, text: str) -> tuple[str, int]:
    pattern = compiled(args.regexp, "regexp", re.MULTILINE)
    try:
        return pattern.subn(args.replace, text)
    except (re.error, IndexError) as error:
        raise TaskFailed(
            f"`replace` cannot be filled in: {error}",
            hint="the groups are those of `regexp`; a backslash itself is written \\\\",
        ) from error
