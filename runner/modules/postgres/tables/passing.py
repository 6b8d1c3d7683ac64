"""What a client program writes, into a private file of the host, and from there into another client program.

Each of the two gets the password as the first line of its stdin; joined directly the second could not.
"""

from __future__ import annotations

from typing import Final

from runner.hosts.contract import Command, Host, Pipeline, Script
from runner.modules.postgres.session import Postgres

_INTO: Final = 'umask 077; exec cat >"$1"'
# The password line first, which is all that stdin holds; then the file.
_FROM: Final = 'cat; exec cat <"$1"'


def take(host: Host, server: Postgres, program: Command, path: str) -> None:
    """Run `program` and keep what it writes in `path`; CommandFailed like `Host.run`."""
    _quiet(host, Pipeline((program, Script(_INTO, (path,)))), server)


def give(host: Host, server: Postgres, path: str, program: Command) -> None:
    """Run `program` with the content of `path` as its input; CommandFailed like `Host.run`."""
    _quiet(host, Pipeline((Script(_FROM, (path,)), program)), server)


def _quiet(host: Host, what: Pipeline, server: Postgres) -> None:
    host.view(on_output=_silent).run(what, stdin=server.password_line)


def _silent(stream: str, line: str) -> None:
    """Rows and schemas are not shown."""
