"""From a host's spool directory into the repository; a file leaves the spool once it is safe there.

A spool is where `archive_command` (or pg_receivewal) leaves finished files. Each is stored under its
content's sha256, so sending one again changes nothing, and being cut off anywhere loses nothing.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from runner.backup.compression import Compression
from runner.backup.encryption import sealing
from runner.backup.transfer import store
from runner.backup.wal.archive import WalArchive
from runner.backup.wal.names import HEADER, is_archived_name, is_segment, read_header
from runner.backup.writer import joined
from runner.errors import TaskFailed, VerificationFailed
from runner.frozen import frozen
from runner.hosts.contract import CommandFailed, Host, Pipeline, Reader, Script
from runner.hosts.hashing import SHA256
from runner.repositories.contract import Repository

IDENTIFIER: Final = ".system_identifier"
"""The file of a spool that says whose it is."""

# Hashed and sent together; one list of the repository then proves them all.
_BATCH: Final = 64
_LANES: Final = 3

# While WAL is received into it, the segment that is being written ends with .partial: it is not finished.
# Names of finished files hold no blank and begin with a digit or a letter; what is being written begins with a dot.
_LIST: Final = Script("""
cd -- "$1" || exit
cat .system_identifier 2>/dev/null || echo
if [ -e .receiver ]; then unfinished='*.partial'; else unfinished=; fi
for name in *; do
  case $name in
    $unfinished) ;;
    [0-9A-F][0-9A-F][0-9A-F][0-9A-F][0-9A-F][0-9A-F][0-9A-F][0-9A-F]*) [ -f "$name" ] && echo "$name";;
  esac
done
:
""")
_MEASURE: Final = f"""{SHA256}
cd -- "$1" || exit; shift
for name in "$@"; do
  # Another one who ships may have been faster.
  sum=$(sha256 <"$name") || {{ [ ! -e "$name" ] && continue; exit 1; }}
  head=$(head -c "$HEAD" <"$name" | od -An -v -tx1 | tr -d ' \\n')
  echo "$name ${{sum%% *}} $head"
done
"""
# Only what was stored: another file may have taken the name meanwhile.
_REMOVE: Final = f"""{SHA256}
cd -- "$1" || exit; shift
while [ $# -gt 1 ]; do
  if sum=$(sha256 <"$1"); then [ "${{sum%% *}}" != "$2" ] || rm -f -- "$1" || exit
  else [ ! -e "$1" ] || exit 1; fi
  shift 2
done
"""


@frozen
class Spool:
    """What waits in a directory of a host: names in order of time, and whose WAL it is ("" if not known)."""

    directory: str
    system_identifier: str
    waiting: tuple[str, ...]


@frozen
class _Measured:
    name: str
    sha256: str
    head: bytes


Shipped = Callable[[int, int], None]
"""Called with how many files are safe, and how many there are."""


def look(reader: Reader, directory: str) -> Spool:
    """What waits there; TaskFailed if the directory cannot be read."""
    found = reader.query(Script(_LIST.text, (directory,)), check=False)
    if not found.ok:
        raise TaskFailed(
            f"the WAL spool {directory} cannot be read: {found.stderr.strip()}",
            where=reader.name,
            hint="set it up with pg_wal_archive, and read it as its owner (become_user) or as root",
        )
    identifier, _, names = found.stdout.partition("\n")
    waiting = sorted(name for name in names.split() if is_archived_name(name))
    return Spool(directory, identifier.strip(), tuple(waiting))


def ship(
    host: Host,
    spool: Spool,
    repository: Repository,
    service: str,
    compression: Compression,
    shipped: Shipped = lambda done, total: None,
) -> tuple[str, ...]:
    """Send all that waits and remove what is safe; gives the names. What fails stays, with all after it.

    Raises VerificationFailed for a file that is not what its name says or is of another cluster, and like
    `transfer.store`.
    """
    done: list[str] = []
    for at in range(0, len(spool.waiting), _BATCH):
        measured = _measure(host, spool.directory, spool.waiting[at : at + _BATCH])
        archive = WalArchive(repository, service, _identifier(spool, measured, host.name))
        _send(host, spool.directory, archive, measured, compression)
        pairs = [word for one in measured for word in (one.name, one.sha256)]
        host.run(Script(_REMOVE, (spool.directory, *pairs)))
        done += [one.name for one in measured]
        shipped(len(done), len(spool.waiting))
    return tuple(done)


def _measure(host: Host, directory: str, names: Sequence[str]) -> list[_Measured]:
    said = host.query(Script(_MEASURE, (directory, *names), env={"HEAD": str(HEADER)})).stdout
    return [_Measured(name, sha256, bytes.fromhex(head)) for name, sha256, head in map(str.split, said.splitlines())]


def _identifier(spool: Spool, measured: Sequence[_Measured], where: str) -> str:
    """The cluster all of them are of."""
    known = spool.system_identifier
    for one in measured:
        if not is_segment(one.name):
            continue
        found = read_header(one.head, one.name).system_identifier
        if known and found != known:
            raise VerificationFailed(
                f"{one.name} is of another cluster",
                where=f"{where}:{spool.directory}",
                why=f"its system identifier is {found}, the spool is of {known}",
                hint="give each cluster a spool of its own; pg_wal_archive sets up a new one after initdb or a restore",
            )
        known = found
    if not known:
        raise TaskFailed(
            f"it is not known whose WAL waits in {spool.directory}",
            where=where,
            hint=f"run pg_wal_archive, which writes {IDENTIFIER} there",
        )
    return known


def _send(
    host: Host, directory: str, archive: WalArchive, measured: Sequence[_Measured], compression: Compression
) -> None:
    repository = archive.repository
    held = _held(archive, measured)
    sealed = sealing(host, repository.encryption)

    def send(one: _Measured) -> tuple[str, int | None]:
        path = posixpath.join(directory, one.name)
        plain = Pipeline((Script('exec cat <"$1"', (path,)), *compression.members))
        producer = joined(plain, sealed.members) if sealed else plain
        key = archive.key(one.name, one.sha256, compression.suffix)
        try:
            done = store(host, producer, repository, key, through=sealed.through if sealed else None)
        except CommandFailed:
            if host.stat(path) is None:
                # Somebody else has shipped it: then it is in the repository, which is looked at below.
                return one.sha256, None
            raise
        return one.sha256, done.stored.size

    with ThreadPoolExecutor(_LANES) as pool:
        sent = dict(pool.map(send, [one for one in measured if one.sha256 not in held]))
    now = _held(archive, measured)
    for one in measured:
        if one.sha256 not in now or sent.get(one.sha256) not in (None, now[one.sha256]):
            raise VerificationFailed(
                f"{one.name} is not in the repository as it was stored",
                where=archive.describe(),
                hint="nothing was removed from the spool; run again",
            )


def _held(archive: WalArchive, measured: Sequence[_Measured]) -> dict[str, int]:
    """Of what is measured, that which the repository has: sha256 -> bytes stored."""
    found = archive.among([one.name for one in measured])
    return {one.sha256: one.size for ones in found.values() for one in ones}
