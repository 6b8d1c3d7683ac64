"""Errors -> what people read on standard error, and the exit code. The only place that does this."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from runner.cli.bugreport import write_report
from runner.cli.invocation import Invocation
from runner.cli.problems import text_of
from runner.errors import ExitCode, Interrupted, InvalidInput, SentraPlayError


def report(error: BaseException, invocation: Invocation) -> int:
    """Print `error` with every known secret masked; returns the exit code it stands for."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    code, lines = _told(error, invocation)
    text = invocation.redactor.text("\n".join(lines))
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except OSError:
        pass  # Nobody can be told any more; the exit code still says it.
    return code


def _told(error: BaseException, invocation: Invocation) -> tuple[int, Iterator[str]]:
    if isinstance(error, click.exceptions.Abort | KeyboardInterrupt | Interrupted):
        return ExitCode.INTERRUPTED, iter(["interrupted"])
    if isinstance(error, InvalidInput):
        return error.exit_code, _invalid(error)
    if isinstance(error, SentraPlayError):
        return error.exit_code, _failed(error)
    if isinstance(error, click.ClickException):
        return ExitCode.USAGE, _misused(error)
    return ExitCode.BUG, iter([write_report(error, invocation)])


def _invalid(error: InvalidInput) -> Iterator[str]:
    for problem in error.problems:
        yield text_of(problem)
    count = len(error.problems)
    yield f"{count} problem{'s' if count > 1 else ''} found; nothing was touched."


def _failed(error: SentraPlayError) -> Iterator[str]:
    yield f"error: {error}"
    if error.why:
        yield f"  why:  {error.why}"
    if error.hint:
        yield f"  hint: {error.hint}"


def _misused(error: click.ClickException) -> Iterator[str]:
    context = error.ctx if isinstance(error, click.UsageError) else None
    yield f"error: {error.format_message()}"
    yield f"  hint: {context.command_path if context else 'sentraplay'} --help shows what can be given"
