"""WAL streamed into a spool as it is written: pg_receivewal with a replication slot, kept running as a job.

The slot keeps on the server what the receiver has not got yet, so being away loses nothing; how much it may keep is
bounded (max_slot_wal_keep_size), so that it never fills the server's disk. The receiver is a job of the task's user:
it outlives the link, and whoever finds it gone starts it again. Its password comes on standard input and stays in its
memory (libpq asks for it once and keeps it for later connections).

For a compose service it runs in a container of the service's image that shares the network of the service's container,
so that no port has to be published, and sees nothing else of the host than the spool.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from time import monotonic
from typing import Final

from runner.errors import Refused, TaskFailed, VerificationFailed
from runner.frozen import frozen
from runner.hosts import jobs
from runner.hosts.contract import Command, Host, Reader, Script
from runner.hosts.jobs import Stage
from runner.modules.contract import Acting
from runner.modules.postgres import sql
from runner.modules.postgres.database import AUTOCOMMIT
from runner.modules.postgres.physical.side import end_container
from runner.modules.postgres.programs import Programs, container_of
from runner.modules.postgres.server import Compose
from runner.modules.postgres.session import Postgres

RECEIVER: Final = ".receiver"
"""The file of a spool that says that its newest, unfinished segment is still being written; it names the slot."""

FIRST_MAJOR: Final = 15
"""Before, pg_receivewal with an empty directory began where the server was, not where its slot was."""

_FOREVER: Final = 10 * 365 * 24 * 3600.0
# How long a receiver may take to be connected, in seconds.
_CONNECTED: Final = 30.0
_PAUSE: Final = 0.25
_SLOT: Final = """
SELECT slot_type, active, coalesce(wal_status, 'reserved') AS wal_status,
       coalesce(pg_wal_lsn_diff(pg_current_wal_flush_lsn(), restart_lsn), 0)::bigint AS behind
FROM pg_replication_slots WHERE slot_name = {name}
"""
_SETTINGS: Final = """
SELECT current_setting('wal_level') AS wal_level, current_setting('max_wal_senders')::int AS max_wal_senders,
       current_setting('max_replication_slots')::int AS max_replication_slots,
       (SELECT setting::bigint FROM pg_settings WHERE name = 'max_slot_wal_keep_size') AS kept
"""
_NOTE: Final = Script('umask 077; cd -- "$1" && echo "$2" >"$3.new" && mv -- "$3.new" "$3"')
_FORGET: Final = Script('cd -- "$1" 2>/dev/null && rm -f -- "$2" || :')
_IS_NOTED: Final = Script('[ -e "$1/$2" ]')


@frozen
class Receiving:
    """Into which directory of the task's host, by which slot, and how many MiB the server keeps for it at most."""

    directory: str
    slot: str
    keep: int

    @property
    def job(self) -> str:
        return f"wal-{hashlib.sha256(self.directory.encode()).hexdigest()[:16]}"

    @property
    def container(self) -> str:
        """Its name, where the receiver runs in one."""
        return f"sentraplay-{self.job}"


@frozen
class Slot:
    """How the slot stands: whether somebody receives by it, and how many bytes of WAL the server keeps for it."""

    active: bool
    lost: bool
    behind: int


def is_receiving_into(reader: Reader, directory: str) -> bool:
    """Whether a spool is one that WAL is streamed into."""
    return reader.query(Script(_IS_NOTED.text, (directory, RECEIVER)), check=False).ok


def slot_of(server: Postgres, name: str) -> Slot | None:
    """The slot; None if there is none of that name. Refused if it is one of logical replication."""
    rows = server.maintenance().rows(_SLOT.format(name=sql.literal(name)))
    if not rows:
        return None
    found = rows[0]
    if found["slot_type"] != "physical":
        raise Refused(
            f"the replication slot {name} is not ours", where=server.where, hint="give this one a name of its own: slot"
        )
    return Slot(bool(found["active"]), found["wal_status"] == "lost", int(str(found["behind"])))


def is_going_on(reader: Reader, server: Postgres, wish: Receiving) -> bool:
    """Whether the receiver runs, and the server sends to it."""
    slot = slot_of(server, wish.slot)
    running = jobs.look(reader, wish.job).stage is Stage.RUNNING
    return running and slot is not None and slot.active and is_receiving_into(reader, wish.directory)


def different(server: Postgres, wish: Receiving) -> Mapping[str, str]:
    """The settings to be changed; TaskFailed if the server cannot stream its WAL at all."""
    if server.version.major < FIRST_MAJOR:
        raise TaskFailed(
            f"PostgreSQL {server.version} cannot be streamed from without a gap",
            where=server.where,
            why=f"pg_receivewal goes by its replication slot only from PostgreSQL {FIRST_MAJOR} on",
            hint="let the server archive its WAL (mode: archive)",
        )
    now = server.maintenance().rows(_SETTINGS)[0]
    if now["wal_level"] == "minimal" or not now["max_wal_senders"] or not now["max_replication_slots"]:
        raise TaskFailed(
            "the server cannot stream its WAL",
            where=server.where,
            why=", ".join(
                f"{name} is {now[name]}" for name in ("wal_level", "max_wal_senders", "max_replication_slots")
            ),
            hint="set wal_level to replica and the other two to 10, and restart it",
        )
    return {} if int(str(now["kept"])) == wish.keep else {"max_slot_wal_keep_size": f"{wish.keep}MB"}


def go_on(at: Acting, server: Postgres, wish: Receiving) -> None:
    """Make the slot and start the receiver, whichever is not there; returns when the server sends to it.

    VerificationFailed if the server has removed WAL that the receiver had not got yet.
    """
    slot = slot_of(server, wish.slot)
    if slot is not None and slot.lost:
        raise VerificationFailed(
            f"the server has removed WAL that slot {wish.slot} had not sent yet",
            where=server.where,
            why="nobody received it, and more than max_slot_wal_keep_size was written meanwhile",
            hint="run this with state: absent, then again, and make a base backup: recovery ends before the gap",
        )
    if slot is None:
        create = f"SELECT pg_create_physical_replication_slot({sql.literal(wish.slot)}, true)"
        server.maintenance().run([create], AUTOCOMMIT)
    at.host.run(Script(_NOTE.text, (wish.directory, wish.slot, RECEIVER)))
    contained = server.server.compose is not None
    # The network of a container that was started anew is another one, which a receiver beside it never finds.
    if contained and slot is not None and not slot.active:
        _end(at, wish, contained=True)
    if jobs.look(at.host, wish.job).stage is not Stage.RUNNING:
        _end(at, wish, contained=contained)
        jobs.start(at.host, wish.job, _receiver(at, server, wish), server.password_line, _FOREVER)
    _wait(at, server, wish)


def stop(at: Acting, directory: str, *, contained: bool) -> bool:
    """End the receiver; what it had not finished is then the end of the log, and can be shipped. Idempotent.

    `contained` says that it runs in a container.
    """
    there = _end(at, Receiving(directory, "", 0), contained=contained)
    noted = is_receiving_into(at.host, directory)
    at.host.run(Script(_FORGET.text, (directory, RECEIVER)))
    return there or noted


def _end(at: Acting, wish: Receiving, *, contained: bool) -> bool:
    """Whether it was running."""
    there = jobs.look(at.host, wish.job).stage is Stage.RUNNING
    if there:
        jobs.kill(at.host, wish.job)
        while jobs.look(at.host, wish.job).stage is Stage.RUNNING:
            at.sleep(_PAUSE)
    jobs.remove(at.host, wish.job)
    if contained:
        # A client of docker that was killed leaves its container behind.
        end_container(at.host, wish.container)
    return there


def drop(server: Postgres, name: str) -> bool:
    """Remove the slot, so that the server keeps nothing for it any more. Idempotent."""
    if slot_of(server, name) is None:
        return False
    server.maintenance().run([f"SELECT pg_drop_replication_slot({sql.literal(name)})"], AUTOCOMMIT)
    return True


def own_ids(host: Host) -> str:
    """`uid:gid` of the task's user, whose the spool is."""
    return host.query(Script('echo "$(id -u):$(id -g)"')).stdout.strip()


def _receiver(at: Acting, server: Postgres, wish: Receiving) -> Command:
    options = ("-D", wish.directory, "--slot", wish.slot, "--synchronous", "--status-interval=10")
    if (compose := server.server.compose) is not None:
        server = _beside(at, server, compose, wish)
    return server.client("pg_receivewal", "replication", *options)


def _beside(at: Acting, server: Postgres, compose: Compose, wish: Receiving) -> Postgres:
    """The server as a container sees it that shares the network of its container."""
    found = container_of(at.host, compose)
    shared = ("--network", f"container:{found.id}", "-v", f"{wish.directory}:{wish.directory}")
    own = ("--name", wish.container, "-u", own_ids(at.host), "--entrypoint", "env")
    prefix = ("docker", "run", "-i", "--rm", *shared, *own, found.image_id)
    programs = Programs(server.programs.version, server.programs.directory, prefix)
    return Postgres(at.host, replace(server.server, host="127.0.0.1", compose=None), at.host, only=programs)


def _wait(at: Acting, server: Postgres, wish: Receiving) -> None:
    until = monotonic() + _CONNECTED
    while True:
        slot = slot_of(server, wish.slot)
        stage = jobs.look(at.host, wish.job).stage
        if slot is not None and slot.active and stage is Stage.RUNNING:
            return
        if stage is not Stage.RUNNING or monotonic() > until:
            break
        at.sleep(_PAUSE)
    said = jobs.output(at.host, wish.job)[1].strip().splitlines()
    jobs.kill(at.host, wish.job)
    raise TaskFailed(
        f"pg_receivewal does not receive: {said[-1] if said else 'it says nothing'}",
        where=f"{at.host.name}:{wish.directory}",
        hint="the role needs REPLICATION and a line `… replication …` in pg_hba.conf for this host; a slot serves one",
    )
