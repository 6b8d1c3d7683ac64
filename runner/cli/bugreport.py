"""A bug of ours: everything needed to find it goes into a file, one line to the user."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import traceback
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Final

from runner import __version__
from runner.cli.invocation import Invocation
from runner.cli.state import reports_directory
from runner.secret import MASK

PACKAGES: Final = ("boto3", "click", "fabric", "jinja2", "jsonschema", "paramiko", "psycopg", "pyyaml", "rich")


def write_report(error: BaseException, invocation: Invocation) -> str:
    """Write the report (mode 0600) and return the line for the user that says where it is."""
    said = f"error: SentraPlay failed by a bug of its own ({type(error).__name__})."
    text = invocation.redactor.text("\n".join(_content(error, invocation)))
    for directory in (reports_directory(), Path(tempfile.gettempdir())):
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, name = tempfile.mkstemp(prefix="sentraplay-bug-", suffix=".txt", dir=directory, text=True)
            with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
        except OSError:
            continue
        return f"{said} The report to send us, free of secrets we know of: {name}"
    return f"{said} No report could be written:\n{text}"


def _content(error: BaseException, invocation: Invocation) -> Iterator[str]:
    yield f"SentraPlay {__version__}, Python {sys.version.split()[0]}, {platform.platform()}"
    yield ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    yield "command: sentraplay " + " ".join(_masked(invocation.argv))
    yield ""
    yield "".join(traceback.format_exception(error))


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "missing"


def _masked(argv: tuple[str, ...]) -> Iterator[str]:
    """The command line without the values of extra variables, which are often credentials."""
    value_follows = False
    for word in argv:
        if value_follows:
            yield _masked_variable(word)
        elif word.startswith("--extra-vars="):
            yield "--extra-vars=" + _masked_variable(word.partition("=")[2])
        elif word.startswith("-e") and word != "-e":
            yield "-e" + _masked_variable(word[2:])
        else:
            yield word
        value_follows = word in ("-e", "--extra-vars")


def _masked_variable(text: str) -> str:
    if text.startswith("@"):
        return text
    name, equals, _ = text.partition("=")
    return f"{name}={MASK}" if equals and name.isidentifier() else MASK
