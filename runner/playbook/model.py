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
from runner.playbook.scope import RoleScope

Variables = Mapping[str, object]
Order = Literal["inventory", "reverse_inventory", "sorted", "reverse_sorted", "shuffle"]
Strategy = Literal["linear", "free", "host_pinned"]
OnUnreachable = Literal["drop", "fail", "rescue"]
CutOff = Literal["again", "done", "stop"]
"""What a resumed run does with a task that was cut off in the middle."""


@frozen
class Keywords:
    """What plays, blocks and tasks hand down; None means "not said here, ask the parent".

    `when`, `tags`, `vars`, `params`, `environment` and `module_defaults` add up on the way down; of the rest the
    innermost counts. `params` are variables given to roles and to what is included; unlike `vars` they win over
    facts. `environment` has a part for each level, which may be a template as a whole. `directory` is that of the
    file the tasks stand in, if it is not the play's.
    """

    when: tuple[str | bool, ...] = ()
    tags: tuple[str, ...] = ()
    vars: Variables = field(default_factory=dict)
    params: Variables = field(default_factory=dict)
    environment: tuple[Variables | str, ...] = ()
    module_defaults: Mapping[str, Variables] = field(default_factory=dict)
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
    notify: tuple[str, ...] | None = None
    directory: Path | None = None
    role: RoleScope | None = None


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
    block: tuple[Entry, ...]
    rescue: tuple[Entry, ...] = ()
    always: tuple[Entry, ...] = ()
    keywords: Keywords = field(default_factory=Keywords)


@frozen
class Role:
    """A role at one place of its use: what it depends on, then its own tasks.

    `identity` is the same wherever it is used with the same parameters; such a use is done once for each host,
    unless `allow_duplicates`. `public`: the whole play sees its variables.
    """

    path: str
    location: Location
    scope: RoleScope
    keywords: Keywords
    dependencies: tuple[Role, ...] = ()
    tasks: tuple[Entry, ...] = ()
    handlers: tuple[Entry, ...] = ()
    identity: str = ""
    allow_duplicates: bool = False
    public: bool = True

    @property
    def name(self) -> str:
        return self.scope.name


Entry = Task | Block | Role


def inside(entry: Entry) -> tuple[Entry, ...]:
    """What an entry holds, in order; nothing if it is a task."""
    if isinstance(entry, Block):
        return (*entry.block, *entry.rescue, *entry.always)
    return () if isinstance(entry, Task) else (*entry.dependencies, *entry.tasks)


@frozen
class Prompt:
    """A variable somebody is asked for before the run; `private` answers are not echoed and are secret."""

    name: str
    prompt: str
    default: object = None
    private: bool = True
    confirm: bool = False


@frozen
class Gathering:
    """Whether facts are gathered (None: if the play uses one), and how: arguments of setup, and seconds."""

    wanted: bool | None = None
    args: Variables = field(default_factory=dict)
    timeout: object = None


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
    vars_files: tuple[tuple[str, ...], ...] = ()
    pre_tasks: tuple[Entry, ...] = ()
    roles: tuple[Role, ...] = ()
    tasks: tuple[Entry, ...] = ()
    post_tasks: tuple[Entry, ...] = ()
    handlers: tuple[Entry, ...] = ()
    strategy: Strategy = "linear"
    order: Order = "inventory"
    serial: tuple[int | str, ...] = ()
    max_fail_percentage: float | None = None
    on_unreachable: OnUnreachable = "drop"
    force_handlers: bool = False
    gathering: Gathering = field(default_factory=lambda: Gathering())
    lock: str | None = None
    objectives: Objectives = field(default_factory=Objectives)
    repositories: Variables = field(default_factory=dict)

    @property
    def sections(self) -> tuple[tuple[Entry, ...], ...]:
        """What is done, in three parts, after each of which the handlers have their turn."""
        return self.pre_tasks, (*self.roles, *self.tasks), self.post_tasks

    @property
    def all_roles(self) -> tuple[Role, ...]:
        """Its roles, and those that are imported among its tasks, but not those they depend on."""
        entries = [entry for section in self.sections for entry in section]
        return tuple(sorted(_roles_of(entries), key=lambda role: role not in self.roles))

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Everything it holds, its handlers and those of its roles too."""
        own = (entry for section in self.sections for entry in section)
        return (*own, *self.handlers, *(handler for role in self.all_roles for handler in handlers_of(role)))


@frozen
class Playbook:
    """`file` is the path as the user gave it."""

    file: str
    plays: tuple[Play, ...]

    @property
    def modules(self) -> frozenset[str]:
        """The names of the modules that its tasks and handlers use."""
        return frozenset(task.module for play in self.plays for task in tasks_of(play.entries))


def tasks_of(entries: Iterable[Entry]) -> Iterator[Task]:
    """Every task among `entries` and inside them."""
    for entry in entries:
        if isinstance(entry, Task):
            yield entry
        else:
            yield from tasks_of(inside(entry))


def handlers_of(role: Role) -> tuple[Entry, ...]:
    """The handlers of a role, those of the roles it depends on first."""
    return (*(handler for needed in role.dependencies for handler in handlers_of(needed)), *role.handlers)


def _roles_of(entries: Iterable[Entry]) -> Iterator[Role]:
    for entry in entries:
        if isinstance(entry, Role):
            yield entry
            yield from _roles_of(entry.tasks)
        else:
            yield from _roles_of(inside(entry))
