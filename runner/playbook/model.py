"""What a playbook consists of, once its files are read and checked.

Values that may hold templates are kept as they were written; the engine renders them when they are
due. `path` is stable for ever (`plays[0].tasks[2].rescue[1]`); the journal and resume rely on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Literal

from runner.errors import Location
from runner.frozen import frozen

Variables = Mapping[str, object]
Order = Literal["inventory", "reverse_inventory", "sorted", "reverse_sorted", "shuffle"]
Strategy = Literal["linear", "free", "host_pinned"]
OnUnreachable = Literal["drop", "fail", "rescue"]
CutOff = Literal["again", "done", "stop"]
"""What a resumed run does with a task that was cut off in the middle."""


@frozen
class Keywords:
    """What plays, blocks and tasks hand down; None means "not said here, ask the parent".

    `when`, `tags`, `vars`, `params` and `environment` add up on the way down; of the rest the innermost counts.
    `params` are variables given to included tasks; unlike `vars` they win over facts. `directory` is that of
    the file the tasks stand in, if it is not the play's.
    """

    when: tuple[str | bool, ...] = ()
    tags: tuple[str, ...] = ()
    vars: Variables = field(default_factory=dict)
    params: Variables = field(default_factory=dict)
    environment: Variables = field(default_factory=dict)
    become: object = None
    become_user: object = None
    delegate_to: object = None
    run_once: object = None
    ignore_errors: object = None
    ignore_unreachable: object = None
    no_log: object = None
    check_mode: object = None
    diff: object = None
    timeout: object = None
    throttle: object = None
    any_errors_fatal: object = None
    delegate_facts: object = None
    directory: Path | None = None


@frozen
class LoopControl:
    """How a loop names what it works on, how long it waits between items, and what ends it early."""

    loop_var: str = "item"
    index_var: str | None = None
    label: object = None
    pause: object = None
    extended: bool = False
    extended_allitems: bool = True
    break_when: tuple[str | bool, ...] = ()


@frozen
class With:
    """What a `with_…` form loops over: what the lookup of that name makes of `terms`, as they were written."""

    lookup: str
    terms: object


@frozen
class Task:
    """`args` are as written, already in mapping form (free-form text is under the module's free-form key)."""

    path: str
    location: Location
    name: str
    module: str
    args: Mapping[str, object]
    keywords: Keywords = field(default_factory=Keywords)
    loop: object = None
    loop_control: LoopControl = field(default_factory=LoopControl)
    register: str | None = None
    until: tuple[str | bool, ...] = ()
    retries: object = None
    delay: object = None
    changed_when: tuple[str | bool, ...] | None = None
    failed_when: tuple[str | bool, ...] | None = None
    notify: tuple[str, ...] = ()
    listen: tuple[str, ...] = ()
    async_: object = None
    poll: object = None
    confirm: str | None = None
    resume: CutOff = "again"


@frozen
class Block:
    """Tasks that belong together, those that come to their rescue, and those done in any case.

    A file of tasks that is imported is a block of them too.
    """

    path: str
    location: Location
    name: str
    block: tuple[Task | Block, ...]
    rescue: tuple[Task | Block, ...] = ()
    always: tuple[Task | Block, ...] = ()
    keywords: Keywords = field(default_factory=Keywords)


@frozen
class Prompt:
    """A variable somebody is asked for before the run; `private` answers are not echoed and are secret."""

    name: str
    prompt: str
    default: object = None
    private: bool = True
    confirm: bool = False


@frozen
class Objectives:
    """Seconds a recovery may take (`rto`) and seconds of data that may be lost (`rpo`)."""

    rto: float | None = None
    rpo: float | None = None


@frozen
class Play:
    """Tasks for hosts, and how to go through both. `directory` is that of the playbook it was written in."""

    path: str
    location: Location
    name: str
    hosts: str
    directory: Path
    keywords: Keywords = field(default_factory=Keywords)
    vars_prompt: tuple[Prompt, ...] = ()
    vars_files: tuple[str, ...] = ()
    pre_tasks: tuple[Task | Block, ...] = ()
    tasks: tuple[Task | Block, ...] = ()
    post_tasks: tuple[Task | Block, ...] = ()
    handlers: tuple[Task | Block, ...] = ()
    strategy: Strategy = "linear"
    order: Order = "inventory"
    serial: tuple[int | str, ...] = ()
    max_fail_percentage: float | None = None
    on_unreachable: OnUnreachable = "drop"
    force_handlers: bool = False
    objectives: Objectives = field(default_factory=Objectives)
    repositories: Variables = field(default_factory=dict)


@frozen
class Playbook:
    """`file` is the path as the user gave it."""

    file: str
    plays: tuple[Play, ...]

    @property
    def modules(self) -> frozenset[str]:
        """The names of the modules that its tasks and handlers use."""
        entries = (
            entry for play in self.plays for entry in (*play.pre_tasks, *play.tasks, *play.post_tasks, *play.handlers)
        )
        return frozenset(_modules_of(entries))


def _modules_of(entries: Iterable[Task | Block]) -> Iterator[str]:
    for entry in entries:
        if isinstance(entry, Task):
            yield entry.module
        else:
            yield from _modules_of((*entry.block, *entry.rescue, *entry.always))
