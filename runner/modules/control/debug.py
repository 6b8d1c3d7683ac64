"""debug: show a message or the value of an expression."""

from __future__ import annotations

from typing import ClassVar

from runner.frozen import frozen
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.template import UndefinedVariable


@frozen
class DebugArgs:
    msg: object = None
    var: str | None = None


class Debug:
    name: ClassVar = "debug"
    Args = DebugArgs

    def preview(self, at: Reading, args: DebugArgs) -> Change:
        return Change(False, "shows a value", data=_shown(at, args))

    def apply(self, at: Acting, args: DebugArgs) -> Outcome:
        return Outcome(False, _shown(at, args))


def _shown(at: Reading, args: DebugArgs) -> dict[str, object]:
    if args.var is None:
        return {"msg": "Hello world!" if args.msg is None else args.msg}
    try:
        return {args.var: at.evaluate(args.var)}
    except UndefinedVariable:
        # Ansible's words: whoever debugs wants to learn this, not to be stopped by it.
        return {args.var: "VARIABLE IS NOT DEFINED!"}
