"""Checksums as get_url takes them: `sha256:…`, or `sha256:` and the address of a file that lists them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from runner.errors import TaskFailed
from runner.frozen import frozen

# SHA256 (name) = …, as the BSDs write it.
TAGGED: Final = re.compile(r"[A-Z0-9-]+ \((?P<name>.*)\) = (?P<digest>[0-9a-fA-F]+)")
# A digest, a blank, a blank or an asterisk, and the name: as GNU's programs write it.
LISTED: Final = re.compile(r"(?P<digest>[0-9a-fA-F]{8,})(?:\s+\*?(?P<name>\S.*))?")


@frozen
class Checksum:
    """`digest` is empty while it stands in the file at `listed`."""

    algorithm: str
    digest: str
    listed: str = ""


def parse(text: str) -> Checksum:
    """A checksum as a task gives it; TaskFailed if it is none."""
    algorithm, _, value = text.partition(":")
    value = value.strip()
    if value.startswith(("http://", "https://")):
        return Checksum(algorithm.strip(), "", value)
    digest = re.sub(r"\W+", "", value).lower()
    if not re.fullmatch(r"[0-9a-f]+", digest):
        raise TaskFailed("`checksum` holds no checksum", hint="write sha256: and the digits, or the address of a list")
    return Checksum(algorithm.strip(), digest)


def find(listing: str, name: str) -> str | None:
    """What a list says about a file; a list of one bare checksum says it about any."""
    entries = list(_entries(listing))
    bare = [digest for digest, listed in entries if not listed]
    if len(entries) == 1 and bare:
        return bare[0]
    return next((digest for digest, listed in entries if posixpath.basename(listed) == name), None)


def file_name(url: str) -> str:
    """The last name of an address's path, as get_url names a file in a directory."""
    return posixpath.basename(urlsplit(url).path) or "index.html"


def _entries(listing: str) -> Iterator[tuple[str, str]]:
    for line in listing.splitlines():
        match = TAGGED.fullmatch(line.strip()) or LISTED.fullmatch(line.strip())
        if match:
            yield match["digest"].lower(), match["name"] or ""
