"""Arguments and keywords whose templates can be rendered before the run, checked with the values they will have."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from runner.document import Path
from runner.errors import Problem
from runner.frozen import frozen
from runner.plan.facts import PlayFacts
from runner.plan.naming import unknown_names
from runner.plan.texts import argument_place
from runner.plan.tree import Raw, Step
from runner.plan.verdicts import HOST_NAMES, condition_names, conditions, verdict
from runner.rules import Rule
from runner.schema import INCOMPLETE, ArgumentProblem, argument_problems, keyword_problems, module_schema
from runner.suggestions import some
from runner.template import OMIT, TemplateError, is_filled_text, is_template

_CHECKED: Final = (
    "timeout",
    "retries",
    "delay",
    "become",
    "become_user",
    "run_once",
    "ignore_errors",
    "ignore_unreachable",
    "no_log",
    "check_mode",
    "diff",
    "loop",
    "delegate_to",
    "environment",
)
_FLAGS: Final = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


@frozen
class Seen:
    """A task as one or more hosts will see it. Templates that only the run can render are still there."""

    step: Step
    hosts: tuple[str, ...]
    args: Mapping[str, Any]
    keywords: Mapping[str, Any]


class Rendering:
    """Renders what is known now. `failures` collects the templates that will fail for certain."""

    def __init__(self, facts: PlayFacts) -> None:
        self.facts = facts
        self.failures: list[Problem] = []

    def seen(self, step: Step) -> list[Seen]:
        """The task once for each different way in which hosts will see it; not for hosts that certainly skip it."""
        keywords = {name: step.raw[name] for name in _CHECKED if name in step.raw}
        if not self.facts.hosts or not (is_template(step.task.args) or is_template(keywords)):
            return [Seen(step, self.facts.hosts, step.task.args, keywords)]
        schema = module_schema(step.task.module)
        found: dict[str, Seen] = {}
        for alike in self.facts.alike(self._names(step, keywords), step):
            host = alike[0]
            if verdict(step, host, self.facts) is False:
                continue
            args = self._rendered(step.task.args, step, host, schema, lambda path: argument_place(step, path))
            own = self._rendered(keywords, step, host, {}, lambda path: (*step.at, *path))
            key = repr((args, own))
            hosts = (*found[key].hosts, *alike) if key in found else alike
            found[key] = Seen(step, hosts, args, own)
        return list(found.values())

    def _names(self, step: Step, keywords: Mapping[str, Any]) -> frozenset[str]:
        """The names that decide how a task looks to a host."""
        names: frozenset[str] = frozenset()
        templar = self.facts.world.templar
        for part in (step.task.args, keywords):
            try:
                names |= templar.names(part)
            except TemplateError:
                return HOST_NAMES
        return names.union(*(condition_names(condition, templar) for condition, _ in conditions(step)))

    def _rendered(
        self, value: Any, step: Step, host: str, schema: Mapping[str, Any], place: Callable[[Path], Path], at: Path = ()
    ) -> Any:
        if schema.get("x-raw") or schema.get("x-expression"):
            return value
        if isinstance(value, str):
            can_differ = is_template(value) and not (_takes_any_text(schema) and is_filled_text(value))
            return self._text(value, step, host, place(at)) if can_differ else value
        if isinstance(value, Mapping):
            items = {
                key: self._rendered(item, step, host, _below(schema, key), place, (*at, key))
                for key, item in value.items()
            }
            return {key: item for key, item in items.items() if item is not OMIT}
        if isinstance(value, list):
            inner = schema.get("items")
            inner = inner if isinstance(inner, Mapping) else {}
            rendered = [
                self._rendered(item, step, host, inner, place, (*at, index)) for index, item in enumerate(value)
            ]
            return [item for item in rendered if item is not OMIT]
        return value

    def _text(self, text: str, step: Step, host: str, at: Path) -> Any:
        """The value of a template if it can be known now, else the template."""
        templar = self.facts.world.templar
        try:
            usage = templar.usages(text)[0]
        except TemplateError:
            return text
        reach = self.facts.reach(usage, host, step)
        if not usage.steady or not reach.steady:
            return text
        try:
            return templar.render(text, self.facts.variables(host, step))
        except TemplateError as error:
            if verdict(step, host, self.facts) is True and not unknown_names(usage, self.facts):
                place = step.document.at(at)
                self.failures.append(Problem(error.message, place, error.hint, rule=error.rule))
            return text


def incomplete_problems(step: Step, facts: PlayFacts) -> Iterator[Problem]:
    """What a task's arguments lack, with those that `module_defaults` give; without any it was told before."""
    if step.task.module in facts.world.defaulted:
        for problem in argument_problems(step.task.module, step.task.args, rendered=False):
            if problem.rule in INCOMPLETE:
                place = step.document.at(argument_place(step, problem.path))
                yield Problem(problem.message, place, problem.hint, rule=problem.rule)


def value_problems(views: Sequence[Seen], facts: PlayFacts) -> Iterator[Problem]:
    """What the schemas say against the values that the templates of a task will have on the hosts that see it.

    Literal values have been checked before. What is wrong at one place for many hosts is told once.
    """
    found: dict[tuple[Path, Rule], tuple[ArgumentProblem, Mapping[str, object], Seen]] = {}
    for seen in views:
        for problem, written, at in _misfits(seen):
            known = found.get((at, problem.rule))
            if known is None:
                found[at, problem.rule] = (problem, written, seen)
            elif not set(seen.hosts) <= set(known[2].hosts):
                found[at, problem.rule] = (*known[:2], replace(known[2], hosts=(*known[2].hosts, *seen.hosts)))
    for (at, _), (problem, written, seen) in found.items():
        yield _told(problem, written, at, seen, facts)


def _misfits(seen: Seen) -> Iterator[tuple[ArgumentProblem, Mapping[str, object], Path]]:
    """What does not fit once it is rendered, with what was written, and where in the document."""
    step = seen.step
    if is_template(step.task.args):
        module = step.task.module
        before = argument_problems(module, step.task.args, rendered=False)
        for problem in argument_problems(module, seen.args, rendered=False):
            if problem not in before:
                yield problem, step.task.args, argument_place(step, problem.path)
    written = {name: step.raw[name] for name in _CHECKED if name in step.raw}
    if is_template(written):
        lenient = {name: _lenient(value) for name, value in seen.keywords.items()}
        before = keyword_problems("task", written)
        for problem in keyword_problems("task", lenient):
            if problem not in before:
                yield problem, written, (*step.at, *problem.path)


def _told(problem: ArgumentProblem, written: Mapping[str, object], at: Path, seen: Seen, facts: PlayFacts) -> Problem:
    hints = [problem.hint]
    if "without quotes" in problem.hint or "in quotes" in problem.hint:
        hints = ["convert it in the template (| int, | bool, | string)"]
    for name in sorted(facts.world.templar.names(_template_at(written, problem.path))):
        if source := facts.place_of(name, seen.hosts[0], seen.step):
            hints.append(f"'{name}' comes from {source}")
    if len(seen.hosts) < len(facts.hosts):
        hints.append(f"so it is for {some(seen.hosts)}")
    document = seen.step.document
    place = document.key_at(at) if problem.on_key else document.at(at)
    return Problem(f"rendered, {problem.message}", place, "; ".join(hint for hint in hints if hint), rule=problem.rule)


def _template_at(written: object, path: Path) -> str:
    """The template that was written at `path` or above it; "" if there is none, or more than one."""
    for step in path:
        if isinstance(written, Mapping) and step in written:
            written = written[str(step)]
        elif isinstance(written, list) and isinstance(step, int) and step < len(written):
            written = written[step]
        else:
            break
    return written if isinstance(written, str) and is_template(written) else ""


def _takes_any_text(schema: Mapping[str, Any]) -> bool:
    """Whether any text at all is right for a described argument, so that rendering it would tell nothing."""
    limits = (
        "pattern",
        "enum",
        "const",
        "maxLength",
        "anyOf",
        "oneOf",
        "allOf",
        "x-host",
        "x-repository",
        "x-file",
        "x-regexp",
    )
    return "string" in schema.get("type", "string") and not any(key in schema for key in limits)


def _lenient(value: object) -> object:
    """A keyword's value as the engine understands it: "yes" is true, "5" is a number."""
    if isinstance(value, str) and value.lower() in _FLAGS:
        return _FLAGS[value.lower()]
    return int(value) if isinstance(value, str) and value.isdigit() else value


def _below(schema: Mapping[str, Any], key: str) -> Raw:
    for branch in (schema, *schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        found = branch.get("properties", {}).get(key)
        if isinstance(found, Mapping):
            return found
    return {}
