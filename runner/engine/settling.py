"""What a resumed run does with tasks that were cut off in the middle (`resume`)."""

from __future__ import annotations

from runner.engine.step import Stage, Step
from runner.errors import Refused
from runner.events import Status, TaskFinished

TAKEN_AS_DONE = "taken as done: it was cut off before the run was resumed"


def settled(stage: Stage, step: Step, hosts: tuple[str, ...]) -> dict[str, TaskFinished]:
    """The ends of those of `hosts` on which the task was cut off and is not to be done again, now recorded.

    Refused if a person has to decide and has not.
    """
    cut_off = [host for host in hosts if (step.path, host) in stage.chronicle.state.cut_off]
    if not cut_off:
        return {}
    decided = stage.options.settle.get(step.path, step.task.resume)
    if decided == "stop":
        raise Refused(
            f"'{step.task.name}' was cut off in the middle on {', '.join(cut_off)}, and may not simply be repeated",
            where=str(step.task.location),
            why="whether it did its work is not known",
            hint=f"look, then: sentraplay resume --settle '{step.path}=done' (or =again)",
        )
    return {host: _taken_as_done(stage, step, host) for host in cut_off} if decided == "done" else {}


def _taken_as_done(stage: Stage, step: Step, host: str) -> TaskFinished:
    end = TaskFinished(
        path=step.path,
        host=host,
        name=step.task.name,
        status=Status.OK,
        result={"changed": False, "failed": False, "msg": TAKEN_AS_DONE},
        seconds=0.0,
        message=TAKEN_AS_DONE,
        registered=step.task.register or "",
        is_handler=step.is_handler,
        at=stage.around.clock(),
    )
    stage.chronicle.tell(end)
    return end
