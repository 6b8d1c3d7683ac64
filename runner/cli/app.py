"""The table of commands, and the one place where every way of ending is turned into an exit code."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Final

import click

from runner import __version__
from runner.cli.invocation import Invocation
from runner.cli.lazy import Entry, LazyGroup
from runner.errors import ExitCode

PROGRAM: Final = "sentraplay"


def _run() -> click.Command:
    from runner.cli.run import run

    return run


def _resume() -> click.Command:
    from runner.cli.resume import resume

    return resume


def _runs() -> click.Command:
    from runner.cli.runs import runs

    return runs


def _validate() -> click.Command:
    from runner.cli.validate import validate

    return validate


def _inventory() -> click.Command:
    from runner.cli.inventory import inventory

    return inventory


def _doc() -> click.Command:
    from runner.cli.doc import doc

    return doc


def _schedule() -> click.Command:
    from runner.cli.schedule import schedule

    return schedule


def _bootstrap() -> click.Command:
    from runner.cli.bootstrap import bootstrap

    return bootstrap


def _backups() -> click.Command:
    from runner.cli.backups import backups

    return backups


def _vault() -> click.Command:
    from runner.cli.vault import vault

    return vault


def _demo() -> click.Command:
    from runner.cli.demo import demo

    return demo


def application() -> click.Group:
    """The whole command line; nothing but click is imported until a command is chosen."""
    group = LazyGroup(
        help="Back up, verify, restore and rebuild PostgreSQL services from playbooks, over SSH.",
        entries={
            "run": Entry("Check playbooks, then carry them out.", _run),
            "resume": Entry("Go on with a run that was broken off.", _resume),
            "runs": Entry("List past runs, show what one did.", _runs),
            "validate": Entry("Check playbooks without touching any host.", _validate),
            "inventory": Entry("Show the hosts, groups and variables of an inventory.", _inventory),
            "doc": Entry("Show the modules, one module in full, or what a kind of problem means.", _doc),
            "backups": Entry("List, show, copy and look after the backups of a repository.", _backups),
            "schedule": Entry("Put backups, verification and pruning on a timetable.", _schedule),
            "bootstrap": Entry(
                "Bring playbooks, inventory and manifests back from REPOSITORY into the empty DIRECTORY.", _bootstrap
            ),
            "vault": Entry("Encrypt, look at, edit and rekey values and files.", _vault),
            "demo": Entry("Watch a throw-away service be lost and recovered.", _demo),
        },
    )
    return click.version_option(__version__, prog_name=PROGRAM, help="Show the version.")(group)


def execute(argv: tuple[str, ...]) -> int:
    """Run a command line; returns what the process must end with. Never raises."""
    for stream in (sys.stdout, sys.stderr):
        _write_whatever_comes(stream)
    invocation = Invocation(argv)
    try:
        ending = application().main(args=list(argv), prog_name=PROGRAM, standalone_mode=False, obj=invocation)
        sys.stdout.flush()
        return int(ending or ExitCode.OK)
    except (BrokenPipeError, SystemExit):
        # The reader had seen enough (`| head`), which click answers with SystemExit, as it does a shell that
        # asks for completions. The interpreter must not stumble over the closed pipe again at its end.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 the last place where anything can be told
        from runner.cli.failures import report

        return report(error, invocation)


def _write_whatever_comes(stream: object) -> None:
    """A name that the terminal's encoding lacks shows as an escape instead of ending the run."""
    import io

    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
