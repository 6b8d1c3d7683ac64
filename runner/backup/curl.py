"""Talking to an object store from a host, by its curl and presigned addresses.

An address is a secret: it reaches curl as configuration on standard input, never as an argument,
so that no list of processes shows it, and it is in no file.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from runner.errors import RepositoryError
from runner.hosts.contract import Reader, Script
from runner.repositories.contract import Address, Presigning

# First -q, so that a .curlrc on the host changes nothing. No transfer may crawl below 1 KB/s for a minute.
OPTIONS: Final = "-q --silent --show-error --connect-timeout 10 --speed-limit 1000 --speed-time 60 --config -"

_PROBE: Final = Script(f"""
for program in curl dd mkfifo md5sum sha256sum tee; do
  command -v "$program" >/dev/null || {{ echo "$program is not installed"; exit 3; }}
done
code=$(curl {OPTIONS} --max-time 20 --output /dev/null --write-out '%{{http_code}}' 2>&1) && exit 0
echo "$code" | tail -n 1
exit 3
""")


def configuration(address: Address) -> str:
    """What curl reads on stdin to use an address; ends with a newline."""
    url = address.url.reveal()
    lines = [f'url = "{url}"', *(f'header = "{name}: {value}"' for name, value in address.headers.items())]
    # An upload waits for no "100 Continue": a store that never sends it would cost a second per part.
    lines.append('header = "Expect:"')
    if address.skip:
        lines.append(f"continue-at = {address.skip}")
    if any(set('"\\\n\r') & set(value) for value in (url, *address.headers.values())):
        raise RepositoryError(message="the store made an address that cannot be passed on safely")
    return "".join(f"{line}\n" for line in lines)


def unreachable(host: Reader, repository: Presigning, key: str) -> str:
    """Why `host` cannot talk to the store by itself; empty if it can (whatever the store answers about `key`)."""
    address = repository.address_to_get(key, timedelta(minutes=5))
    # One byte is asked for, so that probing a large object costs nothing.
    text = configuration(address) + 'range = "0-0"\n'
    result = host.query(_PROBE, stdin=text.encode(), check=False)
    return "" if result.ok else (result.stdout.strip() or result.stderr.strip() or "curl failed")
