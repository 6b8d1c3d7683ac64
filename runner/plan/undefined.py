"""Variables that nobody defines, for all hosts of a play or for some of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from runner.errors import Location, Problem
from runner.plan.facts import Missing, PlayFacts
from runner.plan.gathering import is_fact
from runner.plan.model import RESCUE_MAGIC
from runner.plan.texts import Text, texts_of_keywords, texts_of_step
from runner.plan.tree import Level, Step
from runner.plan.verdicts import guarded, verdict
from runner.rules import Rule
from runner.schema import schema
from runner.suggestions import did_you_mean, some
from runner.template import TemplateError, Usage, usage_of

_NOT_HERE = frozenset({"module_defaults", "vars", "repositories", "hosts", "vars_files"})
"""Parts whose templates are rendered elsewhere, or only when somebody reads them."""


def undefined_problems(
    facts: PlayFacts, play: Sequence[Level], steps: Sequence[Step], contents: Mapping[str, Sequence[Text]]
) -> Iterator[Problem]:
    """`contents` are the texts of template files, by the path of the task that renders them.

    A problem for each use of a variable that cannot exist when the task is due.

    Decided only where it can be: not for what a task, a loop or a fact may set, what `default` or
    `is defined` ask for, and what stands behind conditions only the run can tell.
    """
    world = facts.world
    if not facts.hosts or not facts.files.complete or world.open_ended or world.is_open:
        return
    everywhere = facts.everywhere()
    around = [text for level in play if level.kind == "play" for text in texts_of_keywords(level)]
    for step in steps:
        outer = [text for level in step.around for text in texts_of_keywords(level)]
        for text in (*around, *outer, *texts_of_step(step), *contents.get(step.task.path, ())):
            usage = _usage(text, facts)
            if usage and text.part not in _NOT_HERE and (usage.lookups or not usage.required <= everywhere):
                yield from _problems(text, usage, step, facts)


def connection_problems(facts: PlayFacts) -> Iterator[Problem]:
    """A problem for each variable that connecting to a host of the play will need and miss."""
    known = schema("inventory.json")["definitions"]["variables"]["properties"].keys() - {"repositories"}
    for host in facts.hosts:
        for name in sorted(known & facts.variables(host).keys()):
            place = facts.place_of(name, host)
            for gap in facts.reach(usage_of(name), host).missing:
                if place is not None:
                    yield _gap_problem(gap, place, facts, None)


def _usage(text: Text, facts: PlayFacts) -> Usage | None:
    templar = facts.world.templar
    try:
        return templar.usage(text.value) if text.is_expression else templar.usages(text.value)[0]
    except TemplateError:
        return None


def _problems(text: Text, usage: Usage, step: Step, facts: PlayFacts) -> Iterator[Problem]:
    needed = usage.required - guarded(step, facts.world.templar)
    lacking: dict[Missing, list[str]] = {}
    gone = {Missing(what, kind=kind) for kind, what in usage.lookups if facts.lacks(kind, what, step)}
    for alike in facts.alike(needed, step):
        concerned = [host for host in alike if host in text.hosts] if text.hosts else alike
        for gap in gone | facts.reach(usage, alike[0], step, only=needed).missing if concerned else ():
            lacking.setdefault(gap, []).extend(concerned)
    for gap, hosts in lacking.items():
        decided = _decided(gap, hosts, text, usage, step, facts)
        if decided:
            yield _problem(gap, decided, text, usage, step, facts)


def _decided(gap: Missing, hosts: list[str], text: Text, usage: Usage, step: Step, facts: PlayFacts) -> list[str]:
    """The hosts for which it is certain that the variable will be missed."""
    before = text.key if text.part == "when" else None
    verdicts = {host: verdict(step, host, facts, before) for host in hosts}
    if len(hosts) == len(text.hosts or facts.hosts) and not gap.needed_by and not gap.kind:
        return [host for host in hosts if verdicts[host] is not False]
    if not gap.needed_by and not gap.kind and gap.name not in usage.certain:
        return []
    return [host for host in hosts if verdicts[host] is True]


def _problem(gap: Missing, hosts: list[str], text: Text, usage: Usage, step: Step, facts: PlayFacts) -> Problem:
    place = text.place(usage.lines.get(gap.name, 1))
    if gap.needed_by:
        place = facts.place_of(gap.needed_by, hosts[0], step) or place
    problem = _gap_problem(gap, place, facts, step)
    others = [host for host in facts.hosts if host not in hosts]
    if gap.kind or not any(gap.name in facts.variables(host, step) for host in others):
        return problem
    hint = f"it is defined for {some(others)}: define it for the others too, or use default()"
    return replace(problem, message=f"{problem.message} for {some(hosts)}", hint=hint)


def _gap_problem(gap: Missing, place: Location, facts: PlayFacts, step: Step | None) -> Problem:
    if gap.kind == "circle":
        message = f"'{gap.name}' needs its own value, through '{gap.needed_by}'"
        return Problem(message, place, rule=Rule.CIRCULAR_VARIABLE)
    needed_by = f", which '{gap.needed_by}' needs" if gap.needed_by else ""
    if not gap.kind:
        message = f"'{gap.name}' is undefined{needed_by}"
        return Problem(message, place, _hint(gap.name, step, facts), rule=Rule.UNDEFINED_VARIABLE)
    if gap.kind == "env":
        hint = f"export {gap.name}=… before the run, or give lookup() a default"
        message = f"the environment variable {gap.name} is not set{needed_by}"
        return Problem(message, place, hint, facts.world.without_environment, rule=Rule.MISSING_ENVIRONMENT)
    message = f"there is no file '{gap.name}' on the controller{needed_by}"
    return Problem(message, place, "check the path", rule=Rule.MISSING_FILE)


def _hint(name: str, step: Step | None, facts: PlayFacts) -> str:
    if setters := facts.world.setters.of(name):
        return f"it is set in {setters[0].step.own.place()}: on other hosts, or not before this"
    if name == "vars":
        return "read a variable by a name that is made up with lookup('vars', name)"
    if name in RESCUE_MAGIC:
        return "it is there in `rescue` and `always` only"
    if is_fact(name):
        return "no play gathers facts: leave gather_facts: false out, or use setup"
    if name.startswith("ansible_"):
        otherwise = "no fact is called so: register what a command says"
    else:
        otherwise = "define it in vars, the inventory or with -e, or use default()"
    return did_you_mean(name, facts.all_names(step) - {name}, otherwise)
