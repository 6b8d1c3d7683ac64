"""Everything that is known before the first connection, put together and checked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from runner.document import Document, Examined, examine, trusted
from runner.errors import InvalidInput, Location, Problem, Severity
from runner.inventory import Inventory
from runner.plan.batches import batches
from runner.plan.fingerprint import fingerprint
from runner.plan.model import Options, Plan, PlannedPlay
from runner.plan.options import option_problems
from runner.plan.targets import targets
from runner.playbook import parse
from runner.schema import playbook_problems
from runner.secret import Redactor
from runner.template import Templar


def make_plan(playbook: Document | Path, inventory: Inventory, options: Options, templar: Templar) -> Plan:
    """The plan of a run. InvalidInput carries every problem of playbook, files, inventory and options."""
    options = replace(options, extra_vars={name: trusted(value) for name, value in options.extra_vars.items()})
    examined = Examined(playbook, ()) if isinstance(playbook, Document) else examine(playbook)
    problems = _structure(examined)
    document = examined.document
    if document is None or problems:
        raise InvalidInput(_in_order(problems, templar.redactor))
    parsed = parse(document)
    planned: list[PlannedPlay] = []
    for index, play in enumerate(parsed.plays):
        hosts, wrong = targets(play, inventory, options, templar, document.at((index, "hosts")))
        problems.extend(wrong)
        planned.append(PlannedPlay(play, hosts, batches(hosts, play.serial)))
    problems.extend(option_problems(parsed, planned, inventory, options))
    if problems:
        raise InvalidInput(_in_order(problems, templar.redactor))
    return Plan(parsed, inventory, tuple(planned), options, fingerprint(document.data, {}, options), inventory.warnings)


def check_playbook(path: Path, inventory: Inventory | None) -> list[Problem]:
    """Every problem and warning of a playbook; what depends on hosts only if there is an inventory."""
    directory = path.parent
    templar = Templar([directory, directory / "templates", directory / "files"], Redactor())
    if inventory is None:
        return _in_order(_structure(examine(path)), templar.redactor)
    try:
        return list(make_plan(path, inventory, Options(), templar).warnings)
    except InvalidInput as error:
        return list(error.problems)


def _structure(examined: Examined) -> list[Problem]:
    problems = list(examined.problems)
    if examined.document is not None:
        reported = {problem.location for problem in problems}
        problems += [found for found in playbook_problems(examined.document) if found.location not in reported]
    return problems


def _in_order(problems: Iterable[Problem], redactor: Redactor) -> list[Problem]:
    """Each problem once, errors and warnings by place, secrets masked."""
    masked = (
        replace(problem, message=redactor.text(problem.message), hint=redactor.text(problem.hint))
        for problem in problems
    )
    nowhere = Location("", 0, 0)
    return sorted(
        dict.fromkeys(masked), key=lambda problem: (problem.location or nowhere, problem.severity is Severity.WARNING)
    )
