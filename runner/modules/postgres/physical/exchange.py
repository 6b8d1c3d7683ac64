"""The recovered cluster takes the live one's place: the server down, its directory exchanged by rename, up again."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from runner.backup.swapping import (
    FRESH,
    Kept,
    discard_expired,
    exchange,
    newest,
    old_directory,
    place,
    read_state,
    settle,
)
from runner.errors import SentraPlayError, TaskFailed
from runner.hosts.contract import Script
from runner.modules.contract import Acting
from runner.modules.postgres.physical.cluster import Cluster

# Where the data directory is a mount point the room lies inside it; base backups leave out what begins so
# (PostgreSQL documentation, "Backing Up The Data Directory").
_INSIDE: Final = "pgsql_tmp.sentraplay"

# Everything an earlier attempt left; the owner works inside, so the room is theirs.
_MAKE: Final = Script("""
umask 077
mkdir -p -- "$1" && rm -rf -- "$1/new" "$1/feed" "$1/log" && chown -- "$2" "$1"
""")
_CLEAR: Final = Script('rm -rf -- "$1/new" "$1/feed" "$1/log" "$1"/*.conf; rmdir -- "$1" 2>/dev/null || :')
_TIDY: Final = Script('rm -rf -- "$1/feed" "$1/log" "$1"/*.conf')
# How the live server was started, for whoever starts the new one; the side's server was started otherwise.
_OPTIONS: Final = Script("""
if [ -f "$1/postmaster.opts" ]; then cp -p -- "$1/postmaster.opts" "$2/postmaster.opts"
else rm -f -- "$2/postmaster.opts"; fi
""")
_ANSWER: Final = 120.0
_PAUSE: Final = 0.5


Verdict = Callable[[], bool]
"""Says whether the server that was started is the right one, and answers."""


class Exchange:
    """What happens with one cluster's directory in one run; what it replaces is kept for `keep` seconds."""

    def __init__(self, at: Acting, cluster: Cluster, keep: float) -> None:
        self._at = at
        self._cluster = cluster
        self._keep = keep
        self.place = place(at.host, cluster.directory, _INSIDE)

    def settle(self) -> None:
        """Finish what a run began that died in the middle, and remove what has been kept long enough."""
        state = read_state(self._at.host, self.place)
        if state is not None and state.phase != "done":
            self._cluster.stop()
            settle(self._at.host, self.place)
            self._cluster.start()
        discard_expired(self._at.host, self.place, time.time(), self._at.run.id)

    def was_done(self, *, back: bool) -> bool:
        """Whether this very run, before it was broken off, put a recovered cluster in, or (`back`) the old one back."""
        state = read_state(self._at.host, self.place) if self._at.run.resumed else None
        return state is not None and (state.run, not state.backup) == (self._at.run.id, back)

    def make_room(self) -> None:
        """An empty place for the side cluster, for its owner to fill."""
        self._at.host.run(Script(_MAKE.text, (self.place.room, self._cluster.owner.ids)))

    def clear(self) -> None:
        """Nothing of the side cluster stays."""
        with suppress(SentraPlayError):
            self._at.host.run(Script(_CLEAR.text, (self.place.room,)))

    def done(self) -> dict[str, Any]:
        """What is known of the recovery that is in its place, for a run that only finds it."""
        state = read_state(self._at.host, self.place)
        return {"backup_id": state.backup, "restored_point": state.restored_point} if state else {}

    def swap(self, backup: str, restored_point: str, verdict: Verdict) -> None:
        """Put the side cluster in the live one's place and start it; what was live comes back if it does not answer."""
        self._at.host.run(Script(_OPTIONS.text, (self.place.path, self.place.holding(FRESH))))
        kept = self._exchange(FRESH, backup, restored_point=restored_point)
        try:
            self._start(verdict)
        except TaskFailed as failed:
            self._back(kept)
            raise TaskFailed(
                f"the recovered cluster did not come up in its place, and the previous one is back: {failed.message}",
                where=failed.where,
                why=failed.why,
                hint=failed.hint or "the server's log says why",
                data=failed.data,
            ) from failed
        self.tidy()

    def tidy(self) -> None:
        """Of a recovery that is in its place, nothing but what is kept stays."""
        self._at.host.run(Script(_TIDY.text, (self.place.room,)))
        if self._keep == 0:
            discard_expired(self._at.host, self.place, time.time(), self._at.run.id)

    def roll_back(self, verdict: Verdict) -> None:
        """Put what was replaced last back; what it replaces is kept in turn. TaskFailed if nothing is kept."""
        used = newest(self._at.host, self.place, read_state(self._at.host, self.place))
        self._exchange(old_directory(used.token), "", used)
        self._start(verdict)

    def kept(self) -> list[dict[str, Any]]:
        """Where replaced clusters stay, and until when (UTC)."""
        state = read_state(self._at.host, self.place)
        return [
            {
                "path": self.place.old(one.token),
                "until": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(one.until)),
            }
            for one in (state.kept if state else ())
        ]

    def _exchange(self, source: str, backup: str, used: Kept | None = None, restored_point: str = "") -> Kept:
        host, now = self._at.host, time.time()
        state = read_state(host, self.place)
        others = tuple(one for one in (state.kept if state else ()) if one != used)
        kept = Kept(f"{int(now)}-{secrets.token_hex(4)}", backup, now + self._keep)
        if host.stat(self.place.path) is not None:
            self._cluster.stop()
        exchange(host, self.place, source, self._at.run.id, kept, others, restored_point)
        return kept

    def _back(self, kept: Kept) -> None:
        state = read_state(self._at.host, self.place)
        if state is None or kept not in state.kept:
            return
        with suppress(SentraPlayError):
            self._exchange(old_directory(kept.token), "", kept)
            self._cluster.start()

    def _start(self, verdict: Verdict) -> None:
        self._cluster.start()
        until = time.monotonic() + _ANSWER
        while not verdict():
            if time.monotonic() > until:
                raise TaskFailed(
                    f"the server does not answer as the recovered cluster within {_ANSWER:g} seconds",
                    where=f"{self._at.host.name}:{self.place.path}",
                    hint="is `server` (address, port, user) that of this data directory?",
                )
            self._at.sleep(_PAUSE)
