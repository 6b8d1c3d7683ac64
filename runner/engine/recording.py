"""How the ends of one task get into the record: by the thread that walks the play, together what comes together.

A transaction costs more than a short task; and nobody who works on a host waits for the disk.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Final, Protocol, TypeVar

from runner.engine.attempt import Attempt
from runner.engine.chronicle import Unrecorded
from runner.engine.step import Stage, Step
from runner.errors import Interrupted
from runner.events import Event, TaskFinished, TaskInterrupted

T = TypeVar("T")
Work = Mapping[Future[TaskFinished], Attempt]

TOGETHER_SECONDS: Final = 0.05
"""How long an end may wait for those of other hosts, to be recorded with them."""


class Tell(Protocol):
    def __call__(self, *events: Event, no_log: bool) -> None: ...


def recorded(
    stage: Stage, step: Step, name: str, work: Work, tidy: Callable[[Attempt], Future[None]]
) -> dict[str, TaskFinished]:
    """The ends of `work` by host, each recorded soon after it came; then `tidy` is called for what left jobs.

    Raises like `results_of`, once all have come.
    """
    unrecorded: list[Unrecorded] = []
    tidying: list[Future[None]] = []
    left = set(work)
    while left:
        done, left = wait(left, timeout=TOGETHER_SECONDS)
        if not done:
            done, left = wait(left, return_when=FIRST_COMPLETED)
        came = {future: attempt for future, attempt in work.items() if future in done}
        untidy = [attempt for future, attempt in came.items() if attempt.has_jobs and future.exception() is None]
        # What comes next tells of itself at once, and takes the last ends with it.
        tell = stage.chronicle.tell if left or untidy else stage.chronicle.hold
        try:
            _record(stage, step, name, came, tell)
        except Unrecorded as error:
            unrecorded.append(error)
        else:
            tidying += map(tidy, untidy)
    if unrecorded:
        raise unrecorded[0]
    results_of(tidying)
    ends = results_of(work)
    return {attempt.host: end for attempt, end in zip(work.values(), ends, strict=True)}


def _record(stage: Stage, step: Step, name: str, work: Work, tell: Tell) -> None:
    shown, hidden = list[Event](), list[Event]()
    for future, attempt in work.items():
        error = future.exception()
        if error is None:
            (hidden if attempt.no_log else shown).append(future.result())
        elif isinstance(error, Interrupted):
            shown.append(TaskInterrupted(step.path, attempt.host, name, at=stage.around.clock()))
    if shown:
        tell(*shown, no_log=False)
    if hidden:
        tell(*hidden, no_log=True)


def results_of(futures: Collection[Future[T]]) -> list[T]:
    """What all of them return, once all have ended.

    Raises what went wrong beyond any task: a bug or a broken journal before an interruption.
    """
    wait(futures)
    errors = [error for error in (future.exception() for future in futures) if error is not None]
    errors.sort(key=lambda error: isinstance(error, Interrupted))
    if errors:
        raise errors[0]
    return [future.result() for future in futures]
