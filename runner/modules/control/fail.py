"""fail: stop a host with a message of one's own."""

from __future__ import annotations

from typing import ClassVar, NoReturn

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.modules.contract import Acting, Change, Outcome, Reading


@frozen
class FailArgs:
    msg: str = "Failed as requested from task"


class Fail:
    """Fails in check mode too: a playbook that would stop here must not look as if it went on."""

    name: ClassVar = "fail"
    Args = FailArgs

    def preview(self, at: Reading, args: FailArgs) -> Change:
        _fail(args)

    def apply(self, at: Acting, args: FailArgs) -> Outcome:
        _fail(args)


def _fail(args: FailArgs) -> NoReturn:
    raise TaskFailed(args.msg, data={"msg": args.msg})
