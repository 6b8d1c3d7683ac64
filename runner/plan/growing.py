"""Hosts and groups that tasks will add to the inventory, as far as they can be told before the run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from runner.events import AddedHost
from runner.frozen import frozen
from runner.plan.tree import Step
from runner.template import is_template


@frozen
class Growth:
    """`added` are hosts and groups whose names are written down (a host without a name stands for one only the run
    knows); `open_ended`: there may be others. Without any task that adds something it is false."""

    added: tuple[AddedHost, ...] = ()
    open_ended: bool = False

    def __bool__(self) -> bool:
        return bool(self.added) or self.open_ended


def growth_by(plays: Iterable[Sequence[Step]]) -> Growth:
    """What the tasks of all plays add."""
    added: list[AddedHost] = []
    open_ended = False
    for step in (step for steps in plays for step in steps):
        if step.task.module == "add_host":
            name, groups = step.task.args.get("name"), step.task.args.get("groups", [])
        elif step.task.module == "group_by":
            name, groups = "", [step.task.args.get("key"), step.task.args.get("parents", [])]
        else:
            continue
        texts = list(_texts(groups))
        open_ended = open_ended or any(is_template(text) for text in (name, *texts))
        parts = [part.strip() for text in texts if not is_template(text) for part in text.split(",")]
        known = tuple(part.replace(" ", "-") for part in parts if part)
        added.append(AddedHost(name if isinstance(name, str) and not is_template(name) else "", known))
    return Growth(tuple(added), open_ended)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
