"""WAL files from a repository to one host, each by one call there and by the shortest way there is.

A host that has the repository's directory, or can reach the store by itself, decompresses straight from there. Whatever
goes wrong on that way is no verdict: the controller brings the file then, and says what is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final, Literal

from runner.backup.compression import undo
from runner.backup.curl import OPTIONS, configuration
from runner.backup.transfer import why_relay
from runner.backup.wal.archive import Archived, WalArchive
from runner.backup.wal.fetching import damaged, plain
from runner.errors import VerificationFailed
from runner.hosts.contract import CommandFailed, Host, Script
from runner.hosts.hashing import IS_SHA256
from runner.repositories.contract import OnHost, Presigning
from runner.repositories.receiving import fill

_LIFETIME: Final = timedelta(minutes=15)
_CAN_READ: Final = '[ -r "$1" ]'
_ANOTHER: Final = 65

# $1 where it goes, $2 its sha256, $3 whose it becomes; then where it comes from and what decompresses it. Hashed is the
# file as it was written, and it appears whole or not at all. On the disk it is for speed alone: a server that recovers
# waits for that otherwise, file by file.
_TAKE: Final = f"""{IS_SHA256}
umask 077
path=$1 sum=$2 owner=$3
shift 3
trap '[ ! -e "$path.partial" ] || rm -f -- "$path.partial"' EXIT
"""
_PLACE: Final = f"""
is_sha256 "$path.partial" "$sum" || exit {_ANOTHER}
sync -- "$path.partial" 2>/dev/null || :
[ -z "$owner" ] || chown -- "$owner" "$path.partial" || exit
mv -f -- "$path.partial" "$path"
"""
_FROM_INPUT: Final = f'{_TAKE}"$@" >"$path.partial" || exit{_PLACE}'
_FROM_FILE: Final = f'{_TAKE}from=$1; shift\n"$@" <"$from" >"$path.partial" || exit{_PLACE}'
_FROM_STORE: Final = f'{_TAKE}curl {OPTIONS} --fail | "$@" >"$path.partial" || exit{_PLACE}'


class Bringer:
    """Brings files of `archive` to `host`, given to `owner` (`uid:gid`; "" for whoever works there)."""

    def __init__(self, archive: WalArchive, host: Host, owner: str) -> None:
        self._archive = archive
        self._host = host
        self._owner = owner
        self._way: Literal["file", "store", "relay"] | None = None
        self._decompress: dict[str, tuple[str, ...]] = {}

    @property
    def way(self) -> str:
        """The shortest one that was found: `file`, `store` or `relay`; "" before the first file."""
        return self._way or ""

    def bring(self, one: Archived, path: str) -> None:
        """The file at `path`, whole. VerificationFailed if it is not what was archived. From any thread."""
        words = (path, one.sha256, self._owner)
        decompress = self._decompressor(one.compression)
        if one.encrypted or not self._directly(one, words, decompress):
            self._relayed(one, Script(_FROM_INPUT, (*words, *decompress)))

    def _directly(self, one: Archived, words: Sequence[str], decompress: Sequence[str]) -> bool:
        way, repository = self._shortest(one.key), self._archive.repository
        if way == "file" and isinstance(repository, OnHost):
            script = Script(_FROM_FILE, (*words, repository.path_of(one.key), *decompress))
            return self._host.query(script, check=False).ok
        if way == "store" and isinstance(repository, Presigning):
            address = configuration(repository.address_to_get(one.key, _LIFETIME)).encode()
            return self._host.query(Script(_FROM_STORE, (*words, *decompress)), stdin=address, check=False).ok
        return False

    def _relayed(self, one: Archived, script: Script) -> None:
        try:
            with self._archive.repository.get(one.key) as stored, self._host.stream(script) as stream:
                fill(stream, plain(self._archive.repository, one, stored))
                stream.stdout.read()
                stream.finish()
        except CommandFailed as failed:
            said = failed.result.stderr.strip()
            if "No space left" in said:
                raise
            another = failed.result.exit_code == _ANOTHER
            raise damaged(self._archive, one, "its sha256 is another" if another else said) from failed
        except VerificationFailed as failed:  # of the encryption, which does not know whose bytes they are
            raise damaged(self._archive, one, failed.message) from failed

    def _shortest(self, key: str) -> Literal["file", "store", "relay"]:
        if self._way is None:
            self._way = self._found(key)
        return self._way

    def _found(self, key: str) -> Literal["file", "store", "relay"]:
        repository = self._archive.repository
        if isinstance(repository, OnHost) and repository.host_name == self._host.name:
            can_read = Script(_CAN_READ, (repository.path_of(key),))
            return "file" if self._host.query(can_read, check=False).ok else "relay"
        if isinstance(repository, Presigning) and not why_relay(self._host, repository, key):
            return "store"
        return "relay"

    def _decompressor(self, compression: str) -> tuple[str, ...]:
        if compression not in self._decompress:
            members = undo(self._host, compression)
            self._decompress[compression] = tuple(members[0].argv) if members else ("cat",)
        return self._decompress[compression]
