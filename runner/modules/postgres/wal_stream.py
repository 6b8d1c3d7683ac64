"""pg_wal_archive with `mode: stream`: WAL is received as it is written, on whichever host the task is for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.modules.postgres.physical import archiving, receiving, spool
from runner.modules.postgres.physical.cluster import Owner
from runner.modules.postgres.physical.receiving import Receiving
from runner.modules.postgres.physical.spool import Spool
from runner.modules.postgres.server import Server
from runner.modules.postgres.session import Postgres
from runner.units import bytes_of

_MEBIBYTE = 1024 * 1024


class Wanted(Protocol):
    """What of the module's arguments counts here."""

    @property
    def spool(self) -> str: ...
    @property
    def server(self) -> Server: ...
    @property
    def state(self) -> str: ...
    @property
    def slot(self) -> str: ...
    @property
    def max_slot_wal_keep_size(self) -> str | int: ...


def preview(at: Reading, args: Wanted) -> Change:
    """What `apply` would do."""
    if args.state == "stopped":
        return Change(receiving.is_receiving_into(at.host, args.spool), "would stop receiving WAL")
    server, wish = _server(at, args), _wish(args)
    if args.state == "absent":
        there = receiving.slot_of(server, wish.slot) is not None or receiving.is_receiving_into(at.host, wish.directory)
        return Change(there, f"would stop receiving WAL and remove slot {wish.slot}")
    settings, going = receiving.different(server, wish), receiving.is_going_on(at.host, server, wish)
    said = "WAL is being received" if going else f"would receive WAL by slot {wish.slot}"
    return Change(bool(settings) or not going, said, data={"restart_required": False})


def apply(at: Acting, args: Wanted) -> Outcome:
    """Receive, or stop; TaskFailed if the server cannot stream."""
    contained = args.server.compose is not None
    if args.state == "stopped":
        return Outcome(receiving.stop(at, args.spool, contained=contained), {"slot": args.slot})
    server, wish = _server(at, args, at), _wish(args)
    if args.state == "absent":
        stopped = receiving.stop(at, wish.directory, contained=contained)
        return Outcome(receiving.drop(server, wish.slot) or stopped, {"slot": wish.slot})
    return _present(at, server, wish)


def _present(at: Acting, server: Postgres, wish: Receiving) -> Outcome:
    settings = receiving.different(server, wish)
    if settings:
        archiving.put(server, settings)
    place, owner = Spool(wish.directory, wish.directory), Owner(receiving.own_ids(at.host), "")
    identifier = str(server.maintenance().scalar("SELECT system_identifier::text FROM pg_control_system()"))
    if not spool.is_ready(at.host, place, owner, identifier):
        spool.make_ready(at.host, place, owner, identifier)
    going = receiving.is_going_on(at.host, server, wish)
    if not going:
        receiving.go_on(at, server, wish)
    return Outcome(bool(settings) or not going, _data(server, wish, settings))


def _data(server: Postgres, wish: Receiving, settings: Mapping[str, str]) -> dict[str, object]:
    slot = receiving.slot_of(server, wish.slot)
    more = {"slot": wish.slot, "behind": slot.behind if slot else None}
    return {"restart_required": False, "restarted": False, "spool": wish.directory, "settings": dict(settings), **more}


def _wish(args: Wanted) -> Receiving:
    return Receiving(args.spool, args.slot, bytes_of(args.max_slot_wal_keep_size) // _MEBIBYTE)


def _server(at: Reading, args: Wanted, acting: Acting | None = None) -> Postgres:
    if acting is None:
        return Postgres(at.host, args.server)
    return Postgres(acting.host, args.server, acting.host, pause=acting.sleep)
