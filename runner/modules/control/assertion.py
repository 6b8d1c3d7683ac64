"""assert: stop a host whose state is not what it must be."""

from __future__ import annotations

from typing import ClassVar

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.modules.contract import Acting, Change, Outcome, Reading


@frozen
class AssertArgs:
    that: tuple[str | bool, ...]
    fail_msg: str | None = None
    msg: str | None = None
    success_msg: str = "All assertions passed"
    quiet: bool = False


class Assert:
    name: ClassVar = "assert"
    Args = AssertArgs

    def preview(self, at: Reading, args: AssertArgs) -> Change:
        return Change(False, "checks assertions", data=_checked(at, args))

    def apply(self, at: Acting, args: AssertArgs) -> Outcome:
        return Outcome(False, _checked(at, args))


def _checked(at: Reading, args: AssertArgs) -> dict[str, object]:
    failed = [condition for condition in args.that if not _holds(at, condition)]
    if failed:
        message = args.fail_msg or args.msg or "Assertion failed"
        raise TaskFailed(
            f"{message} ({'; '.join(str(condition) for condition in failed)})",
            why="everything after it relies on what was asserted",
            data={"msg": message, "assertion": failed[0], "failed_assertions": failed, "evaluated_to": False},
        )
    return {"msg": args.success_msg} if args.quiet else {"msg": args.success_msg, "assertions": list(args.that)}


def _holds(at: Reading, condition: str | bool) -> bool:
    value = condition if isinstance(condition, bool) else at.evaluate(condition)
    if isinstance(value, bool):
        return value
    raise TaskFailed(
        f"the assertion {condition!r} is {value!r}, neither true nor false",
        why="a check that cannot be false proves nothing",
        hint="compare it with something, or add `| length > 0` or `is defined`",
        data={"msg": "an assertion is not a boolean", "assertion": condition},
    )
