"""The work of files_restore on a host: unpack beside, prove, swap, keep."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from runner.backup import tar
from runner.backup.catalogue import check_presence
from runner.backup.encryption import Opening, readable
from runner.backup.lineage import lineage
from runner.backup.manifest import BackupObject, Manifest
from runner.backup.swapping import (
    FRESH,
    Kept,
    Place,
    discard_expired,
    exchange,
    make_room,
    newest,
    old_directory,
    read_state,
    settle,
)
from runner.errors import SentraPlayError, TaskFailed, VerificationFailed
from runner.frozen import frozen
from runner.hosts.contract import Host, Pipeline, Script, command
from runner.repositories.contract import Repository

Progress = Callable[[str, int, int | None], None]

# The nearest directory that exists says how much fits; `df -P` gives one line per file system.
_ROOM_LEFT: Final = Script("""
path=$1
while [ ! -d "$path" ]; do path=${path%/*}; path=${path:-/}; done
set -- $(df -Pk "$path" | tail -n 1)
echo "$4 $6"
""")

_MAKE_PARENT: Final = Script("""
[ -d "$1" ] || { mkdir -- "$1" && chmod -- "$2" "$1" && { [ "$(id -u)" -ne 0 ] || chown -- "$3" "$1"; }; }
""")

_REACHES_OUT: Final = 9

_SYNC: Final = Script('sync -f "$1" 2>/dev/null || sync')


@frozen
class Target:
    """Where to, and what (None when kept data is brought back); `root` is put before every path of the backup.

    `before` are the archives an increment is unpacked over, each with its backup, the whole one first.
    """

    place: Place
    object: BackupObject | None
    root: str
    before: tuple[tuple[Manifest, BackupObject], ...] = ()


class Restore:
    """One use of files_restore on a host."""

    def __init__(self, host: Host, run: str, now: float, keep: float, progress: Progress) -> None:
        """`now` is epoch seconds; replaced data is kept for `keep` seconds."""
        self._host = host
        self._run = run
        self._now = now
        self._keep = keep
        self._progress = progress

    def settle(self, target: Target) -> None:
        """Finish what a broken run began there, and remove what has been kept long enough."""
        settle(self._host, target.place)
        discard_expired(self._host, target.place, self._now, self._run)

    def run(self, repository: Repository, manifest: Manifest, targets: Sequence[Target]) -> None:
        """Restore every target, or none: nothing is swapped before all are unpacked and proved."""
        for one in lineage(repository, manifest):
            check_presence(repository, one)
        tar.check(self._host)
        self._check_space(targets)
        try:
            for target in targets:
                self._make_parents(manifest, target)
                self._unpack(repository, manifest, target)
        except BaseException:
            for target in targets:
                self._clear(target.place)
            raise
        for target in targets:
            self._swap(target.place, manifest.id)

    def roll_back(self, targets: Sequence[Target]) -> None:
        """Swap what was kept last back in; what it replaces is kept in turn. All or none can be brought back."""
        used = [newest(self._host, target.place, read_state(self._host, target.place)) for target in targets]
        for target, kept in zip(targets, used, strict=True):
            self._swap(target.place, "", old_directory(kept.token), kept)

    def kept(self, targets: Sequence[Target]) -> list[dict[str, Any]]:
        """Where replaced data stays, and until when (UTC)."""
        found = []
        for target in targets:
            state = read_state(self._host, target.place)
            for kept in state.kept if state else ():
                until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(kept.until))
                found.append({"path": target.place.path, "kept_as": target.place.old(kept.token), "until": until})
        return found

    def _unpack(self, repository: Repository, manifest: Manifest, target: Target) -> None:
        one, where = _required(target), target.place
        fresh = make_room(self._host, where)

        def progress(done: int, total: int | None) -> None:
            self._progress(where.path, done, total)

        whole, *increments = (*target.before, (manifest, one))
        with readable(repository, *whole, self._host, directory=where.room, progress=progress) as opening:
            self._host.run(Pipeline((*opening.members, tar.extract(fresh))), stdin=opening.stdin)
        _compare(tar.count(self._host, fresh, where.name), whole[1], where, self._host)
        for of, part in increments:
            with readable(repository, of, part, self._host, directory=where.room, progress=progress) as opening:
                _compare(self._apply(opening, fresh, of), part, where, self._host)
        if increments:
            tar.count(self._host, fresh, where.name)
        self._host.run(Script(_SYNC.text, (fresh,)))

    def _apply(self, opening: Opening, fresh: str, manifest: Manifest) -> int:
        """How many entries an increment had; VerificationFailed if it would reach out of its directory."""
        look = self._host.query(Pipeline((*opening.members, tar.look())), stdin=opening.stdin, check=False)
        if look.statuses and look.statuses[-1] == _REACHES_OUT:
            raise VerificationFailed(
                f"backup {manifest.id} would rename something from or to another directory",
                where=self._host.name,
                why="no archive of SentraPlay does: this one was made to do harm",
                hint="find out who can write to the repository; nothing was replaced",
            )
        lines = Script("grep -c '^\\./' || [ $? -eq 1 ]")
        said = self._host.query(Pipeline((*opening.members, tar.apply(fresh), lines)), stdin=opening.stdin)
        return int(said.stdout)

    def _swap(self, where: Place, backup: str, source: str = FRESH, used: Kept | None = None) -> None:
        state = read_state(self._host, where)
        others = tuple(kept for kept in (state.kept if state else ()) if kept != used)
        kept = Kept(f"{int(self._now)}-{secrets.token_hex(4)}", backup, self._now + self._keep)
        exchange(self._host, where, source, self._run, kept, others)
        if self._keep == 0:
            discard_expired(self._host, where, self._now, self._run)

    def _clear(self, where: Place) -> None:
        # What cannot be removed now is private, named in the room, and taken by the next restore.
        with suppress(SentraPlayError):
            self._host.run(Script('rm -rf -- "$1/new"; rmdir -- "$1" 2>/dev/null || :', (where.room,)))

    def _check_space(self, targets: Sequence[Target]) -> None:
        needed: dict[str, int] = {}
        free: dict[str, int] = {}
        for target in targets:
            said = self._host.query(Script(_ROOM_LEFT.text, (target.place.path,), env=tar.PLAIN)).stdout
            kilobytes, mount = said.rstrip("\n").split(" ", 1)
            free[mount] = int(kilobytes) * 1024
            archives = [_required(target), *(one for _, one in target.before)]
            needed[mount] = needed.get(mount, 0) + sum(int(one.details["bytes"]) for one in archives)
        for mount, wanted in needed.items():
            if wanted > free[mount]:
                raise TaskFailed(
                    message=f"{wanted} bytes are needed on {mount}, {free[mount]} are free",
                    where=self._host.name,
                    why="files are restored beside the live ones, which stay until the swap",
                    hint="free space there, or restore path by path (paths)",
                )

    def _make_parents(self, manifest: Manifest, target: Target) -> None:
        if target.root:
            self._host.run(command("mkdir", "-p", "--", target.root))
        path = target.place.path
        for parent in manifest.contents["parents"]:
            above = f"{target.root}{parent['path']}"
            if path.startswith(f"{above}/"):
                owner = f"{parent['uid']}:{parent['gid']}"
                self._host.run(Script(_MAKE_PARENT.text, (above, parent["mode"], owner)))


def _compare(entries: int, one: BackupObject, where: Place, host: Host) -> None:
    if entries != one.details["entries"]:
        raise VerificationFailed(
            message=f"{entries} entries of {where.path} were unpacked, the backup holds {one.details['entries']}",
            where=host.name,
            hint="nothing was replaced; restore from another backup",
        )


def _required(target: Target) -> BackupObject:
    if target.object is None:
        raise TypeError("a restore needs the object to restore")
    return target.object
