"""Where a recovered cluster stays beside the live one, to look around in.

Its files, configuration and socket are in a directory of their own in the cluster's room. What it is at is written
down beside them last of all: without that, whatever lies there is only leftovers and is thrown away.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from typing import Final

from runner.errors import Refused
from runner.frozen import frozen
from runner.hosts.contract import Script, command
from runner.modules.contract import Acting
from runner.modules.postgres.physical import side
from runner.modules.postgres.physical.cluster import Cluster
from runner.modules.postgres.physical.side import Side
from runner.modules.postgres.server import Server

_DIRECTORY: Final = "explored"
_STATE: Final = "state.json"
# A Unix socket's whole path has room for 107 bytes (unix(7)); the file's own name takes 14 of them.
_SOCKET_ROOM: Final = 93
_MAKE: Final = Script("""
umask 077
mkdir -p -- "$1" && chown -- "$3" "$1" && rm -rf -- "$2" && mkdir -- "$2" && chown -- "$3" "$2"
""")
_REMOVE: Final = Script('rm -rf -- "$2"; rmdir -- "$1" 2>/dev/null || :')


@frozen
class Explored:
    """What is there: the backup it began with, its target in words, and where it stopped."""

    backup: str
    target: str
    lsn: str
    last_commit: str


@frozen
class Explorer:
    """The place of one cluster's exploration; `room` is the cluster's."""

    at: Acting
    cluster: Cluster
    room: str
    server: Server

    @property
    def directory(self) -> str:
        return f"{self.room}/{_DIRECTORY}"

    @property
    def container(self) -> str:
        """Its container, where the cluster is a compose service's."""
        return f"sentraplay-explored-{hashlib.sha256(self.directory.encode()).hexdigest()[:16]}"

    def found(self) -> Explored | None:
        """What is there; None if nothing is, or only leftovers (a container ends with its host, or after a week)."""
        if self.at.host.stat(f"{self.directory}/{_STATE}") is None or not self._has_container():
            return None
        try:
            return Explored(**json.loads(self.at.host.read(f"{self.directory}/{_STATE}")))
        except (ValueError, TypeError):  # of another version, which anew is as good as any
            return None

    def _has_container(self) -> bool:
        if self.server.compose is None:
            return True
        return self.at.host.query(command("docker", "container", "inspect", self.container), check=False).ok

    def write(self, state: Explored) -> None:
        text = json.dumps({name: getattr(state, name) for name in Explored.__match_args__})
        self.at.host.put(io.BytesIO(text.encode()), f"{self.directory}/{_STATE}")

    def aside(self, major: int) -> Side:
        """The side cluster, whether its server is up or not."""
        data = f"{self.directory}/data"
        if self.server.compose is not None:
            return side.in_named_container(
                self.at, self.cluster, self.directory, data, self.server, major, self.container
            )
        return side.natively(self.at, self.cluster, self.directory, data, self.directory, self.server, major)

    def make(self) -> None:
        """An empty place. Refused if a server could not listen there."""
        if self.server.compose is None and len(self.directory.encode()) > _SOCKET_ROOM:
            raise Refused(
                f"the path {self.directory} is too long for a server's socket",
                where=self.at.host.name,
                why=f"it may have {_SOCKET_ROOM} bytes",
                hint="recover into the live cluster's place instead (state: restored), and roll back if it is wrong",
            )
        self.at.host.run(Script(_MAKE.text, (self.room, self.directory, self.cluster.owner.ids)))
        if self.server.compose is not None:
            side.start_container(self.at, self.cluster, self.directory, self.server, self.container)

    def remove(self) -> bool:
        """End its server and remove everything of it; whether there was anything."""
        if self.at.host.stat(self.directory) is None:
            return False
        if self.server.compose is not None:
            side.end_container(self.at.host, self.container)
        elif (major := self._major()) is not None:
            side.stop(self.aside(major), "immediate")
        self.at.host.run(Script(_REMOVE.text, (self.room, self.directory)))
        return True

    def _major(self) -> int | None:
        path = f"{self.directory}/data/PG_VERSION"
        return None if self.at.host.stat(path) is None else int(self.at.host.read(path))

    def psql(self, aside: Side, database: str) -> Sequence[str]:
        """How somebody at the host looks around."""
        words = ("psql", "-h", aside.sockets, "-p", "5432", "-U", aside.user, database)
        if self.server.compose is not None:
            return ("docker", "exec", "-it", "-u", self.cluster.owner.ids, self.container, *words)
        return ("sudo", "-u", _name(self.cluster), *aside.programs.command(*words).argv)


def _name(cluster: Cluster) -> str:
    """As sudo takes it; a number where it has no name."""
    return cluster.owner.name if cluster.owner.name != "UNKNOWN" else f"#{cluster.owner.ids.partition(':')[0]}"
