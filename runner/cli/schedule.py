"""`sentraplay schedule`: jobs that run by themselves, put into effect, looked at, removed, tried."""

from __future__ import annotations

import json
from typing import Final

import click

from runner.cli import options
from runner.cli.invocation import Invocation
from runner.cli.lazy import Entry, LazyGroup
from runner.cli.repository import Opener, opens_repositories
from runner.cli.tables import table
from runner.errors import UsageError

PLAYBOOK: Final = "playbooks/schedule.yml"
HEADINGS: Final = ("JOB", "BY", "WHEN", "NEXT", "LAST", "RESULT")

_host = click.option("--host", metavar="NAME", default="localhost", show_default=True, help="On which host.")


@click.command("install", context_settings={"ignore_unknown_options": True})
@click.option("--playbook", metavar="FILE", default=PLAYBOOK, show_default=True, help="The playbook with the jobs.")
@click.argument("others", nargs=-1, type=click.UNPROCESSED, metavar="[OPTIONS OF run]")
@click.pass_obj
def install(invocation: Invocation, playbook: str, others: tuple[str, ...]) -> int:
    """Put a playbook's jobs into effect: `run` of playbooks/schedule.yml, whose options it takes."""
    from runner.cli.run import run

    ended: int = run.main(args=[playbook, *others], prog_name="sentraplay run", standalone_mode=False, obj=invocation)
    return ended


@click.command("list")
@_host
@options.output
@opens_repositories
def list_jobs(host: str, output: options.Output, opener: Opener) -> None:
    """Show the jobs on a host: when they run, when next, and how they ended last."""
    from runner.modules.schedule.running import states

    with opener.host(host) as opened:
        found = states(opened)
    if output == "json":
        for one in found:
            click.echo(json.dumps({name: getattr(one, name) for name in one.__dataclass_fields__}))
        return
    rows = [(one.name, one.backend, one.when, one.next, one.last, one.result) for one in found]
    click.echo("\n".join(table([HEADINGS, *rows])) if rows else "no jobs")


@click.command("remove")
@click.argument("name", required=False)
@click.option("--all", "every", is_flag=True, help="Every job of SentraPlay there.")
@_host
@opens_repositories
def remove_job(name: str | None, every: bool, host: str, opener: Opener) -> None:
    """Let the job NAME, or all, not run again. One that is running goes on to its end."""
    from runner.modules.schedule.places import installed
    from runner.modules.schedule.running import find
    from runner.modules.schedule.schedule import unschedule

    if bool(name) == every:
        raise UsageError("name the job, or say --all", hint="sentraplay schedule list shows them")
    with opener.host(host) as opened:
        for one in installed(opened) if every else [find(opened, str(name))]:
            unschedule(opened, one.name, one.backend)
            click.echo(f"{one.name}: removed")


@click.command("run-now")
@click.argument("name")
@_host
@opens_repositories
def run_job(name: str, host: str, opener: Opener) -> None:
    """Start the job NAME as its scheduler would, and wait for its end."""
    from runner.modules.schedule.running import run_now

    with opener.host(host) as opened:
        run_now(opened.view(on_output=lambda stream, line: click.echo(line, err=stream == "stderr")), name)


schedule = LazyGroup(
    name="schedule",
    help="Put backups, verification and pruning on a timetable.",
    entries={
        "install": Entry(
            "Put a playbook's jobs into effect: `run` of playbooks/schedule.yml, whose options it takes.",
            lambda: install,
        ),
        "list": Entry("Show the jobs on a host: when they run, when next, and how they ended last.", lambda: list_jobs),
        "remove": Entry(
            "Let the job NAME, or all, not run again. One that is running goes on to its end.", lambda: remove_job
        ),
        "run-now": Entry("Start the job NAME as its scheduler would, and wait for its end.", lambda: run_job),
    },
)
