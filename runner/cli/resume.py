"""`sentraplay resume`: go on with a run that was broken off."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runner.cli import options
from runner.cli.carrying import Carrying, passwords_from
from runner.cli.files import absolute, existing, existing_inventories
from runner.cli.invocation import Invocation
from runner.cli.keys import GivenKeys, given, keys_from
from runner.errors import Refused, UsageError

if TYPE_CHECKING:
    from runner.journal import Journal, RunRecord
    from runner.plan import Options


@click.command()
@click.argument("run", required=False)
@options.other_inventories
@options.variables
@options.yes
@options.break_lock
@click.option(
    "--settle",
    metavar="PATH=again|done",
    multiple=True,
    help="Decide about a task that was cut off and may not simply be repeated (`resume: stop`).",
)
@options.output
@options.journal
@options.passwords
@given
@options.verbose
@click.pass_obj
def resume(
    invocation: Invocation,
    run: str | None,
    inventories: tuple[str, ...],
    extra: tuple[str, ...],
    yes: bool,
    break_lock: tuple[str, ...],
    settle: tuple[str, ...],
    output: options.Output,
    journal: Path | None,
    ask_become_pass: bool,
    ask_pass: bool,
    verbose: int,
    keys: GivenKeys,
) -> int:
    """Go on with a run that was broken off.

    RUN is its id; without one, it is the latest that did not end well. The playbook, inventory and
    options are those it was started with; extra variables and passwords are not kept and must be given
    again. What was done is not done again; what was cut off, or failed, is.
    """
    inventories = tuple(map(absolute, existing_inventories(inventories)))
    opening = keys_from(invocation, keys)
    variables = options.extra_variables(extra, opening)
    decisions = _decisions(settle)
    passwords = passwords_from(invocation, ask_pass, ask_become_pass)
    with options.opened(journal.absolute() if journal else None) as opened:
        record = _wanted(opened, run)
        opened.claim(record.run)
        wanted = replace(_options(record, variables), yes=yes, break_lock=break_lock, settle=decisions)
        _enter(record)
        started_with = existing_inventories(_listed(record.options, "inventories"))
        carrying = Carrying(invocation, inventories or started_with, wanted, passwords, opening)
        (planned,) = carrying.plans(existing("playbook", (Path(record.playbook),)))

        from runner.engine.recollect import recollect, refuse_changed_plan
        from runner.wiring.assembly import Earlier

        done = recollect(opened.events(record.run))
        refuse_changed_plan(done, planned[0].fingerprint)
        with options.watching(output, verbose, wanted.diff) as watching:
            return carrying.carry_out(planned, opened, watching, Earlier(record.run, done))


def _wanted(journal: Journal, run: str | None) -> RunRecord:
    record = next((found for found in journal.runs() if found.run == run), None) if run else journal.latest_unfinished()
    if record is None:
        message = f"the journal has no run {run}" if run else "there is no run to go on with"
        raise Refused(message, hint="`sentraplay runs list` shows those it has")
    if not record.resumable and not record.alive:
        raise Refused(f"the run {record.run} ended well", why="there is nothing left to do")
    if record.options.get("check"):
        raise Refused(
            f"the run {record.run} was in check mode", why="it did nothing, so there is nothing to go on with"
        )
    return record


def _decisions(settle: tuple[str, ...]) -> dict[str, str]:
    decided: dict[str, str] = {}
    for text in settle:
        path, equals, word = text.rpartition("=")
        if not equals or word not in ("again", "done"):
            hint = "write the task's path, then =again or =done: --settle 'plays[0].tasks[3]=done'"
            raise UsageError(f"--settle {text}: this decides nothing", hint=hint)
        decided[path] = word
    return decided


def _options(record: RunRecord, variables: Mapping[str, object]) -> Options:
    from runner.plan import Options

    missing = sorted(set(_listed(record.options, "extra_vars")) - set(variables))
    if missing:
        raise UsageError(
            f"the run was started with -e for {', '.join(missing)}",
            why="values of extra variables are not kept, because they are often secrets",
            hint="give them again: sentraplay resume " + " ".join(f"-e {name}=…" for name in missing),
        )
    limit, forks = record.options.get("limit"), record.options.get("forks")
    return Options(
        limit=str(limit) if limit is not None else None,
        tags=_listed(record.options, "tags"),
        skip_tags=_listed(record.options, "skip_tags"),
        extra_vars=variables,
        diff=bool(record.options.get("diff")),
        forks=forks if isinstance(forks, int) else 10,
    )


def _listed(recorded: Mapping[str, object], name: str) -> tuple[str, ...]:
    found = recorded.get(name)
    return tuple(str(item) for item in found) if isinstance(found, (list, tuple)) else ()


def _enter(record: RunRecord) -> None:
    """Go where the run was started, so that every relative path means what it meant."""
    directory = str(record.options.get("directory") or ".")
    try:
        os.chdir(directory)
    except OSError as error:
        raise Refused(
            f"the run was started in {directory}, which cannot be entered: {error.strerror}",
            hint="bring the directory back, or start a new run",
        ) from error
