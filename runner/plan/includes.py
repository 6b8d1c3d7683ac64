"""The tasks that includes lead to, wherever that can be told before the run."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from runner.document import Document
from runner.errors import Location, Problem
from runner.plan.facts import PlayFacts
from runner.plan.texts import argument_place
from runner.plan.tree import Step, inner_steps
from runner.plan.verdicts import verdict
from runner.playbook import (
    INCLUDES,
    Library,
    Origin,
    Taken,
    With,
    first_directory,
    first_file,
    included,
    role_files,
)
from runner.rules import Rule
from runner.template import TemplateError, is_template


class Undecided(Exception):  # noqa: N818  it is no error: only the run can tell
    """What an include takes in depends on what only the run can tell."""


class Unfolding:
    """`documents` are those of what was taken in, by the path of its tasks; `is_complete`: nothing else can be.

    `has_circles`: files take themselves in. `names` are the variables of included roles that the whole play sees
    from then on.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self.documents: dict[str, Document] = {}
        self.is_complete = True
        self.has_circles = False
        self.names: set[str] = set()

    def of(self, steps: Sequence[Step], facts: PlayFacts, through: tuple[Path, ...] = ()) -> list[Step]:
        """The steps, each include followed by those it may lead to."""
        return [each for step in steps for each in (step, *self._ways(step, facts, through))]

    def _ways(self, step: Step, facts: PlayFacts, through: tuple[Path, ...]) -> Iterator[Step]:
        if step.task.module not in INCLUDES:
            return
        try:
            wanted = list(dict.fromkeys(_wanted(step, facts)))
        except (Undecided, TemplateError):
            self.is_complete = False
            return
        for args in wanted:
            taken = self._taken(dict(args), step)
            if taken is None:
                continue
            if taken.path in through:
                self.has_circles = True
                self._library.problems += _circle(step, facts, taken.path, through)
                continue
            yield from self._way(step, taken, facts, (*through, taken.path))

    def _way(self, step: Step, taken: Taken, facts: PlayFacts, through: tuple[Path, ...]) -> Iterator[Step]:
        prefix = f"{step.task.path}.include[{taken.shown(facts.play.directory)}]"
        origin = Origin(step.search, known=facts.play.keywords.vars)
        inclusion = included(self._library, taken, origin, prefix, _place(step), step.role)
        if inclusion is not None:
            self.documents[prefix] = inclusion.document
            if inclusion.role and step.task.args.get("public") is True:
                scope = inclusion.role.scope
                self.names |= scope.defaults.values.keys() | scope.exported.values.keys()
            yield from self.of(list(inner_steps(step, inclusion)), facts, through)

    def _taken(self, args: Mapping[str, str], step: Step) -> Taken | None:
        """What is there under the names that an include gives; None, and a problem, if there is nothing."""
        is_role = step.task.module == "include_role"
        name = args.get("name" if is_role else "file")
        if name is None:
            return None  # What was given is no name, which is told with the arguments.
        candidates = step.search.role(name) if is_role else step.search.tasks(name)
        path = first_directory(candidates) if is_role else first_file(candidates)
        if path is not None:
            return Taken(path, is_role, role_files(args) if is_role else ())
        looked = " and ".join(str(candidate) for candidate in candidates)
        message = f"there is no {'role' if is_role else 'file'} '{name}'"
        self._library.problems.append(Problem(message, _place(step), f"looked for {looked}", rule=Rule.MISSING_FILE))
        return None


def _wanted(step: Step, facts: PlayFacts) -> Iterator[tuple[tuple[str, str], ...]]:
    """The arguments that say what is taken in, once for each host and item that differ; not for hosts that
    certainly skip it."""
    named = {name: text for name, text in step.task.args.items() if isinstance(text, str)}
    if not is_template(named):
        if not facts.hosts or any(verdict(step, host, facts) is not False for host in facts.hosts):
            yield tuple(named.items())
        return
    if not facts.hosts:
        if facts.world.has_inventory and not facts.world.growth:
            return  # Nobody takes anything in; that there are no hosts is told with the play.
        raise Undecided
    for host in facts.hosts:
        if verdict(step, host, facts) is not False:
            for item in _items(step, host, facts, named):
                yield tuple((name, _rendered(text, item, step, host, facts)) for name, text in named.items())


def _items(step: Step, host: str, facts: PlayFacts, named: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    """What each item of the loop gives the names; only once if they do not speak of it."""
    loop = step.task.loop
    names = frozenset().union(*(usage.names for usage in facts.world.templar.usages(dict(named))))
    if loop is None or not names & step.loop_variables:
        yield {}
        return
    if isinstance(loop, With):
        if loop.lookup not in ("items", "list") or not isinstance(loop.terms, list):
            raise Undecided
        loop = loop.terms
    for item in loop if isinstance(loop, list) else _known(loop, step, host, facts):
        if is_template(item) or isinstance(item, list):
            raise Undecided
        yield {step.task.loop_control.loop_var: item}


def _known(loop: object, step: Step, host: str, facts: PlayFacts) -> list[Any]:
    """The list that a template gives, if it is known before the run."""
    templar = facts.world.templar
    if not all(usage.steady and facts.reach(usage, host, step).steady for usage in templar.usages(loop)):
        raise Undecided
    found = templar.render(loop, facts.variables(host, step))
    if not isinstance(found, list):
        raise Undecided
    return found


def _rendered(text: str, item: Mapping[str, Any], step: Step, host: str, facts: PlayFacts) -> str:
    templar = facts.world.templar
    for usage in templar.usages(text):
        if not usage.steady or not facts.reach(usage, host, step, only=usage.names - item.keys()).steady:
            raise Undecided
    return templar.render_text(text, ChainMap(dict(item), *[dict(facts.variables(host, step))]))


def _circle(step: Step, facts: PlayFacts, path: Path, through: Sequence[Path]) -> Iterator[Problem]:
    """A problem if nothing can end the circle: tasks that include themselves under a condition are a loop."""
    if step.task.loop is None and any(verdict(step, host, facts) is True for host in facts.hosts):
        circle = " → ".join(str(file) for file in (*through[through.index(path) :], path))
        message = f"the file takes itself in without end: {circle}"
        yield Problem(message, _place(step), "give the include a condition that ends it", rule=Rule.CIRCULAR_FILE)


def _place(step: Step) -> Location:
    name = "name" if step.task.module == "include_role" else "file"
    return step.document.at(argument_place(step, (name,)))
