"""What is odd about a playbook that can be carried out: told where playbooks are checked, not in the hour of a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runner.errors import Problem
from runner.plan.check import CheckedPlay
from runner.plan.shadowed import shadowed_problems
from runner.plan.unreachable import unreachable_problems
from runner.plan.unused import unused_problems


def advice(plays: Sequence[CheckedPlay]) -> Iterator[Problem]:
    """Warnings about variables nothing reads or that hide each other, and tasks that are never reached.

    `plays` are those of one playbook without errors.
    """
    for play in plays:
        yield from unreachable_problems(play.facts.world.document, play.facts.index)
        yield from shadowed_problems(play.facts, play.steps)
    yield from unused_problems([(play.facts, play.steps) for play in plays])
