"""One task at its place in a play, and what the engine needs to do it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field, replace
from typing import Any

from runner.engine.chronicle import Chronicle
from runner.engine.context import Surroundings
from runner.engine.keywords import search
from runner.engine.state import known_result
from runner.engine.variables import PlayVariables
from runner.events import TaskFinished
from runner.frozen import frozen
from runner.modules.contract import Module, RunInfo
from runner.plan import Includes, Options
from runner.playbook import Keywords, OnUnreachable, Role, RoleScope, Task
from runner.secret import Redactor


@frozen
class Failure:
    """What sent a host into a rescue section: `ansible_failed_task` and `ansible_failed_result`."""

    task: Task
    end: TaskFinished
    role: RoleScope | None = None

    def variables(self) -> dict[str, object]:
        name = self.end.name.removeprefix(f"{self.role.name} : ") if self.role else self.end.name
        task = {"name": name, "action": self.task.module, "path": self.task.path}
        return {"ansible_failed_task": task, "ansible_failed_result": known_result(self.end, "ansible_failed_result")}


@frozen
class Step:
    """A task with the keywords that hold for it, all inherited ones included.

    `path` names this doing of the task; a handler has one for each flush. `rescuable` tells whether a
    failure would be taken over by a rescue section around it. `doubtful` are hosts on which, in check
    mode, it is not known whether the handler is notified.
    """

    task: Task
    path: str
    keywords: Keywords
    rescuable: bool = False
    is_handler: bool = False
    failures: Mapping[str, Failure] = field(default_factory=dict)
    doubtful: frozenset[str] = frozenset()


@frozen
class Stage:
    """What the tasks of one batch of a play work with. `handlers_named` gives the paths of the handlers
    that a name or a `listen` topic stands for, `add_handlers` takes in those of a role that is included."""

    around: Surroundings
    variables: PlayVariables
    chronicle: Chronicle
    options: Options
    run: RunInfo
    modules: Mapping[str, Module[Any]]
    redactor: Redactor
    handlers_named: Callable[[str], tuple[str, ...]]
    add_handlers: Callable[[Role, Keywords], None]
    includes: Includes
    on_unreachable: OnUnreachable = "drop"

    def beside(self, step: Step) -> Stage:
        """The same for a task in another file or a role: its templates look for files there first."""
        keywords = step.keywords
        if keywords.directory is None and keywords.role is None:
            return self
        templar = self.around.templar.within(search(keywords, self.around.directory).bases)
        return replace(self, around=replace(self.around, templar=templar))
