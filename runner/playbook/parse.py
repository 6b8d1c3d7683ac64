"""A loaded document -> plays, blocks and tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path as FilePath
from typing import Any, Final, cast

from runner.document import Document, Path
from runner.frozen import frozen
from runner.playbook.library import IMPORTED, IMPORTS
from runner.playbook.model import (
    Block,
    Entry,
    Gathering,
    Keywords,
    LoopControl,
    Objectives,
    Play,
    Playbook,
    Prompt,
    Role,
    Task,
    With,
)
from runner.playbook.roles import LOADED
from runner.playbook.scope import Link, Placed, scope_of
from runner.schema import BLOCK_KEYS, LOOKUP_LOOPS, keyword_schema, module_names, module_schema, named
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


def tasks_in(document: Document, prefix: str, chain: tuple[Link, ...] = ()) -> tuple[Entry, ...]:
    """A file of tasks that has been loaded (`Library.tasks`); `prefix` begins their paths, `chain` are the roles
    it is taken in by."""
    return _Reading(document, chain).entries(cast(list[Any], document.data), (), prefix)


def included_role(document: Document, prefix: str, chain: tuple[Link, ...]) -> Role:
    """A role that has been loaded, under its key in the document; `chain` are the roles it is taken in by."""
    entry = cast(dict[str, Any], document.data)
    role = _Reading(document, chain)._loaded(entry, (), prefix, chain, Keywords())
    return _inside_of(chain, replace(role, identity=f"include {role.identity}", allow_duplicates=True, public=False))


def keywords_of(entry: Mapping[str, Any]) -> Keywords:
    """What an entry, or `apply`, says about the tasks inside it."""
    return _keywords(entry)


@frozen
class _Reading:
    """`chain`: the roles one is inside of, outermost first."""

    document: Document
    chain: tuple[Link, ...] = ()

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
            vars_files=_alternatives(play.get("vars_files")),
            pre_tasks=self.entries(play.get("pre_tasks"), (*at, "pre_tasks"), f"{path}.pre_tasks"),
            roles=self._roles(play.get("roles"), (*at, "roles"), f"{path}.roles", ()),
            tasks=self.entries(play.get("tasks"), (*at, "tasks"), f"{path}.tasks"),
            post_tasks=self.entries(play.get("post_tasks"), (*at, "post_tasks"), f"{path}.post_tasks"),
            handlers=self.entries(play.get("handlers"), (*at, "handlers"), f"{path}.handlers"),
            strategy=play.get("strategy", "linear"),
            order=play.get("order", "inventory"),
            serial=tuple(serial) if isinstance(serial, (list, tuple)) else (serial,),
            max_fail_percentage=play.get("max_fail_percentage"),
            on_unreachable=play.get("on_unreachable", "drop"),
            force_handlers=play.get("force_handlers", False),
            gathering=_gathering(play),
            lock=play.get("lock"),
            objectives=Objectives(**{name: seconds(value) for name, value in play.get("objectives", {}).items()}),
            repositories=play.get("repositories", {}),
        )

    def entries(self, entries: Sequence[Any] | None, at: Path, path: str) -> tuple[Entry, ...]:
        return tuple(self._entry(entry, (*at, index), f"{path}[{index}]") for index, entry in enumerate(entries or ()))

    def _entry(self, entry: Mapping[str, Any], at: Path, path: str) -> Entry:
        if BLOCK_KEYS & entry.keys():
            return self._block(entry, at, path)
        if LOADED in entry:
            return self._imported_role(entry, at, path)
        return self._imported(entry, at, path) if IMPORTED in entry else self._task(entry, at, path)

    def _block(self, entry: Mapping[str, Any], at: Path, path: str) -> Block:
        block, rescue, always = (
            self.entries(entry.get(key), (*at, key), f"{path}.{key}") for key in ("block", "rescue", "always")
        )
        return Block(path, self.document.at(at), entry.get("name", ""), block, rescue, always, _keywords(entry))

    def _imported(self, entry: Mapping[str, Any], at: Path, path: str) -> Block:
        """A file of tasks, in the place of the task that imports it."""
        inside = (*at, IMPORTED)
        keywords = replace(_keywords(entry), directory=FilePath(self.document.at(inside).file).parent)
        tasks = self.entries(entry[IMPORTED], inside, f"{path}.import")
        return Block(path, self.document.at(at), entry.get("name", ""), tasks, keywords=keywords)

    def _roles(self, entries: Sequence[Any] | None, at: Path, path: str, chain: tuple[Link, ...]) -> tuple[Role, ...]:
        return tuple(
            self._role(entry, (*at, index), f"{path}[{index}]", chain) for index, entry in enumerate(entries or ())
        )

    def _role(self, entry: Mapping[str, Any], at: Path, path: str, chain: tuple[Link, ...]) -> Role:
        """A role of a play or one that another depends on; `chain` are those that need it, outermost first."""
        known = keyword_schema("role")["properties"]
        params = {key: value for key, value in entry.items() if key not in known and key != LOADED}
        own = _keywords(entry)
        role = self._loaded(entry, at, path, chain, replace(own, params=params, vars={}))
        return replace(role, allow_duplicates=bool(_meta(entry).get("allow_duplicates", False)))

    def _imported_role(self, entry: Mapping[str, Any], at: Path, path: str) -> Role:
        args = _arguments(entry, "import_role")
        role = self._loaded(entry, at, f"{path}.role", self.chain, _keywords(entry))
        duplicates, public = args.get("allow_duplicates", True), args.get("public", True)
        return _inside_of(
            self.chain,
            replace(
                role,
                identity=f"import {role.identity}",
                allow_duplicates=duplicates is not False,
                public=public is not False,
            ),
        )

    def _loaded(
        self, entry: Mapping[str, Any], at: Path, path: str, chain: tuple[Link, ...], keywords: Keywords
    ) -> Role:
        """What is in the role's directory, in the place of `entry`."""
        loaded, inside = entry[LOADED], (*at, LOADED)
        link = Link(
            name=loaded["name"],
            directory=FilePath(loaded["directory"]),
            defaults=self._placed(loaded.get("defaults"), (*inside, "defaults")),
            vars=self._placed(loaded.get("vars"), (*inside, "vars")),
            given=self._placed(entry.get("vars"), (*at, "vars")),
        )
        within = replace(self, chain=(*chain, link))
        needed = _meta(entry).get("dependencies")
        dependencies = within._roles(needed, (*inside, "meta", "dependencies"), f"{path}.dependencies", within.chain)
        scope = scope_of(within.chain, dependencies)
        keywords = replace(keywords, role=scope, directory=link.directory / "tasks")
        return Role(
            path=path,
            location=self.document.at(at),
            scope=scope,
            keywords=keywords,
            dependencies=dependencies,
            tasks=within.entries(loaded.get("tasks"), (*inside, "tasks"), f"{path}.tasks"),
            handlers=within.entries(loaded.get("handlers"), (*inside, "handlers"), f"{path}.handlers"),
            identity=repr((loaded["directory"], loaded.get("files"), _identity(entry))),
        )

    def _placed(self, variables: Mapping[str, Any] | None, at: Path) -> Placed:
        values = variables or {}
        return Placed(values, {name: self.document.at((*at, name)) for name in values})

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
            listen=_strings(task.get("listen")),
            async_=task.get("async"),
            poll=task.get("poll"),
            confirm=task.get("confirm"),
            resume=task.get("resume", "again"),
        )


def _inside_of(chain: tuple[Link, ...], role: Role) -> Role:
    """A role that the tasks of other roles take in, which are its parents."""
    scope = replace(role.scope, parents=tuple(link.name for link in reversed(chain)))
    return replace(role, scope=scope, keywords=replace(role.keywords, role=scope))


def _meta(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    return entry[LOADED].get("meta") or {}


def _identity(entry: Mapping[str, Any]) -> list[tuple[str, object]]:
    """What must be the same for two uses of a role to be one."""
    return sorted((key, value) for key, value in entry.items() if key not in ("role", "name", "import_role", LOADED))


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
        environment=(entry["environment"],) if entry.get("environment") else (),
        module_defaults={module: named(module, args) for module, args in entry.get("module_defaults", {}).items()},
        notify=_strings(entry["notify"]) if "notify" in entry else None,
        **said,
    )


def _prompt(written: Mapping[str, Any]) -> Prompt:
    kept = {key: value for key, value in written.items() if key != "unsafe"}
    return Prompt(**{"prompt": f"{written['name']}:", **kept})


def _gathering(play: Mapping[str, Any]) -> Gathering:
    args = {name: play[name] for name in ("gather_subset", "fact_path") if name in play}
    return Gathering(play.get("gather_facts"), args, play.get("gather_timeout"))


def _alternatives(written: Any) -> tuple[tuple[str, ...], ...]:
    """The names of files, each with those that may stand in for it."""
    return tuple(_strings(name) for name in ([written] if isinstance(written, str) else written or ()))


def _loop(task: Mapping[str, Any]) -> object:
    found = next((key for key in task if key in LOOKUP_LOOPS), None)
    return With(found.removeprefix("with_"), task[found]) if found else task.get("loop")


def _loop_control(written: Mapping[str, Any]) -> LoopControl:
    return LoopControl(**{**written, "break_when": _conditions(written.get("break_when")) or ()})


def _arguments(task: Mapping[str, Any], module: str) -> Mapping[str, object]:
    written = task[module]
    if isinstance(written, str):
        written = {module_schema(module)["x-free-form"]: written}
    return named(module, {**task.get("args", {}), **(written or {})})


def _conditions(value: Any) -> tuple[str | bool, ...] | None:
    if value is None:
        return None
    return tuple(value) if isinstance(value, list) else (value,)


def _strings(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)
