"""shell: run text through a shell of the host."""

from __future__ import annotations

from typing import ClassVar

from runner.frozen import frozen
from runner.hosts.contract import Command
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.modules.system.execution import Execution, stdin_bytes


@frozen
class ShellArgs:
    cmd: str
    chdir: str | None = None
    creates: str | None = None
    removes: str | None = None
    executable: str = "/bin/sh"
    stdin: str | None = None
    stdin_add_newline: bool = True
    strip_empty_ends: bool = True


class Shell:
    name: ClassVar = "shell"
    Args = ShellArgs

    def preview(self, at: Reading, args: ShellArgs) -> Change:
        return _execution(args).preview(at.host)

    def apply(self, at: Acting, args: ShellArgs) -> Outcome:
        return _execution(args).run(at.host)


def _execution(args: ShellArgs) -> Execution:
    return Execution(
        what=Command((args.executable, "-c", args.cmd), cwd=args.chdir),
        shown=args.cmd,
        stdin=stdin_bytes(args.stdin, args.stdin_add_newline),
        creates=args.creates,
        removes=args.removes,
        strip=args.strip_empty_ends,
    )
