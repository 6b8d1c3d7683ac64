"""A base backup that the server itself compresses (PostgreSQL 15 and newer), as one stream.

pg_basebackup writes such a backup, with its list of files beside it, into an empty directory only. So the file it is
about to write is made a fifo while pg_basebackup is stopped: after it has found the directory empty, and before the
server has ended the checkpoint that comes first. Should that fail, it is seen, and the host compresses instead.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from runner.backup.compression import Compression
from runner.frozen import frozen
from runner.hosts.contract import Command, CommandFailed, Host
from runner.modules.postgres.session import Postgres

_SINCE: Final = 15
_METHODS: Final = ("zstd", "lz4")
# What WAL can be compressed with names what the server was built with (documentation, wal_compression).
_BUILT_WITH: Final = "SELECT array_to_string(enumvals, ' ') FROM pg_settings WHERE name = 'wal_compression'"
_LATE: Final = 75

# $1 a directory to make, $2 the file in it that is written; then the call. The shell keeps the fifo open for writing
# until pg_basebackup has ended, and nobody but `cat` reads it: if that dies, so does pg_basebackup. It is a backup only
# if the fifo was there in time, and nothing was written beside it but the list of files.
_TAKE: Final = f"""
umask 077
room=$1 file=$2
shift 2
mkdir -- "$room" && mkfifo -- "$room/stream" || exit
exec 3<&0 4<>"$room/stream" 5<"$room/stream" 6>"$room/stream" 4<&-
cat <&5 3<&- 5<&- 6>&- &
reading=$!
exec 5<&-
"$@" -D "$room/backup" <&3 3<&- 6>&- &
taking=$!
exec 3<&-
running() {{ read -r id name state rest <"/proc/$taking/stat" && [ "$state" != Z ]; }} 2>/dev/null
while [ ! -d "$room/backup" ] && running; do :; done
caught=
if [ -d "$room/backup" ]; then
  kill -STOP "$taking"
  ln -- "$room/stream" "$room/backup/$file" && caught=yes
  kill -CONT "$taking" 2>/dev/null
fi
[ "$caught" ] || kill -KILL "$taking" 2>/dev/null
wait "$taking"
status=$?
exec 6>&-
wait "$reading"
read=$?
case $caught$status in
  yes0) set -- "$room/backup"/*; [ "$#" = 2 ] || exit {_LATE}; exit "$read" ;;
  0|137) exit {_LATE} ;;
esac
exit "$status"
"""


@frozen
class Room:
    """Where pg_basebackup runs, perhaps in a container: a directory of its own at `path`."""

    server: Postgres
    path: str

    def taken(self, call: Command, file: str) -> Command:
        """What writes the backup to its output. `call` has no directory yet; `file` is what the server names it."""
        program = call.argv[len(self.server.programs.prefix) :]
        return self._there("sh", "-c", _TAKE, "sh", self.path, file, *program)

    def whole(self, file: str) -> Command:
        """What writes another file of the backup to its output."""
        return self._there("cat", "--", f"{self.path}/backup/{file}")

    def end(self, file: str, size: int) -> Command:
        """The same of its last bytes."""
        return self._there("tail", "-c", str(size), "--", f"{self.path}/backup/{file}")

    def removed(self) -> Command:
        """What removes all of it."""
        return self._there("rm", "-rf", "--", self.path)

    def _there(self, *argv: str) -> Command:
        programs = self.server.programs
        return Command((*programs.prefix, *argv), cwd=programs.cwd)


@contextmanager
def room(host: Host, server: Postgres) -> Iterator[Room]:
    """For one backup; removed at the end."""
    if not server.programs.in_container:
        with host.private_directory() as directory:
            yield Room(server, f"{directory}/taken")
        return
    found = Room(server, f"/tmp/sentraplay-{secrets.token_hex(16)}")
    try:
        yield found
    finally:
        host.run(found.removed(), check=False)


def can(server: Postgres, compression: Compression) -> bool:
    """Whether the server compresses that way; pg_basebackup, which is never older, then asks for it."""
    if compression.name not in _METHODS or server.version.major < _SINCE:
        return False
    return compression.name in str(server.maintenance().scalar(_BUILT_WITH)).split()


def method(server: Postgres, compression: Compression) -> str:
    """For pg_basebackup's option `-Z`: with all processors where the server runs on the host, as the host would."""
    found = f"server-{compression.name}:level={compression.level}"
    if compression.name != "zstd" or not server.is_local:
        return found
    programs = server.programs
    count = server.host.query(Command((*programs.prefix, "nproc"), cwd=programs.cwd), check=False)
    return f"{found},workers={count.stdout.strip()}" if count.ok else found


def why_not(failed: CommandFailed) -> str:
    """Why the host has to compress after all; "" if the failure has to do with something else."""
    status = (failed.result.statuses or (failed.result.exit_code,))[0]
    if status == _LATE:
        return "the server's stream could not be caught in time"
    said = [line for line in failed.result.stderr.splitlines() if "compress" in line] if status else []
    return said[-1].strip() if said else ""
