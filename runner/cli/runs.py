"""`sentraplay runs`: what the journal remembers."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from runner.cli import options
from runner.cli.lazy import Entry, LazyGroup
from runner.cli.tables import table
from runner.errors import ExitCode

if TYPE_CHECKING:
    from runner.journal import RunRecord

HEADINGS: Final = ("RUN", "STARTED (UTC)", "TOOK", "STATE", "PLAYBOOK")


@click.command("list")
@options.journal
@options.output
def list_runs(journal: Path | None, output: str) -> None:
    """List the runs, the latest first, with how each ended."""
    with options.opened(journal) as opened:
        records = opened.runs()
    if output == "json":
        for record in records:
            click.echo(json.dumps({**asdict(record), "state": state_of(record)}))
    elif records:
        click.echo("\n".join(table([HEADINGS, *(_row(record) for record in records)])))


@click.command()
@click.argument("run")
@options.journal
@options.output
@click.option("-v", "--verbose", count=True, help="Show results too (-vv).")
@click.option("--diff", is_flag=True, help="Show what changed in files.")
def show(run: str, journal: Path | None, output: str, verbose: int, diff: bool) -> None:
    """Show what RUN did, as it was shown while it ran."""
    from runner.render.jsonlines import JsonLines
    from runner.render.plain import Plain
    from runner.render.story import Story

    with options.opened(journal) as opened:
        events = opened.events(run)
    story = Story(verbosity=verbose, diff=diff)
    renderer = JsonLines(sys.stdout) if output == "json" else Plain(sys.stdout, sys.stderr, story)
    for event in events:
        renderer(event)


runs = LazyGroup(
    name="runs",
    help="List past runs, show what one did.",
    entries={
        "list": Entry("List the runs, the latest first, with how each ended.", lambda: list_runs),
        "show": Entry("Show what RUN did, as it was shown while it ran.", lambda: show),
    },
)


def state_of(record: RunRecord) -> str:
    """One word or two for how a run stands."""
    if record.alive:
        return "running"
    if record.exit_code is None:
        return "broken off"
    if record.exit_code == ExitCode.OK:
        return "ok"
    return "interrupted" if record.exit_code == ExitCode.INTERRUPTED else f"failed ({record.exit_code})"


def _row(record: RunRecord) -> tuple[str, ...]:
    from runner.units import human_seconds

    started = datetime.fromtimestamp(record.started_at, UTC).strftime("%Y-%m-%d %H:%M:%S")
    took = human_seconds(record.finished_at - record.started_at) if record.finished_at else ""
    return (record.run, started, took, state_of(record), record.playbook)
