"""pgBackRest called on a host: what only reads, as the task's user; the rest as the cluster's own."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from runner.errors import TaskFailed
from runner.hosts.contract import Host, Reader, Result, Script, command
from runner.modules.postgres.pgbackrest.configuration import FILE, Stanza

_HAS: Final = Script("command -v pgbackrest >/dev/null")
_ERROR: Final = re.compile(r"ERROR: (\[\d+\]: .*(?:\n {6,}.*)*)")


def check_there(reader: Reader) -> None:
    """TaskFailed if it is not installed."""
    if not reader.query(_HAS, check=False).ok:
        raise TaskFailed(
            "pgBackRest is not there",
            where=reader.name,
            hint="install the package pgbackrest, or leave `engine` out: SentraPlay's own needs nothing",
        )


def read(reader: Reader, stanza: Stanza, *words: str) -> str:
    """What a call that only reads prints. The configuration goes in by stdin, so that there is no file of it."""
    check_there(reader)
    call = command("pgbackrest", "--config=/dev/stdin", f"--stanza={stanza.name}", *words)
    found = reader.query(call, stdin=stanza.text().encode(), check=False)
    if not found.ok:
        raise TaskFailed(f"pgbackrest {words[-1]} failed: {said(found)}", where=f"{reader.name}, {stanza.where}")
    return found.stdout


@contextmanager
def configured(owner: Host, text: str) -> Iterator[str]:
    """The path of a configuration file that only the cluster's user can read, while the context is open."""
    with owner.private_directory() as room:
        yield write(owner, room, text)


def write(owner: Host, directory: str, text: str) -> str:
    """Put a configuration there; its path."""
    path = f"{directory}/{FILE}"
    owner.put(io.BytesIO(text.encode()), path)
    return path


def run(owner: Host, stanza: Stanza, configuration: str, *words: str) -> Result:
    """A call that does something; it is for the caller to say what a failure means."""
    options = ("--log-level-console=info", "--log-level-stderr=error")
    return owner.run(
        command("pgbackrest", f"--config={configuration}", f"--stanza={stanza.name}", *options, *words), check=False
    )


def said(result: Result) -> str:
    """Why it failed, in its own words and on one line."""
    found = _ERROR.findall(result.stderr) or _ERROR.findall(result.stdout)
    text = found[-1] if found else (result.stderr.strip() or f"exit status {result.exit_code}")[-400:]
    return " ".join(str(text).split())
