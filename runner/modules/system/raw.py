"""raw: text for the shell of whoever logs in, as it is."""

from __future__ import annotations

from typing import ClassVar, Final

from runner.frozen import frozen
from runner.hosts.contract import Command, Script
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.modules.system.execution import Execution

# Accounts of services have a program in the place of a shell that lets nobody in.
THROUGH_OWN_SHELL: Final = """
case ${SHELL:-} in
  '' | */nologin | */false | */true | */sync) exec sh -c "$1" ;;
  *) exec "$SHELL" -c "$1" ;;
esac
"""


@frozen
class RawArgs:
    free_form: str
    executable: str | None = None


class Raw:
    name: ClassVar = "raw"
    Args = RawArgs

    def preview(self, at: Reading, args: RawArgs) -> Change:
        return _execution(args).preview(at.host)

    def apply(self, at: Acting, args: RawArgs) -> Outcome:
        return _execution(args).run(at.host)


def _execution(args: RawArgs) -> Execution:
    if args.executable is not None:
        return Execution(Command((args.executable, "-c", args.free_form)), args.free_form)
    return Execution(Script(THROUGH_OWN_SHELL, (args.free_form,)), args.free_form)
