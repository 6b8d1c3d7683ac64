"""`sentraplay validate`: every problem of playbooks and inventory, without a host being touched."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from runner.cli import options
from runner.cli.discovery import playbooks_in
from runner.cli.files import existing, existing_inventories
from runner.cli.invocation import Invocation
from runner.cli.keys import GivenKeys, given, keys_from
from runner.errors import ExitCode, InvalidInput, Problem, Severity
from runner.frozen import frozen

if TYPE_CHECKING:
    from runner.inventory import Inventory
    from runner.vault import Keys


@click.command()
@options.playbooks
@options.inventories
@options.variables
@click.option(
    "--output",
    type=click.Choice(["text", "json", "sarif"]),
    default="text",
    show_default=True,
    help="Text for people, JSON for programs, or SARIF 2.1.0 for code scanning and editors.",
)
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@given
@click.pass_obj
def validate(
    invocation: Invocation,
    playbooks: tuple[Path, ...],
    inventories: tuple[str, ...],
    extra: tuple[str, ...],
    output: Literal["text", "json", "sarif"],
    strict: bool,
    keys: GivenKeys,
) -> ExitCode:
    """Check playbooks without touching any host.

    Of a directory every playbook below it is checked. Reports everything that is wrong at once, as
    file:line:column with a hint. With an inventory, hosts, groups, variables and repositories are checked
    against it too. Without keys, encrypted values count as known variables of unknown content.
    """
    files = playbooks_in(existing("playbook", playbooks, directories=True))
    opening = keys_from(invocation, keys, required=False)
    variables = options.extra_variables(extra, opening)
    checked = _checked(files, existing_inventories(inventories), strict, opening, variables)
    if output == "text":
        _tell(checked, invocation)
        if checked.errors:
            raise InvalidInput(checked.errors)
    else:
        click.echo(invocation.redactor.text(_document(checked, output)))
    return ExitCode.INVALID if checked.errors else ExitCode.OK


@frozen
class Checked:
    """The playbooks that were checked, those of them that have no error, and all problems, each once."""

    files: tuple[Path, ...]
    valid: tuple[Path, ...]
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(filter(_is_error, self.problems))


def _checked(
    files: tuple[Path, ...],
    inventories: Sequence[str],
    strict: bool,
    keys: Keys,
    variables: Mapping[str, object],
) -> Checked:
    """What is wrong with the files; a wrong inventory does not keep the playbooks from being checked."""
    from runner.inventory import load_inventory
    from runner.plan import check_playbook
    from runner.wiring.scripts import run_script

    shared: list[Problem] = []
    inventory: Inventory | None = None
    try:
        inventory = load_inventory(inventories, keys, run_script) if inventories else None
    except InvalidInput as error:
        shared += error.problems
    found = {file: check_playbook(file, inventory, keys, variables) for file in files}
    if strict:
        found = {file: [replace(one, severity=Severity.ERROR) for one in problems] for file, problems in found.items()}
    wrong = {file for file, problems in found.items() if shared or any(map(_is_error, problems))}
    every = [*shared, *(problem for problems in found.values() for problem in problems)]
    return Checked(files, tuple(file for file in files if file not in wrong), tuple(dict.fromkeys(every)))


def _is_error(problem: Problem) -> bool:
    return problem.severity is Severity.ERROR


def _tell(checked: Checked, invocation: Invocation) -> None:
    """Which files are valid, to standard output; the warnings, to standard error."""
    from runner.cli.problems import text_of

    for file in checked.valid:
        click.echo(f"{file}: valid")
    for problem in checked.problems:
        if not _is_error(problem):
            click.echo(invocation.redactor.text(text_of(problem)), err=True)


def _document(checked: Checked, output: Literal["json", "sarif"]) -> str:
    from runner.cli.problems import data_of
    from runner.cli.sarif import sarif

    content = sarif(checked.problems) if output == "sarif" else data_of(checked.files, checked.problems)
    return json.dumps(content, indent=2, ensure_ascii=False)
