"""Asking for passwords: on the terminal without echo, else a line of standard input."""

from __future__ import annotations

import getpass
import sys

from runner.errors import UsageError
from runner.secret import Redactor, Secret


def ask(prompt: str, redactor: Redactor) -> Secret:
    """The password somebody typed or piped in, known to the redactor; UsageError if there is none."""
    text = getpass.getpass(f"{prompt}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    if not text:
        raise UsageError(f"{prompt}: nothing was given", hint="type it at the prompt, or pipe it in as a line")
    redactor.register(text)
    return Secret(text)
