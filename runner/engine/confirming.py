"""`confirm`: a task that waits for somebody's yes before it starts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from runner.engine import keywords
from runner.engine.conditions import Reader
from runner.engine.state import RunState
from runner.engine.step import Stage, Step
from runner.errors import Refused, SentraPlayError
from runner.events import Confirmed
from runner.plan import Options, Plan, selected
from runner.playbook import Entry, Keywords, Task, inside

YES = "yes"


def confirm(stage: Stage, step: Step, hosts: tuple[str, ...]) -> None:
    """Ask, unless somebody has answered before or no host will do the task. Refused if the answer is not yes."""
    question = step.task.confirm
    if question is None or stage.options.check or step.path in stage.chronicle.state.confirmed:
        return
    reader = Reader(stage.around.templar)
    wanted = [host for host in hosts if _is_wanted(stage, step, reader, host)]
    if not wanted:
        return
    text = reader.text(question, stage.variables.of(wanted[0], step.keywords))
    if not stage.options.yes:
        stage.chronicle.release()
        answer = stage.around.ask(f"{text} ({', '.join(wanted)}) Type {YES} to go on:", True)
        if answer.strip().lower() != YES:
            raise Refused(
                f"not confirmed: {text}",
                where=step.task.name,
                why="the task was not started, and nothing after it",
                hint="`sentraplay resume` asks again",
            )
    stage.chronicle.tell(Confirmed(step.path, text, at=stage.around.clock()))


def refuse_without_answers(plan: Plan, state: RunState) -> None:
    """Refused, before anything is done, if a question will come up that nobody is there to answer."""
    if plan.options.check or plan.options.yes:
        return
    for planned in plan.plays:
        play = planned.play
        if not planned.hosts:
            continue
        for task in _asking(play.entries, keywords.of_play(play), plan.options):
            if task.path not in state.confirmed:
                raise Refused(
                    f"'{task.name}' needs somebody's yes, and nobody is there to be asked",
                    where=str(task.location),
                    hint="run it at a terminal, or say yes to every question with --yes",
                )


def _asking(entries: Iterable[Entry], outer: Keywords, options: Options) -> Iterator[Task]:
    for entry in entries:
        own = keywords.inside(outer, entry.keywords)
        if not isinstance(entry, Task):
            yield from _asking(inside(entry), own, options)
        elif entry.confirm is not None and selected(own.tags, options):
            yield entry


def _is_wanted(stage: Stage, step: Step, reader: Reader, host: str) -> bool:
    try:
        return reader.first_false(step.keywords.when, stage.variables.of(host, step.keywords)) is None
    except SentraPlayError:
        # A condition that speaks of the loop's item, or fails: the task will have its say, so the question has too.
        return True
