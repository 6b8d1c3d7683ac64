"""pg_pitr: a whole cluster back to any point in time: recovered beside the live one, proved, and swapped in.

What a run that dies leaves, and what the same run does about it when it goes on: a side cluster is thrown
away and recovered again; an exchange of directories is finished; after it only the server is started.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import field, replace
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal

from runner.backup.catalogue import LATEST
from runner.errors import ObjectNotFound, Refused, TaskFailed, UsageError, VerificationFailed
from runner.frozen import frozen
from runner.modules.arguments import Duration
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.modules.postgres.database import CannotConnect
from runner.modules.postgres.pgbackrest import recovering as backrest
from runner.modules.postgres.pgbackrest.choosing import Chosen
from runner.modules.postgres.pgbackrest.choosing import choose as choose_there
from runner.modules.postgres.pgbackrest.configuration import Engine, Stanza
from runner.modules.postgres.pgbackrest.configuration import stanza as stanza_of
from runner.modules.postgres.pgbackrest.feeding import BackrestFeed, restore
from runner.modules.postgres.physical import fitness, replay, side
from runner.modules.postgres.physical.choosing import Choice, choose
from runner.modules.postgres.physical.cluster import IN_IMAGE, Cluster, data_directory, in_compose, native
from runner.modules.postgres.physical.exchange import Exchange, Verdict
from runner.modules.postgres.physical.explored import Explored, Explorer
from runner.modules.postgres.physical.exploring import Exploring, explore
from runner.modules.postgres.physical.feeding import prepared
from runner.modules.postgres.physical.recovering import recover
from runner.modules.postgres.physical.salvage import salvage
from runner.modules.postgres.physical.side import Side
from runner.modules.postgres.physical.target import Target, target_of
from runner.modules.postgres.physical.unpacking import unpack
from runner.modules.postgres.server import Server
from runner.modules.postgres.session import Postgres
from runner.repositories.contract import Repository
from runner.units import seconds


@frozen
class PgPitrArgs:
    service: str | None = None
    repository: str | None = None
    backup: str = LATEST
    state: Literal["restored", "rolled_back", "explored", "absent"] = "restored"
    target: Literal["latest", "immediate"] = "latest"
    target_time: str | None = None
    target_lsn: str | None = None
    target_xid: str | None = None
    target_name: str | None = None
    inclusive: bool = True
    timeline: int | None = None
    data_directory: str | None = None
    server: Server = field(default_factory=Server)
    unit: str | None = None
    run_as: str = "postgres"
    spool: str | None = None
    database: str = "postgres"
    assertions: tuple[Mapping[str, object], ...] = ()
    other_libc: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    keep_previous: Duration = "7d"
    engine: Engine = "sentraplay"
    pgbackrest: Mapping[str, object] = field(default_factory=dict)

    @property
    def wanted(self) -> Target:
        """TaskFailed if it cannot be understood."""
        given = {
            "time": self.target_time,
            "lsn": self.target_lsn,
            "xid": self.target_xid,
            "name": self.target_name,
        }
        return target_of(given, self.target, self.inclusive, self.timeline)


class PgPitr:
    name: ClassVar = "pg_pitr"
    Args = PgPitrArgs

    def preview(self, at: Reading, args: PgPitrArgs) -> Change:
        if args.state == "rolled_back":
            return Change(None, "would bring back what the last recovery replaced")
        if args.state == "absent":
            return Change(None, "would end the explored cluster and remove it, if there is one")
        target = args.wanted
        choice = _course(at, args, target)
        data = {
            "backup_id": choice.id,
            "target": choice.target.describe(),
            "segments": len(choice.reach.segments),
        }
        return Change(
            True,
            f"would recover backup {choice.id} to {choice.target.describe()}"
            f" through {len(choice.reach.segments)} WAL segments"
            f" and {'leave it beside, paused' if args.state == 'explored' else 'swap it in'}",
            data=data,
        )

    def apply(self, at: Acting, args: PgPitrArgs) -> Outcome:
        cluster = _cluster(at, args)
        exchange = Exchange(at, cluster, seconds(args.keep_previous))
        exchange.settle()
        if args.state in ("explored", "absent"):
            return _explored(at, args, Explorer(at, cluster, exchange.place.room, args.server))
        if args.state == "rolled_back":
            return _rolled_back(at, args, cluster, exchange)
        if exchange.was_done(back=False):
            cluster.start()
            exchange.tidy()
            return Outcome(False, {**exchange.done(), "kept": exchange.kept()})
        return _recovered(at, args, cluster, exchange)


def _recovered(at: Acting, args: PgPitrArgs, cluster: Cluster, exchange: Exchange) -> Outcome:
    target = args.wanted
    saved = _saved(at, args, cluster)
    choice = _course(at, args, target)
    exchange.make_room()
    try:
        with _side(at, args, cluster, exchange, choice) as aside:
            feed = _restored(at, args, aside, choice)
            data, verdict = _replayed(at, args, aside, choice, feed)
    except BaseException:
        exchange.clear()
        raise
    point = _restored_point(choice, str(data["last_commit"]))
    exchange.swap(choice.id, point, verdict)
    at.warn("the cluster is on a new timeline", "make a base backup of it now (pg_basebackup)")
    told = {"backup_id": choice.id, "target": choice.target.describe(), "salvaged": list(saved)}
    return Outcome(True, {**told, **data, "restored_point": point, "kept": exchange.kept()})


def _restored_point(choice: Choice | Chosen, last_commit: str) -> str:
    """How new the data are for certain (UTC): the moment that was asked for, or of the last commit that came back.

    A server where nothing was committed for long is therefore told to be older than what it would have lost.
    """
    commit = [datetime.fromisoformat(last_commit)] if last_commit else []
    point = choice.target.moment or max([choice.restored_point, *commit])
    return point.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _saved(at: Acting, args: PgPitrArgs, cluster: Cluster) -> Sequence[str]:
    """What a stopped server had not archived any more; the names."""
    if (stanza := _stanza(at, args)) is not None:
        return backrest.salvage(at, cluster, stanza)
    return salvage(at, cluster, *_source(at, args), args.spool)


def _restored(at: Acting, args: PgPitrArgs, aside: Side, choice: Choice | Chosen) -> replay.Feed:
    """The backup's files at the side, proved; what will bring the WAL."""
    if isinstance(choice, Chosen):
        fitness.check(aside, choice.origin, args.other_libc)
        return restore(at, _backrest(at, args), choice, aside)
    fitness.check(aside, fitness.origin_of(choice.manifest), args.other_libc)
    unpack(at, _source(at, args)[0], choice.manifest, choice.base, aside)
    return prepared(choice, aside)


def _fed(at: Acting, args: PgPitrArgs, aside: Side, choice: Choice | Chosen) -> replay.Feed:
    """What will bring more WAL to a side that has its files."""
    if isinstance(choice, Choice):
        return prepared(choice, aside)
    feed = BackrestFeed(aside, _backrest(at, args))
    feed.prepare()
    return feed


def _replayed(
    at: Acting, args: PgPitrArgs, aside: Side, choice: Choice | Chosen, feed: replay.Feed
) -> tuple[Mapping[str, Any], Verdict]:
    found = recover(at, aside, choice, feed, args.settings, args.database, args.assertions)
    replay.announce(aside, found.promoted)
    return found.to_plain(), lambda: _is_that(at, args, found.promoted)


def _is_that(at: Acting, args: PgPitrArgs, promoted: replay.Promoted) -> bool:
    """Whether the live server is the recovered cluster; False while it does not answer."""
    try:
        row = (
            Postgres(at.host, args.server, at.host)
            .maintenance()
            .rows(
                "SELECT (SELECT system_identifier::text FROM pg_control_system()) AS system,"
                " (SELECT timeline_id FROM pg_control_checkpoint()) AS timeline, pg_is_in_recovery() AS recovering"
            )[0]
        )
    except CannotConnect:
        return False
    found = (str(row["system"]), int(str(row["timeline"])))
    return found == (promoted.system_identifier, promoted.timeline) and not row["recovering"]


def _explored(at: Acting, args: PgPitrArgs, explorer: Explorer) -> Outcome:
    if args.state == "absent":
        return Outcome(explorer.remove(), {})
    target = args.wanted
    if target.kind == "latest":
        raise UsageError("state: explored needs a target to stop at", hint="give target_time, target_lsn or another")
    _saved(at, args, explorer.cluster)
    choice = _going_on(at, args, target, explorer.found())
    how = Exploring(
        choice,
        choice.major,
        args.settings,
        restored=lambda aside: _restored(at, args, aside, choice),
        fed=lambda aside: _fed(at, args, aside, choice),
    )
    state, changed = explore(at, explorer, how)
    aside = explorer.aside(choice.major)
    at.warn("a recovered cluster is left running beside the live one", "end it with pg_pitr, state: absent")
    told = {"backup_id": state.backup, "target": state.target, "reached_lsn": state.lsn}
    where = {
        "socket": aside.sockets,
        "port": 5432,
        "user": aside.user,
        "psql": list(explorer.psql(aside, args.database)),
    }
    return Outcome(changed, {**told, "last_commit": state.last_commit, "explored": where})


def _going_on(at: Acting, args: PgPitrArgs, target: Target, found: Explored | None) -> Choice | Chosen:
    """With the backup that is explored already, if the target can be reached from it."""
    if found is not None and args.backup in (LATEST, found.backup):
        with suppress(VerificationFailed, ObjectNotFound):
            return _course(at, replace(args, backup=found.backup), target)
    return _course(at, args, target)


def _rolled_back(at: Acting, args: PgPitrArgs, cluster: Cluster, exchange: Exchange) -> Outcome:
    if exchange.was_done(back=True):
        cluster.start()
        return Outcome(False, {"kept": exchange.kept()})
    exchange.roll_back(lambda: Postgres(at.host, args.server, at.host).answers())
    at.warn(
        "the archive still knows the timeline that was given up",
        "make a base backup now (pg_basebackup): a recovery from an older one to the latest state would follow it",
    )
    return Outcome(True, {"kept": exchange.kept()})


def _source(at: Reading, args: PgPitrArgs) -> tuple[Repository, str]:
    if args.repository is None or args.service is None:
        raise UsageError("pg_pitr needs `repository` and `service`", hint="only state: rolled_back goes without")
    return at.repositories.get(args.repository), args.service


def _cluster(at: Acting, args: PgPitrArgs) -> Cluster:
    if args.server.compose is not None:
        return in_compose(at, args.server.compose, args.data_directory or IN_IMAGE)
    directory = args.data_directory or _asked(at, args)
    return native(at, args.server, directory, args.unit, args.run_as)


def _asked(at: Acting, args: PgPitrArgs) -> str:
    try:
        return data_directory(Postgres(at.host, args.server, at.host))
    except CannotConnect as error:
        raise TaskFailed(
            "it is not known where the cluster's files belong: the server does not answer",
            where=error.where,
            why=error.message,
            hint="give data_directory (Debian: /var/lib/postgresql/15/main)",
        ) from error


def _side(
    at: Acting, args: PgPitrArgs, cluster: Cluster, exchange: Exchange, choice: Choice | Chosen
) -> AbstractContextManager[Side]:
    if args.server.compose is not None:
        return side.in_own_container(at, cluster, exchange.place, args.server, choice.major)
    return side.native(at, cluster, exchange.place, args.server, choice.major)


def _course(at: Reading, args: PgPitrArgs, target: Target) -> Choice | Chosen:
    """From the repository alone: whether the target can be reached is known before anything is touched."""
    if (stanza := _stanza(at, args)) is not None:
        return choose_there(at.host, stanza, args.backup, target)
    repository, service = _source(at, args)
    return choose(repository, service, args.backup, target, at.host)


def _stanza(at: Reading, args: PgPitrArgs) -> Stanza | None:
    """Of pgBackRest, if it is the engine; Refused for what goes only by our own."""
    return _backrest(at, args) if args.engine == "pgbackrest" else None


def _backrest(at: Reading, args: PgPitrArgs) -> Stanza:
    if args.server.compose is not None:
        raise Refused(
            "engine: pgbackrest recovers servers of the host itself",
            hint="leave `engine` out for a compose service",
        )
    repository, service = _source(at, args)
    return stanza_of(repository, service, at.host.name, args.pgbackrest)
