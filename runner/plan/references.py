"""What tasks refer to by name: handlers, hosts, repositories and files on the controller."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from runner.document import Path
from runner.errors import Location, Problem
from runner.inventory import LOCALHOST
from runner.localfiles import exists
from runner.plan.facts import PlayFacts
from runner.plan.texts import argument_place
from runner.plan.tree import Level, Step
from runner.plan.values import Seen
from runner.playbook import Search
from runner.rules import Rule
from runner.schema import module_schema
from runner.suggestions import did_you_mean, listed
from runner.template import is_template
from runner.vault import CannotOpen, Keys

_CONTROLLER = (LOCALHOST, "127.0.0.1", "::1")


def handler_problems(steps: Sequence[Step], is_open: bool) -> Iterator[Problem]:
    """A problem for each `notify` of a handler the play does not have, and for each name two handlers of one list
    share. The handlers of a role may be called `role : name` too. `is_open`: there may be more than are known."""
    handlers = [step for step in steps if step.is_handler]
    yield from _twice(handlers)
    known = {name for step in handlers for name in (*step.task.listen, *_names(step))}
    if is_open or any(is_template(name) for name in known):
        return
    for level in {level.key: level for step in steps if (level := _notifying(step))}.values():
        written = level.raw["notify"]
        for index, name in enumerate([written] if isinstance(written, str) else written):
            if not is_template(name) and name not in known:
                place = level.place("notify", *([] if isinstance(written, str) else [index]))
                otherwise = f"the play has {listed(known)}" if known else "the play has no handlers"
                hint = did_you_mean(name, known, otherwise)
                yield Problem(f"there is no handler '{name}'", place, hint, rule=Rule.UNKNOWN_HANDLER)


def _notifying(step: Step) -> Level | None:
    """The task or block whose `notify` counts for a task: the innermost."""
    return next((level for level in reversed(step.levels) if "notify" in level.raw), None)


def _names(handler: Step) -> tuple[str, ...]:
    if "name" not in handler.raw:
        return ()
    name = handler.task.name
    return (name, f"{handler.role.name} : {name}") if handler.role else (name,)


def _twice(handlers: Sequence[Step]) -> Iterator[Problem]:
    first: dict[tuple[int, str], Step] = {}
    for step in handlers:
        if "name" not in step.raw:
            continue
        name = step.task.name
        other = first.setdefault((id(step.role), name), step)
        if other is not step:
            hint = "rename one, or let both `listen` to one name"
            message = f"the handler '{name}' is there twice (first in line {other.own.place().line})"
            yield Problem(message, step.own.place("name"), hint, rule=Rule.DUPLICATE_HANDLER)


def meta_problems(steps: Sequence[Step]) -> Iterator[Problem]:
    """A problem for each `end_role` that stands in no role."""
    for step in steps:
        if step.task.args.get("free_form") == "end_role" and step.task.module == "meta" and step.role is None:
            message, hint = "there is no role here that could end", "end_host ends the play for the host"
            yield Problem(message, step.own.place("meta"), hint, rule=Rule.WRONG_STRUCTURE)


def repository_problems(facts: PlayFacts) -> Iterator[Problem]:
    """A problem for each repository in a directory of a host that nobody knows."""
    for host in facts.hosts or (LOCALHOST,):
        for name, defined in repositories(facts, host).items():
            wanted = defined.get("host") if isinstance(defined, Mapping) else None
            if isinstance(wanted, str) and not is_template(wanted):
                yield from _host_problem(wanted, _repository_place(facts, host, name), facts)


def repositories(facts: PlayFacts, host: str) -> dict[str, Any]:
    """The repositories a host sees in the play, as they are written."""
    inherited = facts.variables(host).get("repositories")
    own = facts.play.repositories
    return {**(inherited if isinstance(inherited, Mapping) else {}), **own}


def reference_problems(seen: Seen, facts: PlayFacts) -> Iterator[Problem]:
    """What a task names that is not there, or is no name of anything."""
    step = seen.step
    delegate = seen.keywords.get("delegate_to")
    if isinstance(delegate, str) and not is_template(delegate):
        yield from _host_problem(delegate, step.own.place("delegate_to"), facts)
    for value, path, schema in _annotated(seen.args, (), module_schema(step.task.module)):
        place = step.document.at(argument_place(step, path))
        if schema.get("x-host"):
            yield from _host_problem(value, place, facts)
        if schema.get("x-repository"):
            yield from _repository_problem(value, place, seen, facts)
        if schema.get("x-regexp"):
            yield from _regexp_problem(value, place)
        if (kind := schema.get("x-file")) and not _is_on_the_host(seen.args):
            name = _program(value) if schema.get("x-command-line") else value
            keys = facts.world.templar.keys if seen.args.get("decrypt", True) is True else None
            yield from _file_problem(name, str(kind), place, step.search, keys)


def _host_problem(name: str, place: Location | None, facts: PlayFacts) -> Iterator[Problem]:
    known = facts.world.inventory.hosts
    if facts.world.has_inventory and not facts.world.growth and name not in known and name not in _CONTROLLER:
        if name in facts.world.inventory.groups:
            hint = f"for example {{{{ groups['{name}'][0] }}}}"
            yield Problem(f"'{name}' is a group, a host is needed", place, hint, rule=Rule.UNKNOWN_HOST)
        else:
            otherwise = f"add it to {facts.world.inventory.file}"
            hint = did_you_mean(name, known, otherwise)
            yield Problem(f"there is no host '{name}' in the inventory", place, hint, rule=Rule.UNKNOWN_HOST)


def _repository_problem(name: str, place: Location, seen: Seen, facts: PlayFacts) -> Iterator[Problem]:
    for host in seen.hosts:
        known = repositories(facts, host)
        if not isinstance(facts.variables(host).get("repositories", {}), Mapping):
            return
        if name not in known:
            otherwise = f"known are {listed(known)}" if known else "define it under `repositories`"
            hint = did_you_mean(name, known, otherwise)
            yield Problem(f"there is no repository '{name}'", place, hint, rule=Rule.UNKNOWN_REPOSITORY)
            return


def _regexp_problem(pattern: str, place: Location) -> Iterator[Problem]:
    try:
        re.compile(pattern)
    except re.error as error:
        hint = "it is Python's syntax; in YAML put it in single quotes, so that no backslash is lost"
        yield Problem(f"'{pattern}' is not a regular expression: {error}", place, hint, rule=Rule.WRONG_VALUE)


def _is_on_the_host(args: Mapping[str, object]) -> bool:
    """Whether the files these arguments name are not the controller's."""
    return bool(args.get("remote_src")) or args.get("copy") is False


def _program(line: str) -> str:
    """The first word of a command line; the line itself if it cannot be split, which is reported when it runs."""
    try:
        return (shlex.split(line) or [line])[0]
    except ValueError:
        return line


def _file_problem(name: str, kind: str, place: Location, search: Search, keys: Keys | None) -> Iterator[Problem]:
    """A file that is not there, or that is encrypted and cannot be opened with `keys`."""
    places = search.candidates(kind, name)
    found = next((candidate for candidate in places if exists(candidate)), None)
    if found is not None and keys is not None:
        try:
            keys.check_file(found)
        except CannotOpen as error:
            yield Problem(f"'{name}': {error.message}", place, error.hint, rule=Rule.ENCRYPTED)
    if found is None:
        looked = " and ".join(str(candidate) for candidate in places)
        message = f"there is no file '{name}' on the controller"
        yield Problem(message, place, f"looked for {looked}", rule=Rule.MISSING_FILE)


def _annotated(value: object, at: Path, schema: Mapping[str, Any]) -> Iterator[tuple[str, Path, Mapping[str, Any]]]:
    """Every text of the arguments that holds no template, with its path and what its schema says about it."""
    if isinstance(value, str):
        if not is_template(value):
            yield value, at, schema
    elif isinstance(value, Mapping):
        for key, item in value.items():
            described = schema.get("properties", {}).get(key)
            yield from _annotated(item, (*at, key), described if isinstance(described, Mapping) else {})
    elif isinstance(value, list):
        items = schema.get("items")
        for index, item in enumerate(value):
            yield from _annotated(item, (*at, index), items if isinstance(items, Mapping) else schema)


def _repository_place(facts: PlayFacts, host: str, name: str) -> Location | None:
    if name in facts.play.repositories:
        return facts.world.document.at((facts.index, "repositories", name, "host"))
    known = facts.world.inventory.hosts.get(host)
    return known.at("repositories", name, "host") if known else None
