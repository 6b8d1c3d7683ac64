"""An object of Google's sent by a host that holds no credential: one resumable upload, its chunks in order.

The address of such an upload is its own permission (https://cloud.google.com/storage/docs/resumable-uploads, "session
URIs"): who has it can send this object within a week, and do nothing else. The store says how much of it has arrived,
so that after a broken link only what is missing is sent again. Of single chunks it proves nothing; the whole object is
compared with the MD5 its sender took.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any, Final

from runner.errors import RepositoryError, VerificationFailed
from runner.frozen import frozen
from runner.repositories import gcs_errors
from runner.repositories.contract import Address, Part, SentPart
from runner.secret import Secret

_RESUME: Final = 308
_ATTEMPTS: Final = 5


@frozen
class Said:
    """The store's answer to a request without a body."""

    status: int
    headers: Mapping[str, str]


Asking = Callable[[str, str, Mapping[str, str]], Said]
"""A method, an address and headers -> what the store says; raises what `gcs_errors` knows."""


class ResumableUpload:
    """See the contract of `Upload`; parts are signed in the order of their numbers."""

    def __init__(
        self, ask: Asking, address: str, blob: Any, explained: Callable[[str], AbstractContextManager[None]], where: str
    ) -> None:
        self._ask = ask
        self._address = address
        self._blob = blob
        self._explained = explained
        self._where = where
        self._begins: dict[int, int] = {1: 0}
        self._tried: set[int] = set()

    def sign(self, part: Part) -> Address:
        """The upload's address, with what it takes to go on where the store is."""
        begin = self._begins[part.number]
        self._begins[part.number + 1] = end = begin + part.size
        there = min(max(self._arrived() - begin, 0), part.size) if part.number in self._tried else 0
        self._tried.add(part.number)
        span = f"{begin + there}-{end - 1}" if there < part.size else "*"
        headers = {"Content-Range": f"bytes {span}/{end if part.last else '*'}"}
        return Address(Secret(self._address), "PUT", headers, skip=there)

    def holds(self, sent: SentPart) -> bool:
        end = self._begins[sent.part.number] + sent.part.size
        return self._is_over(end) if sent.part.last else self._arrived() >= end

    def complete(self, parts: Sequence[SentPart], md5: str = "") -> None:
        size = sum(sent.part.size for sent in parts)
        with self._explained("completing the upload"):
            self._blob.reload()
        found = (int(self._blob.size), base64.b64decode(self._blob.md5_hash or "").hex())
        if found == (size, md5):
            return
        # Stored it is, and nothing but a manifest would make a backup of it.
        with suppress(*gcs_errors.kinds()):
            self._blob.delete()
        raise VerificationFailed(
            "the store does not have what was sent",
            where=self._where,
            why=f"it has {found[0]} bytes with MD5 {found[1] or 'unknown'}, sent were {size} with {md5}",
            hint="run again; if it stays so, the way to the store damages data",
        )

    def abort(self) -> None:
        with self._explained("aborting the upload"):
            self._ask("DELETE", self._address, {"Content-Length": "0"})

    def _arrived(self) -> int:
        """How many bytes the store has; of a finished upload all there can be."""
        said = self._status("*")
        return _count(said) if said.status == _RESUME else max(self._begins.values())

    def _is_over(self, size: int) -> bool:
        """Whether all `size` bytes are there, and the object: asking makes it appear if only that is missing."""
        return self._status(str(size)).status in (200, 201)

    def _status(self, size: str) -> Said:
        with self._explained("asking how much has arrived"):
            for attempt in range(1, _ATTEMPTS):
                with suppress(*gcs_errors.kinds()):
                    said = self._ask("PUT", self._address, _about(size))
                    if said.status in (200, 201, _RESUME):
                        return said
                    if said.status < 500 and said.status != 429:
                        break
                time.sleep(0.2 * 2**attempt)
            said = self._ask("PUT", self._address, _about(size))
        if said.status not in (200, 201, _RESUME):
            raise RepositoryError(
                f"the upload is not known any more: {said.status}",
                where=self._where,
                hint="run again; nothing was kept",
            )
        return said


def _about(size: str) -> Mapping[str, str]:
    return {"Content-Length": "0", "Content-Range": f"bytes */{size}"}


def _count(said: Said) -> int:
    """From `Range: bytes=0-LAST`; without it nothing has arrived."""
    found = said.headers.get("Range", "")
    return int(found.rpartition("-")[2]) + 1 if found else 0
