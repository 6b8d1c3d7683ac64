"""Checked document -> Playbook, Play, Task, Block.

Values that may hold templates are kept as they were written; the engine renders them when they are
due. `path` is stable for ever (`plays[0].tasks[2].rescue[1]`); the journal and resume rely on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from typing import Any, Final, Literal, cast

from runner.document import Document, Path
from runner.errors import Location
from runner.frozen import frozen
from runner.schema import BLOCK_KEYS, module_names, module_schema
from runner.units import seconds

Variables = Mapping[str, object]
Order = Literal["inventory", "reverse_inventory", "sorted", "reverse_sorted", "shuffle"]
Strategy = Literal["linear", "free", "host_pinned"]
OnUnreachable = Literal["drop", "fail", "rescue"]
CutOff = Literal["again", "done", "stop"]
"""What a resumed run does with a task that was cut off in the middle."""

_INHERITED: Final = (
    "become",
    "become_user",
    "delegate_to",
    "run_once",
    "ignore_errors",
    "ignore_unreachable",
    "no_log",
    "check_mode",
    "diff",
    "timeout",
    "throttle",
    "any_errors_fatal",
    "delegate_facts",
)


@frozen
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
    throttle: object = None
    any_errors_fatal: object = None
    delegate_facts: object = None


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
    confirm: str | None = None
    resume: CutOff = "again"


@frozen
class Block:
    """Tasks that belong together, those that come to their rescue, and those done in any case."""

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
    """Tasks for hosts, and how to go through both."""

    path: str
    location: Location
    name: str
    hosts: str
    keywords: Keywords = field(default_factory=Keywords)
    vars_prompt: tuple[Prompt, ...] = ()
    vars_files: tuple[str, ...] = ()
    pre_tasks: tuple[Task | Block, ...] = ()
    tasks: tuple[Task | Block, ...] = ()
    post_tasks: tuple[Task | Block, ...] = ()
    handlers: tuple[Task, ...] = ()
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


def parse(document: Document) -> Playbook:
    """A document that has passed `schema.playbook_problems`, as a playbook."""
    reading = _Reading(document)
    plays = cast(list[dict[str, Any]], document.data)
    return Playbook(document.file, tuple(reading.play(play, index) for index, play in enumerate(plays)))


class _Reading:
    def __init__(self, document: Document) -> None:
        self.document = document

    def play(self, play: Mapping[str, Any], index: int) -> Play:
        path: Path = (index,)
        written = play.get("hosts", "")
        hosts = written if isinstance(written, str) else ",".join(written)
        serial = play.get("serial", ())
        return Play(
            path=f"plays[{index}]",
            location=self.document.at(path),
            name=play.get("name") or hosts,
            hosts=hosts,
            keywords=_keywords(play),
            vars_prompt=tuple(_prompt(written) for written in play.get("vars_prompt") or ()),
            vars_files=_strings(play.get("vars_files")),
            pre_tasks=self._entries(play, path, f"plays[{index}]", "pre_tasks"),
            tasks=self._entries(play, path, f"plays[{index}]", "tasks"),
            post_tasks=self._entries(play, path, f"plays[{index}]", "post_tasks"),
            handlers=self._handlers(play, path, f"plays[{index}]"),
            strategy=play.get("strategy", "linear"),
            order=play.get("order", "inventory"),
            serial=tuple(serial) if isinstance(serial, (list, tuple)) else (serial,),
            max_fail_percentage=play.get("max_fail_percentage"),
            on_unreachable=play.get("on_unreachable", "drop"),
            force_handlers=play.get("force_handlers", False),
            objectives=Objectives(**{name: seconds(value) for name, value in play.get("objectives", {}).items()}),
            repositories=play.get("repositories", {}),
        )

    def _entries(self, parent: Mapping[str, Any], at: Path, path: str, key: str) -> tuple[Task | Block, ...]:
        return tuple(
            self._entry(entry, (*at, key, index), f"{path}.{key}[{index}]")
            for index, entry in enumerate(parent.get(key) or ())
        )

    def _handlers(self, play: Mapping[str, Any], at: Path, path: str) -> tuple[Task, ...]:
        return tuple(
            self._task(entry, (*at, "handlers", index), f"{path}.handlers[{index}]")
            for index, entry in enumerate(play.get("handlers") or ())
        )

    def _entry(self, entry: Mapping[str, Any], at: Path, path: str) -> Task | Block:
        if not BLOCK_KEYS & entry.keys():
            return self._task(entry, at, path)
        return Block(
            path=path,
            location=self.document.at(at),
            name=entry.get("name", ""),
            block=self._entries(entry, at, path, "block"),
            rescue=self._entries(entry, at, path, "rescue"),
            always=self._entries(entry, at, path, "always"),
            keywords=_keywords(entry),
        )

    def _task(self, task: Mapping[str, Any], at: Path, path: str) -> Task:
        module = next(key for key in task if key in module_names())
        return Task(
            path=path,
            location=self.document.at(at),
            name=task.get("name") or module,
            module=module,
            args=_arguments(task, module),
            keywords=_keywords(task),
            loop=task.get("loop"),
            loop_control=_loop_control(task.get("loop_control", {})),
            register=task.get("register"),
            until=_conditions(task.get("until")) or (),
            retries=task.get("retries"),
            delay=task.get("delay"),
            changed_when=_conditions(task.get("changed_when")),
            failed_when=_conditions(task.get("failed_when")),
            notify=_strings(task.get("notify")),
            listen=_strings(task.get("listen")),
            confirm=task.get("confirm"),
            resume=task.get("resume", "again"),
        )


def _keywords(entry: Mapping[str, Any]) -> Keywords:
    said = {name: entry[name] for name in _INHERITED if name in entry}
    return Keywords(
        when=_conditions(entry.get("when")) or (),
        tags=tuple(tag.strip() for text in _strings(entry.get("tags")) for tag in text.split(",")),
        vars=entry.get("vars", {}),
        environment=entry.get("environment", {}),
        **said,
    )


def _prompt(written: Mapping[str, Any]) -> Prompt:
    kept = {key: value for key, value in written.items() if key != "unsafe"}
    return Prompt(**{"prompt": f"{written['name']}:", **kept})


def _loop_control(written: Mapping[str, Any]) -> LoopControl:
    return LoopControl(**{**written, "break_when": _conditions(written.get("break_when")) or ()})


def _arguments(task: Mapping[str, Any], module: str) -> Mapping[str, object]:
    written = task[module]
    if isinstance(written, str):
        written = {module_schema(module)["x-free-form"]: written}
    return {**task.get("args", {}), **(written or {})}


def _conditions(value: Any) -> tuple[str | bool, ...] | None:
    if value is None:
        return None
    return tuple(value) if isinstance(value, list) else (value,)


def _strings(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)
