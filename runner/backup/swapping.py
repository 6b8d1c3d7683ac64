"""Restored files take the place of live ones by rename, and the live ones are kept.

Beside each path is a private room, `.NAME.sentraplay`, on the same file system: `new/NAME` is restored
there and proved, the live one moves to `old-TOKEN/NAME`. What is under way is written down first,
durably, so that a run killed at any point is finished by the next. A path that is a mount point
cannot be renamed: there the room is `.sentraplay` inside it, and its children are exchanged.
"""

from __future__ import annotations

import io
import json
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Literal

from runner.backup.tar import ROOM_BESIDE, ROOM_INSIDE
from runner.errors import Refused, TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Host, Reader, Script, command

FRESH: Final = "new"
"""The directory of a room that a restore unpacks into."""

Phase = Literal["emptying", "filling", "done"]

_EXCHANGE: Final = Script("""
umask 077
path=$1 new=$2 old=$3
there() { [ -e "$1" ] || [ -L "$1" ]; }
if there "$new"; then
  if there "$path"; then
    mkdir -p -- "${old%/*}" || exit
    aside=$old
    while there "$aside"; do aside=$aside.again; done
    mv -- "$path" "$aside" || exit
  fi
  mv -- "$new" "$path" || exit
fi
rmdir -- "${new%/*}" 2>/dev/null || :
sync "${path%/*}/" && there "$path"
""")

_EMPTY: Final = Script("""
umask 077
mkdir -p -- "$2" || exit
find "$1" -mindepth 1 -maxdepth 1 ! -name "$3" -exec mv -- {} "$2/" \\;
left=$(find "$1" -mindepth 1 -maxdepth 1 ! -name "$3" | head -n 1)
[ -z "$left" ] && sync "$1" "$2"
""")

_FILL: Final = Script("""
[ ! -d "$2" ] || {
  find "$2" -mindepth 1 -maxdepth 1 -exec mv -- {} "$1/" \\; || exit
  chown -- "$(stat -c %u:%g "$2")" "$1" && chmod -- "$(stat -c %a "$2")" "$1" || exit
  touch -r "$2" "$1" && rmdir -- "$2" "${2%/*}" || exit
}
sync "$1"
""")


@frozen
class Kept:
    """Live data that a restore replaced: which backup replaced it, and until when (epoch seconds) it stays."""

    token: str
    backup: str
    until: float


@frozen
class State:
    """What is written down in a room, about its last exchange.

    `token` names what is replaced; `source` is the directory of the room that holds what comes in its place, and
    `restored_point` how new that is (ISO 8601), "" where the backup says it.
    """

    phase: Phase
    run: str
    backup: str
    token: str
    source: str
    kept: tuple[Kept, ...] = ()
    restored_point: str = ""


@frozen
class Place:
    """A path that is restored, and its room; `inside` is the room's name where the path is a mount point."""

    path: str
    is_mount_point: bool
    inside: str = ROOM_INSIDE

    @property
    def name(self) -> str:
        return posixpath.basename(self.path)

    @property
    def room(self) -> str:
        if self.is_mount_point:
            return f"{self.path}/{self.inside}"
        return f"{posixpath.dirname(self.path).rstrip('/')}/{ROOM_BESIDE.format(name=self.name)}"

    def holding(self, directory: str) -> str:
        """Where a directory of the room holds what has, or had, or will have this path."""
        return f"{self.room}/{directory}/{self.name}"

    def old(self, token: str) -> str:
        return self.holding(old_directory(token))


def old_directory(token: str) -> str:
    """The directory of a room that holds what `token` names."""
    return f"old-{token}"


def place(reader: Reader, path: str, inside: str = ROOM_INSIDE) -> Place:
    """The place of an absolute path; Refused if something is mounted below it, which a rename would take along."""
    mounts = mount_points(reader)
    below = [mount for mount in mounts if mount.startswith(f"{path}/")]
    if below:
        raise Refused(
            message=f"{below[0]} is mounted below {path}",
            where=reader.name,
            why="replacing the directory would carry the mounted file system away with the old one",
            hint=f"back up and restore {below[0]} as a path of its own, or unmount it first",
        )
    return Place(path, path in mounts, inside)


def mount_points(reader: Reader) -> Sequence[str]:
    """Where file systems and bind mounts are attached on the host."""
    lines = reader.query(command("cat", "/proc/self/mountinfo")).stdout.splitlines()
    return [_unescaped(line.split(" ")[4]) for line in lines]


def read_state(reader: Reader, where: Place) -> State | None:
    """What the room says; None if there is none."""
    path = f"{where.room}/state.json"
    if reader.stat(path) is None:
        return None
    plain = json.loads(reader.read(path))
    kept = tuple(Kept(**one) for one in plain["kept"])
    point = plain.get("restored_point", "")
    return State(plain["phase"], plain["run"], plain["backup"], plain["token"], plain["source"], kept, point)


def settle(host: Host, where: Place) -> None:
    """Finish an exchange that was cut off."""
    state = read_state(host, where)
    if state is not None and state.phase != "done":
        _go_on(host, where, state)


def make_room(host: Host, where: Place) -> str:
    """An empty private directory for what will be new; gives its path."""
    fresh = f"{where.room}/{FRESH}"
    host.run(Script('umask 077; rm -rf -- "$2" && mkdir -p -- "$1" && mkdir -- "$2"', (where.room, fresh)))
    return fresh


def exchange(
    host: Host, where: Place, source: str, run: str, kept: Kept, others: Sequence[Kept], restored_point: str = ""
) -> None:
    """Put what the room's directory `source` holds in the place of the live path, if any, which becomes `kept`.

    `others` is what else stays kept; what a rollback brings back is no longer among it.
    """
    replaced = (kept,) if host.stat(where.path) is not None else ()
    state = State("emptying", run, kept.backup, kept.token, source, (*others, *replaced), restored_point)
    _write(host, where, state)
    _go_on(host, where, state)


def newest(reader: Reader, where: Place, state: State | None) -> Kept:
    """The newest of the kept data; TaskFailed if nothing is kept."""
    for kept in reversed(state.kept if state else ()):
        if reader.stat(where.old(kept.token)) is not None:
            return kept
    raise TaskFailed(
        message=f"nothing is kept of what {where.path} was before",
        where=reader.name,
        hint="its keep_previous has passed, or it was not there before the restore; restore an older backup",
    )


def discard_expired(host: Host, where: Place, now: float, run: str) -> list[str]:
    """Remove kept data whose time has passed; gives the paths removed.

    The room goes with the last of it, unless `run` made the exchange: a resumed run must find its mark.
    """
    state = read_state(host, where)
    if state is None or state.phase != "done":
        return []
    left = tuple(kept for kept in state.kept if kept.until > now)
    expired = [where.old(kept.token) for kept in state.kept if kept.until <= now]
    for path in expired:
        host.run(command("rm", "-rf", "--", posixpath.dirname(path)))
    if not left and state.run != run:
        host.run(command("rm", "-rf", "--", where.room))
    elif expired:
        _write(host, where, replace(state, kept=left))
    return expired


def _go_on(host: Host, where: Place, state: State) -> None:
    if not where.is_mount_point:
        host.run(Script(_EXCHANGE.text, (where.path, where.holding(state.source), where.old(state.token))))
    else:
        state = _exchange_children(host, where, state)
    _write(host, where, replace(state, phase="done"))


def _exchange_children(host: Host, where: Place, state: State) -> State:
    if state.phase == "emptying":
        host.run(Script(_EMPTY.text, (where.path, where.old(state.token), where.inside)))
        state = replace(state, phase="filling")
        _write(host, where, state)
    host.run(Script(_FILL.text, (where.path, where.holding(state.source))))
    return state


def _write(host: Host, where: Place, state: State) -> None:
    plain: Mapping[str, Any] = {
        "phase": state.phase,
        "run": state.run,
        "backup": state.backup,
        "token": state.token,
        "source": state.source,
        "kept": [{"token": kept.token, "backup": kept.backup, "until": kept.until} for kept in state.kept],
        "restored_point": state.restored_point,
    }
    host.put(io.BytesIO((json.dumps(plain, indent=2) + "\n").encode()), f"{where.room}/state.json")


def _unescaped(field: str) -> str:
    # The kernel writes blanks, tabs, newlines and backslashes of a path as three octal digits.
    return field.encode().decode("unicode_escape").encode("latin-1").decode("utf-8", "surrogateescape")
