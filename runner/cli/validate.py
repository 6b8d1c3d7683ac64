"""`sentraplay validate`: every problem of playbooks and inventory, without a host being touched."""

from __future__ import annotations

from pathlib import Path

import click

from runner.cli import options
from runner.cli.files import existing
from runner.cli.invocation import Invocation
from runner.errors import InvalidInput, Problem, Severity


@click.command()
@options.playbooks
@options.inventories
@click.pass_obj
def validate(invocation: Invocation, playbooks: tuple[Path, ...], inventories: tuple[Path, ...]) -> None:
    """Check playbooks without touching any host.

    Reports everything that is wrong at once, as file:line:column with a hint. With an inventory,
    hosts, groups, variables and repositories are checked against it too.
    """
    from runner.inventory import load_inventory
    from runner.plan import check_playbook

    existing("playbook", playbooks)
    inventory = load_inventory(existing("inventory", inventories)) if inventories else None
    problems: list[Problem] = []
    for playbook in playbooks:
        found = check_playbook(playbook, inventory)
        problems += found
        if not any(problem.severity is Severity.ERROR for problem in found):
            click.echo(f"{playbook}: valid")
    show_warnings(problems, invocation)
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    if errors:
        raise InvalidInput(errors)


def show_warnings(problems: list[Problem], invocation: Invocation) -> None:
    """Print the warnings among `problems` to standard error."""
    from runner.cli.problems import text_of

    for problem in problems:
        if problem.severity is Severity.WARNING:
            click.echo(invocation.redactor.text(text_of(problem)), err=True)
