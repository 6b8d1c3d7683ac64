"""`include_tasks` and `include_role`: what a host takes in is the result of the task, so a resumed run knows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Final

from runner.engine.context import Context
from runner.engine.gaps import without_secrets
from runner.engine.keywords import inside, search
from runner.engine.loops import VARIABLES
from runner.engine.step import Stage, Step
from runner.errors import InvalidInput, Location, Refused, TaskFailed
from runner.events import TaskFinished
from runner.frozen import frozen
from runner.modules.contract import Acting, Change, Module, Outcome, Reading
from runner.plan import Found, Includes
from runner.playbook import Entry, Keywords, Origin, Taken, first_directory, first_file, keywords_of, role_files

DEEPEST: Final = 100
"""How deep files may include files: more is a circle that nothing ends."""


@frozen
class TasksArgs:
    """The arguments of `include_tasks`."""

    file: str
    apply: Mapping[str, object]


@frozen
class RoleArgs:
    """The arguments of `include_role`."""

    name: str
    tasks_from: str
    vars_from: str
    defaults_from: str
    handlers_from: str
    apply: Mapping[str, object]
    allow_duplicates: bool
    public: bool
    rolespec_validate: bool


@frozen
class IncludeTasks:
    """Finds, reads and checks a file of tasks."""

    includes: Includes
    name: ClassVar = "include_tasks"
    Args = TasksArgs

    def preview(self, at: Reading, args: TasksArgs) -> Change:
        return Change(False, "", data=self._taken(_context(at), args))

    def apply(self, at: Acting, args: TasksArgs) -> Outcome:
        return Outcome(False, data=self._taken(_context(at), args))

    def _taken(self, at: Context, args: TasksArgs) -> dict[str, object]:
        path = _there(first_file(at.search.tasks(args.file)), args.file, at.search.tasks(args.file))
        found = _read(self.includes, Taken(path), at)
        return {"include": str(path), "include_args": {}, "checksum": found.checksum}


@frozen
class IncludeRole:
    """Finds, reads and checks a role."""

    includes: Includes
    name: ClassVar = "include_role"
    Args = RoleArgs

    def preview(self, at: Reading, args: RoleArgs) -> Change:
        return Change(False, "", data=self._taken(_context(at), args))

    def apply(self, at: Acting, args: RoleArgs) -> Outcome:
        return Outcome(False, data=self._taken(_context(at), args))

    def _taken(self, at: Context, args: RoleArgs) -> dict[str, object]:
        path = _there(first_directory(at.search.role(args.name)), args.name, at.search.role(args.name))
        given = {name: getattr(args, name) for name in ("tasks_from", "vars_from", "defaults_from", "handlers_from")}
        files = role_files(given)
        found = _read(self.includes, Taken(path, True, files), at)
        asked = {"name": args.name, **{f"{folder}_from": file for folder, file in files}}
        return {"include": args.name, "include_args": asked, "path": str(path), "checksum": found.checksum}


def actions(includes: Includes) -> dict[str, Module[Any]]:
    """The actions that take something in, by name."""
    return {"include_tasks": IncludeTasks(includes), "include_role": IncludeRole(includes)}


@frozen
class Part:
    """What some hosts take in together. `prefix` begins the paths of its tasks, `given` are the loop's variables."""

    taken: Taken
    prefix: str
    given: Mapping[str, Any]
    checksum: str
    hosts: tuple[str, ...]


def parts(step: Step, ends: Mapping[str, TaskFinished], directory: Path) -> list[Part]:
    """What the hosts take in, in order: those that take in the same for the same item go through it together."""
    found: dict[tuple[int, str, str], Part] = {}
    for host, end in ends.items():
        if end.host != host:
            continue  # run_once: only the host that did it takes anything in
        for index, result in _results(end, step):
            taken, given = _taken(result), _given(result, end, step)
            number = f"[{index}]" if step.task.loop is not None else ""
            prefix = f"{step.path}.include{number}[{taken.shown(directory)}]"
            key = (index, prefix, repr(sorted(given.items(), key=lambda item: item[0])))
            before = found.get(key)
            hosts = (*before.hosts, host) if before else (host,)
            found[key] = Part(taken, prefix, given, str(result.get("checksum", "")), hosts)
    return [found[key] for key in sorted(found, key=lambda key: key[0])]


def taken_in(stage: Stage, part: Part, step: Step, outer: Keywords) -> tuple[tuple[Entry, ...], Keywords]:
    """What a part consists of, and the keywords that hold for it where `outer` surrounds the include.

    Refused if the files are not those that were taken in before the run was resumed.
    """
    around = stage.around
    origin = Origin(search(step.keywords, around.directory), known=around.play_vars)
    found = stage.includes.take(part.taken, part.prefix, origin, step.task.location, step.keywords.role)
    if part.checksum and found.checksum != part.checksum:
        raise Refused(
            f"{part.taken.path} is not what it was when it was included",
            why="steps that were done could mean something else now",
            hint="undo the changes and resume, or start a new run",
        )
    given = Keywords(params={**step.task.keywords.vars, **part.given})
    own = inside(inside(outer, given), keywords_of(_mapping(step.task.args.get("apply"))))
    role = found.inclusion.role
    if role is None:
        return found.inclusion.entries, replace(own, directory=part.taken.path.parent)
    args = step.task.args
    role = replace(role, allow_duplicates=args.get("allow_duplicates") is not False, public=args.get("public") is True)
    stage.add_handlers(role, own)
    if role.public:
        stage.variables.export(role.scope)
    return (role,), own


def count(result: Mapping[str, Any]) -> int:
    """How many files or roles an include's result takes in."""
    return sum("include" in one for one in _each(result))


def _results(end: TaskFinished, step: Step) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """What a host takes in, each with the number of its item."""
    if "censored" in end.result:
        raise Refused(
            f"what '{step.task.name}' included on {end.host} was not kept in the journal",
            where=str(step.task.location),
            why="no_log keeps the results of the task from being written down",
            hint="start a new run; put no_log at the tasks that need it, or under `apply`",
        )
    return ((index, one) for index, one in enumerate(_each(end.result)) if "include" in one)


def _each(result: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    several = result.get("results")
    return [one for one in several if isinstance(one, Mapping)] if isinstance(several, list) else [result]


def _taken(result: Mapping[str, Any]) -> Taken:
    if "path" in result:
        return Taken(Path(result["path"]), True, role_files(result["include_args"]))
    return Taken(Path(result["include"]))


def _given(result: Mapping[str, Any], end: TaskFinished, step: Step) -> dict[str, Any]:
    """The variables of the loop; what held a secret is not known any more in a resumed run."""
    control = step.task.loop_control
    names = {control.loop_var, control.index_var, *VARIABLES} if step.task.loop is not None else set()
    given = {name: value for name, value in result.items() if name in names}
    return {name: without_secrets(value, name) for name, value in given.items()} if end.withheld else given


def _read(includes: Includes, taken: Taken, at: Context) -> Found:
    if at.path.count(".include[") > DEEPEST:
        raise TaskFailed(
            f"{taken.path} is included more than {DEEPEST} deep",
            why="a file that takes itself in without end would never come to one",
            hint="give the include a condition that ends it",
        )
    origin = Origin(at.search, known=at.play_vars)
    try:
        return includes.take(taken, at.path, origin, Location(at.path, 1, 1), at.keywords.role)
    except InvalidInput as error:
        first, *more = error.problems
        told = [f"{problem.location}: {problem.message}" for problem in error.problems]
        raise TaskFailed(
            "; ".join(told),
            why=f"{taken.path} was read when it was included, because its name was not known before the run",
            hint=first.hint or next((problem.hint for problem in more if problem.hint), ""),
        ) from error


def _there(path: Path | None, name: str, candidates: Sequence[Path]) -> Path:
    if path is None:
        raise TaskFailed(f"{name} is not there", why=f"looked for {' and '.join(map(str, candidates))}")
    return path


def _context(at: Reading) -> Context:
    assert isinstance(at, Context), "only the engine carries actions out"
    return at


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
