"""A host fetches an object from a store by itself, going on where a broken link stopped it."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Final

from runner.backup.curl import OPTIONS, configuration
from runner.errors import ObjectNotFound, RepositoryError
from runner.hosts.contract import Host, Script
from runner.repositories.contract import Presigning, StoredObject

_LIFETIME: Final = timedelta(minutes=15)
_TRIES_WITHOUT_A_BYTE: Final = 6

_DOWNLOAD: Final = Script(f"""
umask 077
code=$(curl {OPTIONS} --fail --continue-at - --output "$1" --write-out '%{{http_code}}')
status=$?
echo "$code"
exit "$status"
""")
_CURL_NO_RANGE: Final = 33
_CURL_WRITE_ERROR: Final = 23


def download(repository: Presigning, expected: StoredObject, host: Host, path: str) -> None:
    """Fetch the object into the file `path` on the host; each try goes on at the first byte still missing.

    Proves the size only. RepositoryError after six tries in a row that brought nothing; ObjectNotFound.
    """
    have = _size(host, path)
    tries = 0
    while have != expected.size:
        if have > expected.size:
            have = _start_over(host, path)
        address = repository.address_to_get(expected.key, _LIFETIME)
        result = host.run(Script(_DOWNLOAD.text, (path,)), stdin=configuration(address).encode(), check=False)
        _give_up_if_hopeless(result.stdout.strip(), result.exit_code, result.stderr, expected, host)
        before, have = have, _size(host, path)
        if result.exit_code == _CURL_NO_RANGE or (result.ok and have not in (before, expected.size)):
            have = _start_over(host, path)
        tries = 0 if have > before else tries + 1
        if tries == _TRIES_WITHOUT_A_BYTE:
            raise _failed(expected, host, result.stderr, have)
        if have != expected.size:
            time.sleep(0.2 * 2**tries)


def _give_up_if_hopeless(code: str, status: int, said: str, expected: StoredObject, host: Host) -> None:
    if code == "404":
        raise ObjectNotFound(message=f"there is no object {expected.key}", where=host.name)
    if status == _CURL_WRITE_ERROR:
        raise RepositoryError(
            message=f"{expected.key} cannot be written on {host.name}",
            where=host.name,
            why=said.strip(),
            hint=f"free space on {host.name} and run again",
        )


def _failed(expected: StoredObject, host: Host, said: str, have: int) -> RepositoryError:
    return RepositoryError(
        message=f"{host.name} could not fetch {expected.key}: {have} of {expected.size} bytes came",
        where=host.name,
        why=said.strip(),
        hint="check the network between the host and the store and run again",
    )


def _size(host: Host, path: str) -> int:
    found = host.stat(path)
    if found is None:
        host.run(Script('umask 077; : >"$1"', (path,)))
        return 0
    return found.size


def _start_over(host: Host, path: str) -> int:
    host.run(Script('umask 077; : >"$1"', (path,)))
    return 0
