"""Checked document -> Playbook, Play, Task, Block.

Values that may hold templates are kept as they were written; the engine renders them when they are
due. `path` is stable for ever (`plays[0].tasks[2].rescue[1]`); the journal and resume rely on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from runner.errors import Location

Variables = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Keywords:
    """What plays, blocks and tasks hand down; None means "not said here, ask the parent".

    `when`, `tags`, `vars` and `environment` add up on the way down; of the rest the innermost counts.
    """

    when: tuple[str | bool, ...] = ()
    tags: tuple[str, ...] = ()
    vars: Variables = field(default_factory=dict)
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


@dataclass(frozen=True, slots=True)
class LoopControl:
    loop_var: str = "item"
    index_var: str | None = None
    label: object = None
    pause: object = None


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Block:
    path: str
    location: Location
    name: str
    block: tuple[Task | Block, ...]
    rescue: tuple[Task | Block, ...] = ()
    always: tuple[Task | Block, ...] = ()
    keywords: Keywords = field(default_factory=Keywords)


@dataclass(frozen=True, slots=True)
class Objectives:
    """Seconds a recovery may take (`rto`) and seconds of data that may be lost (`rpo`)."""

    rto: float | None = None
    rpo: float | None = None


@dataclass(frozen=True, slots=True)
class Play:
    path: str
    location: Location
    name: str
    hosts: str
    keywords: Keywords = field(default_factory=Keywords)
    vars_files: tuple[str, ...] = ()
    pre_tasks: tuple[Task | Block, ...] = ()
    tasks: tuple[Task | Block, ...] = ()
    post_tasks: tuple[Task | Block, ...] = ()
    handlers: tuple[Task, ...] = ()
    serial: tuple[int | str, ...] = ()
    max_fail_percentage: float | None = None
    any_errors_fatal: bool = False
    force_handlers: bool = False
    objectives: Objectives = field(default_factory=Objectives)
    repositories: Variables = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Playbook:
    """`file` is the path as the user gave it."""

    file: str
    plays: tuple[Play, ...]
