"""include_vars: which files of variables a host is to see from now on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from runner.errors import TaskFailed
from runner.events import IncludedVariables
from runner.frozen import frozen
from runner.modules.contract import Acting, Change, Outcome, Reading


@frozen
class IncludeVarsArgs:
    file: str | None = None
    dir: str | None = None
    name: str | None = None
    depth: int = 0
    files_matching: str | None = None
    ignore_files: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ("yaml", "yml", "json")
    ignore_unknown_extensions: bool = False


class IncludeVars:
    name: ClassVar = "include_vars"
    Args = IncludeVarsArgs

    def preview(self, at: Reading, args: IncludeVarsArgs) -> Change:
        found = _included(at, args)
        return Change(False, "takes in variables", data=_told(found), included=found)

    def apply(self, at: Acting, args: IncludeVarsArgs) -> Outcome:
        found = _included(at, args)
        return Outcome(False, _told(found), included=found)


def _told(found: IncludedVariables) -> dict[str, object]:
    return {"ansible_included_var_files": list(found.paths)}


def _included(at: Reading, args: IncludeVarsArgs) -> IncludedVariables:
    if args.file is not None:
        paths = [at.find("vars", args.file)]
    else:
        paths = sorted(_below(at.find("vars", args.dir or ""), args, 1))
    return IncludedVariables(tuple(str(path.absolute()) for path in paths), args.name or "")


def _below(directory: Path, args: IncludeVarsArgs, level: int) -> Iterator[Path]:
    if not directory.is_dir():
        raise TaskFailed(f"{directory} is not a directory", hint="name a single file with `file`")
    for path in directory.iterdir():
        if path.is_dir():
            if args.depth == 0 or level < args.depth:
                yield from _below(path, args, level + 1)
        elif _is_wanted(path, args):
            yield path


def _is_wanted(path: Path, args: IncludeVarsArgs) -> bool:
    if any(path.name.endswith(ending) for ending in args.ignore_files):
        return False
    if args.files_matching is not None and not re.search(args.files_matching, path.name):
        return False
    if path.suffix[1:] in args.extensions:
        return True
    if not args.ignore_unknown_extensions:
        raise TaskFailed(
            f"{path} does not have a valid extension: {', '.join(args.extensions)}",
            hint="name it in `ignore_files`, or set `ignore_unknown_extensions`",
        )
    return False
