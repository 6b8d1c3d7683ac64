"""WAL for a recovering server: fetched ahead by several at a time, handed over by its restore_command.

The server has no credential and no way to the repository. Its restore_command is a script that waits for
a file to be put into a directory; which files will come is written there before it starts. If the one who
puts them is gone, the script ends with a status that stops recovery: a recovery that simply ended there
would look like one that reached the end of the log.
"""

from __future__ import annotations

import io
import posixpath
import re
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

from runner.backup.wal.archive import Archived, WalArchive, only
from runner.backup.wal.bringing import Bringer
from runner.backup.wal.names import is_history
from runner.backup.wal.reach import Reach
from runner.errors import Refused, SentraPlayError
from runner.hosts.contract import Host, Script
from runner.modules.postgres.physical.choosing import Choice
from runner.modules.postgres.physical.side import Side

# Files fetched at the same time, and how many may lie ready before the server has taken them.
_LANES: Final = 4
_AHEAD: Final = 24
_INTERVAL: Final = 0.25
_PLAIN: Final = re.compile(r"[A-Za-z0-9._/-]+")

# $1 the directory, $2 the file's name, $3 where it goes: as a link, which spares a copy, where the file systems let it.
# Statuses above 125 end recovery (PostgreSQL documentation, restore_command). Nobody alive for two minutes means that
# nothing will come any more.
_GET: Final = """
directory=$1 name=$2 path=$3
[ -f "$directory/$name" ] || grep -qxF -- "$name" "$directory/expected" ||
  { echo "$name" >>"$directory/asked"; exit 1; }
tries=0
while :; do
  if [ -f "$directory/$name" ]; then
    ln -- "$directory/$name" "$path" 2>/dev/null || cp -- "$directory/$name" "$path" && break
    # One that was taken away under our hands is asked for again; anything else (a full disk) ends recovery.
    [ ! -f "$directory/$name" ] || exit 253
  fi
  [ ! -e "$directory/failed" ] || exit 254
  if [ $((tries % 50)) = 0 ]; then
    [ -n "$(find "$directory/alive" -mmin -2 2>/dev/null)" ] || exit 255
    echo "$name" >>"$directory/wanted"
  fi
  tries=$((tries + 1))
  sleep 0.05 2>/dev/null || sleep 1
done
echo "$name" >>"$directory/taken"
"""
# What came to each list after its first lines, which are known: $2, $3 and $4 are where to begin.
_LOOK: Final = Script("""
cd -- "$1" || exit
: >alive
shift
for list in taken wanted asked; do echo "== $list"; tail -n "+$1" "$list" 2>/dev/null; shift; done
:
""")
_FORGET: Final = Script('cd -- "$1" && shift && rm -f -- "$@"')


class Feeding:
    """What goes to one recovering server; `taken` are the files it has taken, `asked` what it looked for in vain."""

    def __init__(self, archive: WalArchive, reach: Reach, host: Host, directory: str, owner: str | None) -> None:
        """`host` writes into `directory`; the files are given to `owner` (`uid:gid`) if that is another user."""
        self._archive = archive
        self._host = host
        self._directory = directory
        self._owner = owner
        self._files = _offered(archive, reach)
        self._bringer = Bringer(archive, host, owner or "")
        self._order = [one.name for one in reach.segments]
        self._place = {name: number for number, name in enumerate(self._order)}
        self._passed = -1
        self._coming: dict[str, Future[None]] = {}
        self._over = threading.Event()
        self._seen: dict[str, list[str]] = {"taken": [], "wanted": [], "asked": []}
        self.error: BaseException | None = None

    def prepare(self) -> None:
        """The directory and what the restore_command needs, before the server starts.

        Refused if its path holds what a shell or PostgreSQL would read otherwise.
        """
        if not _PLAIN.fullmatch(self._directory):
            raise Refused(
                f"{self._directory} cannot stand in a restore_command",
                where=self._host.name,
                hint="the data directory's path may have letters, digits and ._-/ only",
            )
        names = "".join(f"{name}\n" for name in self._files)
        self._host.run(Script('umask 077; mkdir -- "$1" && : >"$1/alive"', (self._directory,)))
        for name, text in (("expected", names), ("get", _GET)):
            self._host.put(io.BytesIO(text.encode()), posixpath.join(self._directory, name))
        if self._owner:
            self._host.run(Script('exec chown -R -- "$2" "$1"', (self._directory, self._owner)))

    @property
    def taken(self) -> Sequence[str]:
        """In the order of taking; the same file may be taken again."""
        return self._seen["taken"]

    @property
    def asked(self) -> Collection[str]:
        return self._seen["asked"]

    @property
    def restore_command(self) -> str:
        """For the server's settings."""
        return f'sh "{self._directory}/get" "{self._directory}" "%f" "%p"'

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Files come while the context is open."""
        thread = threading.Thread(target=self._work, name="WAL for recovery", daemon=True)
        with ThreadPoolExecutor(_LANES) as pool:
            self._pool = pool
            thread.start()
            try:
                yield
            finally:
                self._over.set()
                thread.join()
                for one in self._coming.values():
                    one.cancel()

    def _work(self) -> None:
        try:
            while not self._over.is_set():
                self._round()
                self._over.wait(_INTERVAL)
        except BaseException as error:  # noqa: BLE001  whoever waits for the recovery raises it
            self.error = error
            self._say_failed()

    def _round(self) -> None:
        new = self._look()
        for name, lines in new.items():
            self._seen[name] += lines
        self._passed = passed = max([self._passed, *(self._place.get(name, -1) for name in new["taken"])])
        for name in [*new["wanted"], *self._order[passed + 1 : passed + 1 + _AHEAD]]:
            self._begin(name)
        for one in self._coming.values():
            if one.done():
                one.result()
        # The last two stay: a server reads where it was again when it changes from one phase to the next.
        old = [name for name in self._order[: max(passed - 1, 0)] if name in self._coming and self._coming[name].done()]
        if old:
            self._host.run(Script(_FORGET.text, (self._directory, *old)))
            for name in old:
                del self._coming[name]

    def _begin(self, name: str) -> None:
        if name in self._files and name not in self._coming:
            path = posixpath.join(self._directory, name)
            self._coming[name] = self._pool.submit(self._bringer.bring, self._files[name], path)

    def _look(self) -> Mapping[str, list[str]]:
        """What is new in each of the lists."""
        known = [str(len(self._seen[name]) + 1) for name in ("taken", "wanted", "asked")]
        found: dict[str, list[str]] = {}
        for line in self._host.query(Script(_LOOK.text, (self._directory, *known))).stdout.splitlines():
            if line.startswith("== "):
                found[line[3:]] = []
            else:
                found[next(reversed(found))].append(line)
        return found

    def _say_failed(self) -> None:
        try:
            self._host.run(Script(': >"$1/failed"', (self._directory,)))
        except SentraPlayError:
            # Then nobody is alive either, which the script sees by itself.
            return


def _offered(archive: WalArchive, reach: Reach) -> Mapping[str, Archived]:
    """Everything on the way, and the history of every timeline: a new one must not take a number that is used."""
    histories = {name: only(found, archive.describe()) for name, found in archive.files().items() if is_history(name)}
    return {**histories, **{one.name: one for one in reach.segments}}


def prepared(choice: Choice, side: Side) -> Feeding:
    """For the side cluster, ready before its server starts."""
    feeding = Feeding(choice.archive, choice.reach, side.files, side.feed, side.chown)
    feeding.prepare()
    return feeding
