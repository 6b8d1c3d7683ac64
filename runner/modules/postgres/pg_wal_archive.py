"""pg_wal_archive: continuous archiving, set up and proved."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field
from time import monotonic
from typing import ClassVar, Final, Literal

from runner.errors import TaskFailed, VerificationFailed
from runner.frozen import frozen
from runner.modules.arguments import Duration
from runner.modules.contract import Acting, Change, Diff, Outcome, Reading
from runner.modules.postgres import wal_stream
from runner.modules.postgres.pgbackrest import archiving as backrest
from runner.modules.postgres.pgbackrest.configuration import Engine, Stanza, stanza
from runner.modules.postgres.pgbackrest.telling import tell
from runner.modules.postgres.physical import archiving, spool
from runner.modules.postgres.physical.checking import Wish, check
from runner.modules.postgres.physical.cluster import Cluster, data_directory, in_compose, native
from runner.modules.postgres.physical.increments import FIRST_MAJOR
from runner.modules.postgres.physical.spool import Spool
from runner.modules.postgres.server import Server
from runner.modules.postgres.session import Postgres
from runner.units import seconds

_LONGEST: Final = 300
_START_SECONDS: Final = 60.0
_LOOK_SECONDS: Final = 0.2
_IDENTIFIER: Final = "SELECT system_identifier::text FROM pg_control_system()"


@frozen
class PgWalArchiveArgs:
    spool: str
    service: str | None = None
    repository: str | None = None
    server: Server = field(default_factory=Server)
    state: Literal["present", "stopped", "absent", "check"] = "present"
    mode: Literal["archive", "stream"] = "archive"
    slot: str = "sentraplay"
    max_slot_wal_keep_size: str | int = "10G"
    spool_in_server: str | None = None
    archive_timeout: Duration = 60
    summarize_wal: Literal[True, False, "auto"] = False
    restart: bool = False
    unit: str | None = None
    check_timeout: Duration = "2m"
    level: Literal["quick", "full"] = "quick"
    engine: Engine = "sentraplay"
    pgbackrest: Mapping[str, object] = field(default_factory=dict)

    @property
    def place(self) -> Spool:
        return Spool(self.spool, self.spool_in_server or self.spool)


@frozen
class _Plan:
    """What has to be done; nothing where all is as it should be."""

    settings: Mapping[str, str]
    spool_ready: bool
    pending: bool

    @property
    def needed(self) -> bool:
        return bool(self.settings) or not self.spool_ready

    def summary(self) -> str:
        parts = [f"set {', '.join(self.settings)}"] if self.settings else []
        if not self.spool_ready:
            parts.append("make the spool")
        return " and ".join(parts) or "archiving is set up"


class PgWalArchive:
    name: ClassVar = "pg_wal_archive"
    Args = PgWalArchiveArgs

    def preview(self, at: Reading, args: PgWalArchiveArgs) -> Change:
        if args.state == "check":
            _checked(args)
            return Change(None, "would switch to a new WAL segment and wait until the last is in the repository")
        if args.mode == "stream":
            return wal_stream.preview(at, args)
        _refuse_stopped(args)
        server = Postgres(at.host, args.server)
        now = archiving.current(server)
        plan = _plan(at, server, args, now)
        restart = bool(plan.settings.keys() & {"wal_level", "archive_mode", "max_wal_senders"}) or plan.pending
        return Change(
            plan.needed or (plan.pending and args.restart),
            f"would {plan.summary()}" if plan.needed else plan.summary(),
            _diff(server, now, plan.settings),
            data={"restart_required": restart},
        )

    def apply(self, at: Acting, args: PgWalArchiveArgs) -> Outcome:
        server = Postgres(at.host, args.server, at.host, pause=at.sleep)
        if args.state == "check":
            service, repository = _checked(args)
            if (stanza := _stanza(at, args)) is not None:
                return Outcome(False, _checked_by_pgbackrest(at, args, server, stanza))
            slot = args.slot if args.mode == "stream" else None
            wish = Wish(service, args.spool, seconds(args.check_timeout), args.level == "full", slot)
            return Outcome(False, check(at, server, at.repositories.get(repository), wish))
        if args.mode == "stream":
            return wal_stream.apply(at, args)
        _refuse_stopped(args)
        now = archiving.current(server)
        plan = _plan(at, server, args, now)
        if args.state == "present" and not plan.spool_ready:
            _make_spool(at, server, args)
        if plan.settings:
            archiving.put(server, plan.settings)
            archiving.check_taken(server, plan.settings, at.sleep)
        restarted = _restart(at, server, args)
        left = archiving.pending(archiving.current(server))
        if left:
            at.warn("archiving begins only after a restart of the server", "allow it with `restart: true`")
        changed = plan.needed or restarted
        data = {"restart_required": left, "restarted": restarted, "spool": args.spool, "settings": dict(plan.settings)}
        return Outcome(changed, data, diff=_diff(server, now, plan.settings))


def _checked(args: PgWalArchiveArgs) -> tuple[str, str]:
    if args.service is None or args.repository is None:
        raise TaskFailed("state: check needs `service` and `repository`", hint="name where the WAL is shipped to")
    return args.service, args.repository


def _refuse_stopped(args: PgWalArchiveArgs) -> None:
    if args.state == "stopped":
        raise TaskFailed("state: stopped is for mode: stream", hint="state: absent switches archiving off")


def _plan(at: Reading, server: Postgres, args: PgWalArchiveArgs, now: archiving.Settings) -> _Plan:
    if args.state == "absent":
        return _Plan(archiving.unwanted(now), True, archiving.pending(now))
    summaries = "summarize_wal" in now if args.summarize_wal == "auto" else bool(args.summarize_wal)
    if summaries and "summarize_wal" not in now:
        raise TaskFailed(
            f"PostgreSQL {server.version} cannot summarize its WAL",
            where=server.where,
            why=f"incremental base backups came with PostgreSQL {FIRST_MAJOR}",
            hint="leave summarize_wal out, or say `auto`; between base backups the WAL itself holds every change",
        )
    owner = spool.server_owner(server, data_directory(server))
    ready = spool.is_ready(server.host, args.place, owner, _identifier(server))
    command = archiving.archive_command(args.place.inside)
    if (stanza := _stanza(at, args)) is not None:
        ready = ready and backrest.is_ready(at.host, server, stanza, args.spool)
        command = backrest.archive_command(args.spool, stanza)
    return _Plan(archiving.wanted(now, command, _timeout(args), summaries), ready, archiving.pending(now))


def _checked_by_pgbackrest(
    at: Acting, args: PgWalArchiveArgs, server: Postgres, stanza: Stanza
) -> Mapping[str, object]:
    _, name = _checked(args)
    repository = at.repositories.get(name)
    try:
        found = backrest.check(at, server, stanza, seconds(args.check_timeout))
    except VerificationFailed as failed:
        tell(at, repository, stanza, "check", error=failed.message)
        raise
    tell(at, repository, stanza, "check", seconds=found["seconds"], segments=found["segments"])
    return found


def _stanza(at: Reading, args: PgWalArchiveArgs) -> Stanza | None:
    """Of pgBackRest, if it is the engine."""
    if args.engine != "pgbackrest":
        return None
    if args.service is None or args.repository is None or args.mode == "stream":
        raise TaskFailed(
            "engine: pgbackrest needs `service` and `repository`, and archives (mode: archive)",
            why="its archive_command sends straight into its own repository",
        )
    return stanza(at.repositories.get(args.repository), args.service, at.host.name, args.pgbackrest)


def _timeout(args: PgWalArchiveArgs) -> int:
    timeout = round(seconds(args.archive_timeout))
    if not 1 <= timeout <= _LONGEST:
        raise TaskFailed(
            f"archive_timeout: {args.archive_timeout} is not between 1 and {_LONGEST} seconds",
            why="what is written in a quiet hour would wait that long on the server alone",
            hint="60s is usual; a segment that is not full compresses to almost nothing",
        )
    return timeout


def _make_spool(at: Acting, server: Postgres, args: PgWalArchiveArgs) -> None:
    owner = spool.server_owner(server, data_directory(server))
    spool.make_ready(at.host, args.place, owner, _identifier(server))
    spool.check_writable(server, args.place, at.host)
    if (stanza := _stanza(at, args)) is not None:
        backrest.make_ready(at.host, server, stanza, args.spool)


def _restart(at: Acting, server: Postgres, args: PgWalArchiveArgs) -> bool:
    """Only if something waits for it and it is allowed."""
    if not (args.restart and archiving.pending(archiving.current(server))):
        return False
    _cluster(at, server, args).restart()
    # Debian's `postgresql` is started before the clusters are that start with it.
    until = monotonic() + _START_SECONDS
    while not Postgres(at.host, args.server, at.host).answers() and monotonic() < until:
        at.sleep(_LOOK_SECONDS)
    again = Postgres(at.host, args.server, at.host, pause=at.sleep)
    if archiving.pending(archiving.current(again)):
        raise TaskFailed(
            "the server was restarted and still waits for a restart",
            where=server.where,
            hint="was another service restarted than the one that manages it?",
        )
    return True


def _cluster(at: Acting, server: Postgres, args: PgWalArchiveArgs) -> Cluster:
    if args.server.compose is not None:
        return in_compose(at, args.server.compose, data_directory(server))
    return native(at, args.server, data_directory(server), args.unit)


def _identifier(server: Postgres) -> str:
    return str(server.maintenance().scalar(_IDENTIFIER))


def _diff(server: Postgres, now: archiving.Settings, settings: Mapping[str, str]) -> Diff | None:
    if not settings:
        return None
    before = {name: now[name].value for name in settings}
    return Diff(
        f"settings of {server.where}",
        json.dumps(before, indent=2, sort_keys=True) + "\n",
        json.dumps(dict(settings), indent=2, sort_keys=True) + "\n",
    )
