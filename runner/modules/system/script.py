"""script: a script of the controller, run on the host and gone again."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Final

from runner.frozen import frozen
from runner.hosts.contract import Script as ShellText
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.modules.system.execution import Execution, words
from runner.modules.system.sources import opened

# The shell runs what has no first line that names an interpreter; `exec` might refuse it.
RUN: Final = '"$@"'


@frozen
class ScriptArgs:
    cmd: str
    executable: str | None = None
    chdir: str | None = None
    creates: str | None = None
    removes: str | None = None
    decrypt: bool = True


class Script:
    name: ClassVar = "script"
    Args = ScriptArgs

    def preview(self, at: Reading, args: ScriptArgs) -> Change:
        at.find("files", words(args.cmd)[0])
        guard = _execution(args)
        change = guard.preview(at.host)
        return replace(change, skipped=change.needed is False)

    def apply(self, at: Acting, args: ScriptArgs) -> Outcome:
        name, *rest = words(args.cmd)
        path = at.find("files", name)
        guard = _execution(args)
        if guard.needless(at.host):
            return replace(guard.run(at.host), skipped=True)
        with at.host.private_directory() as directory:
            program = f"{directory}/{path.name}"
            with opened(at, path, decrypt=args.decrypt) as source:
                at.host.put(source, program, mode=0o700)
            through = words(args.executable) if args.executable is not None else ()
            return replace(guard, what=ShellText(RUN, (*through, program, *rest), cwd=args.chdir)).run(at.host)


def _execution(args: ScriptArgs) -> Execution:
    """All but where the script lies on the host, which is known only there."""
    return Execution(
        ShellText(RUN, cwd=args.chdir),
        shown=list(words(args.cmd)),
        creates=args.creates,
        removes=args.removes,
    )
