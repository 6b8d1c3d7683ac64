"""A repository in a directory of any host: the controller, a backup server, or the target itself.

The same POSIX sh runs there whatever the connection is. Unfinished files live in `.incoming` under
the root, so that an object appears by one rename on one file system and a sweep has one place to look.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import BinaryIO, Final

from runner.errors import AlreadyExists, ObjectNotFound, RepositoryError, SentraPlayError
from runner.hosts.contract import CommandFailed, Host, Pipeline, Script, command
from runner.hosts.hashing import sha256_of_input
from runner.hosts.splitting import split_into
from runner.repositories.contract import NOT_ENCRYPTED, EncryptionKeys, ObjectInfo, StoredObject
from runner.repositories.keys import check_key, check_prefix, is_key
from runner.repositories.receiving import NOT_MOUNTED, PLAIN, explain, fill
from runner.repositories.streams import Tap, buffered

_INCOMING: Final = ".incoming"
_TAKEN: Final = 17

# Without its disk the directory would be made anew on the one below, filled there, and hidden by the disk's return.
_MOUNTED: Final = f"""
mounted() {{
  [ "$1" ] || return 0
  while read -r id parent device root at rest; do [ "$at" != "$1" ] || return 0; done </proc/self/mountinfo
  echo "{NOT_MOUNTED} $1" >&2; exit 1
}}
"""

_PREPARE: Final = Script(f"""{_MOUNTED}
umask 077
mounted "$2"
mkdir -p -- "$1" && exec mktemp "$1/XXXXXXXXXXXXXXXX"
""")

_COMMIT: Final = Script("""
umask 077
directory=${2%/*}
mkdir -p -- "$directory" || exit
[ ! -d "$2" ] || { echo "$2 is a directory" >&2; exit 1; }
sync "$1" && mv -f -- "$1" "$2" && sync "$directory" "${directory%/*}" "$3"
""")

_PUT_IF_ABSENT: Final = Script("""
umask 077
directory=${2%/*}
trap 'rm -f -- "$1"' EXIT
mkdir -p -- "$directory" && cat >"$1" && sync "$1" || exit
[ ! -e "$2" ] || exit 17
ln -- "$1" "$2" || { [ ! -e "$2" ] || exit 17; exit 1; }
sync "$directory" "${directory%/*}" "$3"
""")

# What may not be entered must not look as if it were empty. A file deleted between find and stat is simply not listed;
# those told twice are told alike.
_LIST: Final = Script(
    _MOUNTED
    + """
nearest() {
  at=$1
  until [ -e "$at" ] || [ -L "$at" ]; do at=${at%/*}; at=${at:-/}; done
  [ ! -d "$at" ] || [ -x "$at" ] || { echo "$at: Permission denied" >&2; exit 1; }
}
mounted "$3"
nearest "$1"
[ -d "$at" ] || { echo "$at is not a directory" >&2; exit 1; }
[ "$at" = "$1" ] || exit 0
cd -- "$1" || exit
nearest "$2"
[ -d "$2" ] || exit 0
find "$2" -name '.?*' -prune -o -name '*[!A-Za-z0-9._=+@-]*' -prune -o -type f -exec sh -c '
stat -c "%s %Y %n" "$@" 2>/dev/null && exit
for f; do [ ! -e "$f" ] || stat -c "%s %Y %n" "$f" || exit; done' sh {} +
"""
)

_DELETE: Final = Script("""
rm -f -- "$1" || exit
rmdir -- "${1%/*}" 2>/dev/null || :
""")

_RANGE: Final = Script('tail -c "+$2" -- "$1" | head -c "$3"')

_SWEEP: Final = Script("""
[ -d "$1" ] || exit 0
find "$1" -type f -mmin "+$2" -exec sh -c 'for f; do rm -f -- "$f" && echo "$f"; done' sh {} +
""")


class DirectoryRepository:
    """Objects are files of the same path under `root`, mode 0600, owned by the user of the host's view."""

    def __init__(
        self, name: str, host: Host, root: str, encryption: EncryptionKeys = NOT_ENCRYPTED, mount: str = ""
    ) -> None:
        """`root` is an absolute path; it is made when something is first stored.

        With a `mount` (an absolute path) nothing is stored or listed while nothing is mounted there.
        """
        self._name = name
        self._mount = mount
        self._encryption = encryption
        self._host = host
        self._root = root.rstrip("/") or "/"

    @property
    def name(self) -> str:
        return self._name

    @property
    def encryption(self) -> EncryptionKeys:
        return self._encryption

    @property
    def host_name(self) -> str:
        return self._host.name

    @property
    def mount(self) -> str:
        return self._mount

    def describe(self) -> str:
        return f"directory {self._root} on {self._host.name}"

    def path_of(self, key: str) -> str:
        return f"{self._root}/{check_key(key)}"

    def put_if_absent(self, key: str, data: bytes) -> None:
        path = self.path_of(key)
        with self._explained():
            temporary = self.prepare(key)
            script = Script(_PUT_IF_ABSENT.text, (temporary, path, self._root), env=PLAIN)
            result = self._host.run(script, stdin=data, check=False)
            if result.exit_code == _TAKEN:
                raise AlreadyExists(message=f"there is already an object {key}", where=self.describe())
            if not result.ok:
                raise CommandFailed(message=f"storing {key} failed: {result.stderr.strip()}", result=result)

    def put(self, key: str, source: BinaryIO) -> StoredObject:
        temporary = self.prepare(key)
        try:
            stored = self._receive(key, temporary, source)
            self.commit(temporary, key)
        except BaseException:
            self._drop(temporary)
            raise
        return stored

    def _receive(self, key: str, temporary: str, source: BinaryIO) -> StoredObject:
        tap = Tap(source)
        with self._host.stream(Pipeline((split_into(temporary, **PLAIN), sha256_of_input(**PLAIN)))) as stream:
            fill(stream, buffered(tap))
            arrived = stream.stdout.read().split(b" ")[0].decode()
            with self._explained():
                stream.finish()
        if arrived != tap.sha256:
            raise RepositoryError(
                message=f"what arrived of {key} is not what was sent",
                where=self.describe(),
                why=f"sha256 sent {tap.sha256}, arrived {arrived}",
                hint="check the link and the memory of both machines, then run again",
            )
        return StoredObject(key, tap.size, tap.sha256)

    @contextmanager
    def get(self, key: str, *, offset: int = 0, length: int | None = None) -> Iterator[BinaryIO]:
        path = self.path_of(key)
        found = self._host.stat(path)
        if found is None or found.kind != "file":
            raise ObjectNotFound(message=f"there is no object {key}", where=self.describe())
        left = max(0, found.size - offset)
        wanted = left if length is None else min(length, left)
        read = Script(_RANGE.text, (path, str(offset + 1), str(wanted)), env=PLAIN)
        with self._host.stream(read) as stream:

            def prove(size: int) -> None:
                with self._explained():
                    stream.finish()
                if size != wanted:
                    raise RepositoryError(
                        message=f"only {size} of {wanted} bytes of {key} could be read", where=self.describe()
                    )

            yield buffered(Tap(stream.stdout, prove))

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        start = check_prefix(prefix).rpartition("/")[0]
        listing = Script(_LIST.text, (self._root, f"./{start}" if start else ".", self._mount), env=PLAIN)
        with self._explained(), self._host.stream(listing) as stream:
            lines = stream.stdout.read().decode("utf-8", "surrogateescape").splitlines()
            stream.finish()
        infos = (_info(line) for line in lines)
        found = {info.key: info for info in infos if is_key(info.key) and info.key.startswith(prefix)}
        yield from (found[key] for key in sorted(found))

    def delete(self, key: str) -> None:
        with self._explained():
            self._host.run(Script(_DELETE.text, (self.path_of(key),), env=PLAIN))

    def sweep(self, older_than: timedelta) -> int:
        minutes = int(older_than.total_seconds() // 60)
        with self._explained():
            result = self._host.run(Script(_SWEEP.text, (self._incoming, str(minutes)), env=PLAIN))
        return len(result.stdout.splitlines())

    def prepare(self, key: str) -> str:
        check_key(key)
        with self._explained():
            return self._host.run(Script(_PREPARE.text, (self._incoming, self._mount), env=PLAIN)).stdout.rstrip("\n")

    def commit(self, temporary: str, key: str) -> None:
        with self._explained():
            self._host.run(Script(_COMMIT.text, (temporary, self.path_of(key), self._root), env=PLAIN))

    def discard(self, temporary: str) -> None:
        self._host.run(command("rm", "-f", "--", temporary))

    def close(self) -> None:
        """The host belongs to whoever opened it."""

    @property
    def _incoming(self) -> str:
        return f"{self._root}/{_INCOMING}"

    def _drop(self, temporary: str) -> None:
        # What broke the put may well keep this from working too; the sweep of a later run takes the file then.
        with suppress(SentraPlayError):
            self.discard(temporary)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except CommandFailed as failed:
            raise explain(failed, self.describe(), self._host.name) from failed


def _info(line: str) -> ObjectInfo:
    size, modified, path = line.split(" ", 2)
    return ObjectInfo(path.removeprefix("./"), int(size), datetime.fromtimestamp(int(modified), UTC))
