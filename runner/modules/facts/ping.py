"""ping: whether a host answers and a program can be run on it."""

from __future__ import annotations

from typing import ClassVar

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Reader, command
from runner.modules.contract import Acting, Change, Outcome, Reading


@frozen
class PingArgs:
    data: str = "pong"


class Ping:
    name: ClassVar = "ping"
    Args = PingArgs

    def preview(self, at: Reading, args: PingArgs) -> Change:
        return Change(False, "asks whether the host answers", data=_answer(at.host, args))

    def apply(self, at: Acting, args: PingArgs) -> Outcome:
        return Outcome(False, _answer(at.host, args))


def _answer(reader: Reader, args: PingArgs) -> dict[str, object]:
    if args.data == "crash":
        raise TaskFailed("boom", why="`data: crash` asks for a failure")
    reader.query(command("true"))
    return {"ping": args.data}
