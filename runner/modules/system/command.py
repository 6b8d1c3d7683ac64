"""command: run a program with its arguments, without any shell."""

from __future__ import annotations

from typing import ClassVar

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Command
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.modules.system.execution import Execution, stdin_bytes, words


@frozen
class CommandArgs:
    cmd: str | None = None
    argv: tuple[str, ...] | None = None
    chdir: str | None = None
    creates: str | None = None
    removes: str | None = None
    stdin: str | None = None
    stdin_add_newline: bool = True
    strip_empty_ends: bool = True


class CommandModule:
    name: ClassVar = "command"
    Args = CommandArgs

    def preview(self, at: Reading, args: CommandArgs) -> Change:
        return _execution(args).preview(at.host)

    def apply(self, at: Acting, args: CommandArgs) -> Outcome:
        return _execution(args).run(at.host)


def _execution(args: CommandArgs) -> Execution:
    argv = args.argv if args.argv is not None else words(args.cmd or "")
    if not argv or not argv[0]:
        raise TaskFailed("there is no program to run", hint="give `cmd` or `argv`")
    return Execution(
        what=Command(tuple(argv), cwd=args.chdir),
        shown=list(argv),
        stdin=stdin_bytes(args.stdin, args.stdin_add_newline),
        creates=args.creates,
        removes=args.removes,
        strip=args.strip_empty_ends,
    )
