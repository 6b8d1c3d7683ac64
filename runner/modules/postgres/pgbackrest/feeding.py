"""A backup onto a host by pgBackRest, and WAL for the server that recovers it, fetched ahead by pgBackRest too."""

from __future__ import annotations

import io
import posixpath
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from runner.errors import VerificationFailed
from runner.hosts.contract import Script, command
from runner.modules.contract import Acting
from runner.modules.postgres import space
from runner.modules.postgres.pgbackrest.choosing import Chosen
from runner.modules.postgres.pgbackrest.configuration import FILE, Files, Stanza
from runner.modules.postgres.pgbackrest.info import tablespaces
from runner.modules.postgres.pgbackrest.program import run, said, write
from runner.modules.postgres.physical.side import Side

# Its 1 is a file that is not there. What it says by any other status up to 125 PostgreSQL would take for the
# end of the log too, and recovery would end early without a word.
_GET: Final = """
directory=$1 name=$2 path=$3 stanza=$4
pgbackrest --config="$directory/pgbackrest.conf" --stanza="$stanza" archive-get "$name" "$path"
case $? in
  0) echo "$name" >>"$directory/taken" ;;
  1) echo "$name" >>"$directory/asked"; exit 1 ;;
  *) exit 254 ;;
esac
"""
_MAKE: Final = Script("""
umask 077
mkdir -- "$1" "$1/lock" "$1/async" && : >"$1/taken" && : >"$1/asked"
""")
_DATA: Final = Script('umask 077; rm -rf -- "$1" && mkdir -p -- "$@"')
_NO_SIGNALS: Final = Script('rm -f -- "$1/recovery.signal" "$1/standby.signal"')


class BackrestFeed:
    """What goes to one recovering server; see physical.replay.Feed."""

    error: BaseException | None = None

    def __init__(self, side: Side, stanza: Stanza) -> None:
        self._side = side
        self._stanza = stanza

    def prepare(self) -> None:
        """The configuration and the script, before anything is restored."""
        host, directory = self._side.host, self._side.feed
        host.run(Script(_MAKE.text, (directory,)))
        # Locks of its own: the live server's archiver may hold those of the stanza.
        write(host, directory, self._stanza.text(Files(self._side.data), directory))
        host.put(io.BytesIO(_GET.encode()), posixpath.join(directory, "get"))

    @property
    def restore_command(self) -> str:
        return f'sh "{self._side.feed}/get" "{self._side.feed}" "%f" "%p" "{self._stanza.name}"'

    @property
    def taken(self) -> Sequence[str]:
        return self._lines("taken")

    @property
    def asked(self) -> Collection[str]:
        return self._lines("asked")

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """pgBackRest fetches by itself."""
        yield

    def _lines(self, name: str) -> Sequence[str]:
        return self._side.host.read(f"{self._side.feed}/{name}").decode().split()


def restore(at: Acting, stanza: Stanza, chosen: Chosen, side: Side) -> BackrestFeed:
    """The backup's files in `side.data`, each compared with its checksum by pgBackRest; the feed for what comes next.

    Tablespaces go beside their old places, into new directories. VerificationFailed if it cannot be restored.
    """
    needed = [space.Need(posixpath.dirname(side.room), chosen.backup.size)]
    space.check(side.files.query, lambda path: command("df", "-P", "-k", "--", path), needed, side.files.name)
    feed = BackrestFeed(side, stanza)
    feed.prepare()
    moved = _moved(tablespaces(side.host, stanza, chosen.id), chosen.id)
    side.files.run(Script(_DATA.text, (side.data, *moved.values())))
    maps = [f"--tablespace-map={oid}={path}" for oid, path in moved.items()]
    at.progress("pgbackrest restore", 0, chosen.backup.size)
    done = run(side.host, stanza, f"{side.feed}/{FILE}", f"--set={chosen.id}", "--type=none", *maps, "restore")
    if not done.ok:
        raise VerificationFailed(
            f"backup {chosen.id} cannot be restored: {said(done)}",
            where=f"{side.files.name}, {stanza.where}",
            hint="nothing was replaced; try another backup, and look at this one with backup_verify, level: full",
        )
    # Whoever recovers says how; pgBackRest leaves a signal of its own, whatever `--type` is.
    side.files.run(Script(_NO_SIGNALS.text, (side.data,)))
    return feed


def _moved(places: Mapping[int, str], backup: str) -> Mapping[int, str]:
    return {oid: f"{path.rstrip('/')}.{backup}" for oid, path in places.items()}
