"""`meta`: what a task asks of the run itself. Whether it does is its recorded end, so a resumed run does the same."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import ClassVar, Final

from runner.engine.step import Stage, Step
from runner.events import FactsCleared, HostsForgiven
from runner.frozen import frozen
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.playbook import Task


class Action(StrEnum):
    """What can be asked; the words are Ansible's."""

    NOOP = "noop"
    FLUSH_HANDLERS = "flush_handlers"
    END_HOST = "end_host"
    END_ROLE = "end_role"
    END_BATCH = "end_batch"
    END_PLAY = "end_play"
    CLEAR_HOST_ERRORS = "clear_host_errors"
    CLEAR_FACTS = "clear_facts"
    RESET_CONNECTION = "reset_connection"


FOR_ALL: Final = frozenset({Action.END_BATCH, Action.END_PLAY, Action.CLEAR_HOST_ERRORS, Action.CLEAR_FACTS})
"""What is asked once for all hosts: the conditions are those of the first."""


@frozen
class MetaArgs:
    """The arguments of `meta`."""

    free_form: str


class Meta:
    """Says what is asked; the walk does it."""

    name: ClassVar = "meta"
    Args = MetaArgs

    def preview(self, at: Reading, args: MetaArgs) -> Change:
        return Change(False, "", data={"msg": args.free_form})

    def apply(self, at: Acting, args: MetaArgs) -> Outcome:
        return Outcome(False, data={"msg": args.free_form})


def action_of(task: Task) -> Action | None:
    """What a task asks of the run; None if it is another task."""
    return Action(str(task.args["free_form"])) if task.module == Meta.name else None


def clear_facts(stage: Stage, step: Step, hosts: Iterable[str]) -> None:
    """Forget the facts that were gathered of these hosts, once."""
    if step.path not in stage.chronicle.state.cleared:
        stage.chronicle.tell(FactsCleared(step.path, tuple(hosts), at=stage.around.clock()))


def forgive(stage: Stage, step: Step, hosts: Iterable[str]) -> frozenset[str]:
    """Let hosts that were lost take part in later plays, once; gives those that are."""
    known = stage.chronicle.state.forgiven
    if step.path not in known:
        stage.chronicle.tell(HostsForgiven(step.path, tuple(hosts), at=stage.around.clock()))
    return frozenset(known[step.path])


def reset(stage: Stage, hosts: Iterable[str]) -> None:
    """Close the connections to these hosts; the next task makes new ones."""
    for host in hosts:
        stage.around.hosts.reset(host)
