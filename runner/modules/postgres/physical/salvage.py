"""WAL that a stopped server had finished and not archived any more: saved before its files are put aside."""

from __future__ import annotations

from typing import Final

from runner.backup.compression import choose
from runner.backup.wal.shipping import look, ship
from runner.hosts.contract import Host, Script
from runner.modules.contract import Acting
from runner.modules.postgres.physical.cluster import Cluster
from runner.repositories.contract import Repository

# By the server's own marks: the other files of the directory may be recycled ones, not written yet.
_READY: Final = Script("""
cd -- "$1/pg_wal/archive_status" 2>/dev/null || exit 0
for mark in *.ready; do
  name=${mark%.ready}
  [ ! -f "../$name" ] || echo "$name"
done
""")
_COPY: Final = Script("""
umask 077
from=$1 to=$2; shift 2
for name in "$@"; do cp -- "$from/pg_wal/$name" "$to/$name" || exit; done
""")


def salvage(at: Acting, cluster: Cluster, repository: Repository, service: str, spool: str | None) -> tuple[str, ...]:
    """Ship what waits in the spool, and from a stopped server what it had marked as ready; gives the names."""
    # On a new server there is no spool yet.
    saved = _shipped(at.host, spool, repository, service) if spool and at.host.stat(spool) is not None else ()
    names = ready(at.host, cluster)
    if not names:
        return saved
    with at.host.private_directory() as directory:
        at.host.run(Script(_COPY.text, (cluster.directory, directory, *names)))
        return (*saved, *_shipped(at.host, directory, repository, service))


def ready(host: Host, cluster: Cluster) -> tuple[str, ...]:
    """The files a stopped server had finished and not archived; none while it runs."""
    if host.stat(cluster.directory) is None or cluster.running():
        return ()
    return tuple(host.query(Script(_READY.text, (cluster.directory,))).stdout.split())


def _shipped(host: Host, directory: str, repository: Repository, service: str) -> tuple[str, ...]:
    waiting = look(host, directory)
    return ship(host, waiting, repository, service, choose(host, "auto")) if waiting.waiting else ()
