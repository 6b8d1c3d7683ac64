"""pause: wait a while, or for somebody at the terminal."""

from __future__ import annotations

import time
from typing import ClassVar

from runner.frozen import frozen
from runner.modules.contract import Acting, Change, Outcome, Reading


@frozen
class PauseArgs:
    seconds: float | None = None
    minutes: float | None = None
    prompt: str | None = None
    echo: bool = True


class Pause:
    name: ClassVar = "pause"
    Args = PauseArgs

    def preview(self, at: Reading, args: PauseArgs) -> Change:
        length = _length(args)
        return Change(False, "asks at the terminal" if length is None else f"waits {length:g} s")

    def apply(self, at: Acting, args: PauseArgs) -> Outcome:
        started = time.monotonic()
        length = _length(args)
        answer = ""
        if length is None:
            answer = at.ask(args.prompt or "Press Enter to continue", echo=args.echo)
        else:
            at.progress(args.prompt or "waiting", 0, round(length), unit="seconds")
            at.sleep(length)
        waited = round(time.monotonic() - started)
        said = "Paused for the terminal" if length is None else f"Paused for {length:g} seconds"
        return Outcome(False, {"delta": waited, "user_input": answer, "echo": args.echo, "stdout": said, "rc": 0})


def _length(args: PauseArgs) -> float | None:
    """Seconds to wait, or None to wait for an answer."""
    if args.seconds is None and args.minutes is None:
        return None
    return (args.seconds or 0.0) + (args.minutes or 0.0) * 60
