"""`sentraplay run`: check playbooks, then carry them out."""

from __future__ import annotations

from pathlib import Path

import click

from runner.cli import options
from runner.cli.carrying import Carrying, passwords_from
from runner.cli.files import existing, existing_inventories
from runner.cli.invocation import Invocation
from runner.cli.keys import GivenKeys, given, keys_from
from runner.cli.limits import limit_of
from runner.errors import ExitCode


@click.command()
@options.playbooks
@options.inventories
@options.limits
@click.option("--tags", "-t", metavar="TAG,...", multiple=True, help="Only tasks with one of these tags.")
@click.option("--skip-tags", metavar="TAG,...", multiple=True, help="No task with one of these tags.")
@options.variables
@click.option("--check", "-C", is_flag=True, help="Say what would be changed and change nothing.")
@click.option("--diff", "-D", is_flag=True, help="Show what changes in files.")
@click.option(
    "--forks",
    "-f",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="On how many hosts to work at the same time.",
)
@options.yes
@options.break_lock
@options.output
@options.journal
@options.passwords
@given
@options.verbose
@click.pass_obj
def run(
    invocation: Invocation,
    playbooks: tuple[Path, ...],
    inventories: tuple[str, ...],
    limits: tuple[str, ...],
    tags: tuple[str, ...],
    skip_tags: tuple[str, ...],
    extra: tuple[str, ...],
    check: bool,
    diff: bool,
    forks: int,
    yes: bool,
    break_lock: tuple[str, ...],
    output: options.Output,
    journal: Path | None,
    ask_become_pass: bool,
    ask_pass: bool,
    verbose: int,
    keys: GivenKeys,
) -> int:
    """Check playbooks, then carry them out.

    Everything that can be wrong with any of them is reported before the first host is touched. They
    are carried out in the order given; the first that fails ends the whole.
    """
    existing("playbook", playbooks)
    existing_inventories(inventories)
    from runner.plan import Options

    opening = keys_from(invocation, keys)
    limit = limit_of(limits)
    wanted = Options(
        limit=limit.pattern,
        limit_places=limit.places,
        tags=options.split(tags),
        skip_tags=options.split(skip_tags),
        extra_vars=options.extra_variables(extra, opening),
        check=check,
        diff=diff,
        forks=forks,
        yes=yes,
        break_lock=break_lock,
    )
    passwords = passwords_from(invocation, ask_pass, ask_become_pass)
    carrying = Carrying(invocation, inventories, wanted, passwords, opening)
    plans = carrying.plans(playbooks)
    with options.opened(journal) as opened, options.watching(output, verbose, diff) as watching:
        for planned in plans:
            code = carrying.carry_out(planned, opened, watching)
            if code != ExitCode.OK:
                return code
    return ExitCode.OK
