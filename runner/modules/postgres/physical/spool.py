"""The directory a server archives into, on the host that ships it: the server's own, and nobody else's."""

from __future__ import annotations

import posixpath
from typing import Final

from runner.backup.wal.shipping import IDENTIFIER
from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Command, Host, Reader, Script
from runner.modules.postgres.physical.cluster import Owner, owner_of
from runner.modules.postgres.programs import compose_project
from runner.modules.postgres.session import Postgres

_MAKE: Final = Script("""
umask 077
mkdir -p -- "$1" && chmod 700 -- "$1" || exit
[ "$(stat -c %u:%g -- "$1")" = "$2" ] || chown -- "$2" "$1" || exit
[ "$(cat "$1/$4" 2>/dev/null)" = "$3" ] && exit
[ ! -e "$1/$4" ] || { echo "it is of another cluster: $(cat "$1/$4")" >&2; exit 1; }
echo "$3" >"$1/.$4" && chown -- "$2" "$1/.$4" && mv -- "$1/.$4" "$1/$4"
""")
_STATE: Final = Script('stat -c "%a %u:%g" -- "$1" && cat -- "$1/$2"')
_IN_SERVER: Final = 'stat -c "%u:%g" -- "$1"'
_TRY: Final = 't="$1/.sentraplay.$$"; : >"$t" && rm -f -- "$t"'


@frozen
class Spool:
    """`directory` is its path on the host, `inside` as the server sees it."""

    directory: str
    inside: str


def server_owner(server: Postgres, data_directory: str) -> Owner:
    """Whose files the server writes."""
    compose = server.server.compose
    if compose is None:
        return owner_of(server.host, data_directory)
    call = compose_project(server.host, compose).exec(compose.service, "sh", "-c", _IN_SERVER, "sh", data_directory)
    return Owner(server.host.query(call).stdout.strip(), "")


def is_ready(reader: Reader, spool: Spool, owner: Owner, system_identifier: str) -> bool:
    """Whether the directory is there, the server's own, closed to others, and says whose WAL it holds."""
    found = reader.query(Script(_STATE.text, (spool.directory, IDENTIFIER)), check=False)
    return found.ok and found.stdout.split() == ["700", owner.ids, system_identifier]


def make_ready(host: Host, spool: Spool, owner: Owner, system_identifier: str) -> None:
    """TaskFailed if it cannot be, or holds another cluster's WAL."""
    name = posixpath.basename(IDENTIFIER)
    made = host.run(Script(_MAKE.text, (spool.directory, owner.ids, system_identifier, name)), check=False)
    if not made.ok:
        raise TaskFailed(
            f"the WAL spool {spool.directory} cannot be used: {made.stderr.strip()}",
            where=host.name,
            hint="work as root, or give the server's user a directory it owns; each cluster needs a spool of its own",
        )


def check_writable(server: Postgres, spool: Spool, host: Host) -> None:
    """TaskFailed unless the server's container can write into it."""
    compose = server.server.compose
    if compose is None:
        return
    project = compose_project(server.host, compose)
    call = project.exec(compose.service, "sh", "-c", _TRY, "sh", spool.inside, user="postgres")
    tried = host.run(Command(call.argv, cwd=call.cwd), check=False)
    if not tried.ok:
        raise TaskFailed(
            f"the server cannot write to {spool.inside}: {tried.stderr.strip()[-200:]}",
            where=server.where,
            hint=f"mount {spool.directory} there in the compose file, and recreate the service",
        )
