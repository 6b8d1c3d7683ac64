"""A loaded document -> plays, blocks and tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any, Final, cast

from runner.document import Document, Path
from runner.playbook.library import IMPORTED, IMPORTS
from runner.playbook.model import Block, Keywords, LoopControl, Objectives, Play, Playbook, Prompt, Task, With
from runner.schema import BLOCK_KEYS, LOOKUP_LOOPS, module_names, module_schema
from runner.units import seconds

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


def parse(document: Document) -> Playbook:
    """A playbook that has been loaded (`Library.playbook`)."""
    reading = _Reading(document)
    plays = cast(list[dict[str, Any]], document.data)
    return Playbook(document.file, tuple(reading.play(play, index) for index, play in enumerate(plays)))


class _Reading:
    def __init__(self, document: Document) -> None:
        self.document = document

    def play(self, play: Mapping[str, Any], index: int) -> Play:
        at: Path = (index,)
        path = f"plays[{index}]"
        written = play.get("hosts", "")
        hosts = written if isinstance(written, str) else ",".join(written)
        serial = play.get("serial", ())
        location = self.document.at(at)
        return Play(
            path=path,
            location=location,
            name=play.get("name") or hosts,
            hosts=hosts,
            directory=FilePath(location.file).parent,
            keywords=_of_play(play),
            vars_prompt=tuple(_prompt(written) for written in play.get("vars_prompt") or ()),
            vars_files=_strings(play.get("vars_files")),
            pre_tasks=self.entries(play.get("pre_tasks"), (*at, "pre_tasks"), f"{path}.pre_tasks"),
            tasks=self.entries(play.get("tasks"), (*at, "tasks"), f"{path}.tasks"),
            post_tasks=self.entries(play.get("post_tasks"), (*at, "post_tasks"), f"{path}.post_tasks"),
            handlers=self.entries(play.get("handlers"), (*at, "handlers"), f"{path}.handlers"),
            strategy=play.get("strategy", "linear"),
            order=play.get("order", "inventory"),
            serial=tuple(serial) if isinstance(serial, (list, tuple)) else (serial,),
            max_fail_percentage=play.get("max_fail_percentage"),
            on_unreachable=play.get("on_unreachable", "drop"),
            force_handlers=play.get("force_handlers", False),
            objectives=Objectives(**{name: seconds(value) for name, value in play.get("objectives", {}).items()}),
            repositories=play.get("repositories", {}),
        )

    def entries(self, entries: Sequence[Any] | None, at: Path, path: str) -> tuple[Task | Block, ...]:
        return tuple(self._entry(entry, (*at, index), f"{path}[{index}]") for index, entry in enumerate(entries or ()))

    def _entry(self, entry: Mapping[str, Any], at: Path, path: str) -> Task | Block:
        if BLOCK_KEYS & entry.keys():
            return self._block(entry, at, path)
        return self._imported(entry, at, path) if IMPORTED in entry else self._task(entry, at, path)

    def _block(self, entry: Mapping[str, Any], at: Path, path: str) -> Block:
        block, rescue, always = (
            self.entries(entry.get(key), (*at, key), f"{path}.{key}") for key in ("block", "rescue", "always")
        )
        return Block(path, self.document.at(at), entry.get("name", ""), block, rescue, always, _keywords(entry))

    def _imported(self, entry: Mapping[str, Any], at: Path, path: str) -> Block:
        """A file of tasks, in the place of the task that imports it."""
        inside = (*at, IMPORTED)
        own = _keywords(entry)
        keywords = replace(own, params=own.vars, directory=FilePath(self.document.at(inside).file).parent)
        tasks = self.entries(entry[IMPORTED], inside, f"{path}.import")
        return Block(path, self.document.at(at), entry.get("name", ""), tasks, keywords=keywords)

    def _task(self, task: Mapping[str, Any], at: Path, path: str) -> Task:
        module = next(key for key in task if key in module_names())
        return Task(
            path=path,
            location=self.document.at(at),
            name=task.get("name") or module,
            module=module,
            args=_arguments(task, module),
            keywords=_keywords(task),
            loop=_loop(task),
            loop_control=_loop_control(task.get("loop_control", {})),
            register=task.get("register"),
            until=_conditions(task.get("until")) or (),
            retries=task.get("retries"),
            delay=task.get("delay"),
            changed_when=_conditions(task.get("changed_when")),
            failed_when=_conditions(task.get("failed_when")),
            notify=_strings(task.get("notify")),
            listen=_strings(task.get("listen")),
            async_=task.get("async"),
            poll=task.get("poll"),
            confirm=task.get("confirm"),
            resume=task.get("resume", "again"),
        )


def _of_play(play: Mapping[str, Any]) -> Keywords:
    """A play's keywords, and what the playbooks that import it add: the outermost wins."""
    own = _keywords(play)
    for entry in reversed(play.get(IMPORTS, ())):
        outer = _keywords(entry)
        own = replace(
            own,
            when=outer.when + own.when,
            tags=own.tags + tuple(tag for tag in outer.tags if tag not in own.tags),
            vars={**own.vars, **outer.vars},
        )
    return own


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


def _loop(task: Mapping[str, Any]) -> object:
    found = next((key for key in task if key in LOOKUP_LOOPS), None)
    return With(found.removeprefix("with_"), task[found]) if found else task.get("loop")


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
