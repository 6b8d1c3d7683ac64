"""What every repository promises.

Guarantees, each checked by tests/contracts/test_repositories.py against every implementation:

- A key is a relative path of `/`-separated names (letters, digits, `._-=+@`, not starting with a
  dot); anything else, `..` included, is refused before the store is asked.
- An object is there whole or not at all; a reader never sees half of one being written.
- `put_if_absent` has exactly one winner among any number of writers.
- `put` returns the size and sha256 of the bytes that were read from the source; a store's own
  checksums are never trusted.
- `list` is in order of keys and complete.
- What a broken `put` or upload left behind is never listed and can be swept.
- Methods may be called from several threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import BinaryIO, Final, Protocol, runtime_checkable

from runner.frozen import frozen
from runner.secret import Secret


@frozen
class StoredObject:
    """What was stored: size in bytes and the sha256 (hex) of its content, both taken as it flowed."""

    key: str
    size: int
    sha256: str


@frozen
class ObjectInfo:
    """An object as the store lists it; `modified` is in UTC."""

    key: str
    size: int
    modified: datetime


@frozen
class Address:
    """A presigned address: whoever holds it may do one thing until it expires, so it is a secret.

    `skip` is how many bytes at the beginning of what is to be sent are there already.
    """

    url: Secret
    method: str
    headers: Mapping[str, str] = field(default_factory=dict)
    skip: int = 0


@frozen
class Part:
    """One part of an upload as its sender measured it; `number` counts from 1.

    Where parts go in order, the last one is known as such.
    """

    number: int
    size: int
    md5: str
    sha256: str
    last: bool = False


@frozen
class SentPart:
    """A part that was stored: what was measured, and the ETag the store answered with (unquoted)."""

    part: Part
    etag: str


class Transfer(StrEnum):
    """Who moves bytes between a target and a store: the target itself, this process, or whichever can."""

    AUTO = "auto"
    TARGET = "target"
    RELAY = "relay"


def _none() -> tuple[Secret, ...]:
    return ()


@frozen
class EncryptionKeys:
    """For whom what is stored must be encrypted before it leaves its host, and the private keys at hand.

    `recipients` are public; without any, nothing is encrypted. `identities` reads the private keys when
    something must be opened.
    """

    recipients: tuple[str, ...] = ()
    identities: Callable[[], tuple[Secret, ...]] = _none


NOT_ENCRYPTED: Final = EncryptionKeys()


class Repository(Protocol):
    @property
    def name(self) -> str:
        """The name the inventory gives it."""
        ...

    @property
    def encryption(self) -> EncryptionKeys:
        """How backups in it are encrypted. It stores what it is given: whoever makes backups sees to it."""
        ...

    def describe(self) -> str:
        """Where it is, for people: `s3://bucket/prefix at https://…`. Holds no credential."""
        ...

    def put_if_absent(self, key: str, data: bytes) -> None:
        """Store a small object; AlreadyExists if the key is taken."""
        ...

    def put(self, key: str, source: BinaryIO) -> StoredObject:
        """Store a stream of unknown length. If `source` raises, nothing is stored and the error goes on."""
        ...

    def get(self, key: str, *, offset: int = 0, length: int | None = None) -> AbstractContextManager[BinaryIO]:
        """The object's bytes from `offset`, `length` of them or to the end; ObjectNotFound if it is not there."""
        ...

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Every object whose key starts with `prefix`."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; nothing happens if it is not there."""
        ...

    def sweep(self, older_than: timedelta) -> int:
        """Remove what broken puts and uploads left and nothing has touched for so long; returns how many."""
        ...

    def close(self) -> None: ...


class Upload(Protocol):
    """An object being sent in parts by somebody who holds no credential."""

    def sign(self, part: Part) -> Address:
        """An address that takes exactly this part (its length and MD5 are signed). May be asked again."""
        ...

    def holds(self, sent: SentPart) -> bool:
        """Whether the part arrived whole, by its ETag or by what the store says; where neither proves anything,
        `complete` does."""
        ...

    def complete(self, parts: Sequence[SentPart], md5: str = "") -> None:
        """Make the object appear; RepositoryError if it is not what its sender measured. `md5` (hex) is of the whole,
        measured only where parts go in order."""
        ...

    def abort(self) -> None:
        """Forget the upload and every part of it. Idempotent."""
        ...


@runtime_checkable
class Presigning(Protocol):
    """A repository that can let a target send and fetch by itself."""

    @property
    def transfer(self) -> Transfer:
        """Who moves the bytes, as the inventory says."""
        ...

    @property
    def in_order(self) -> bool:
        """Whether parts have to be sent one after the other, and the last one as such."""
        ...

    def part_size(self, number: int) -> int:
        """How many bytes part `number` (from 1) holds, a multiple of 64 KiB; every part but the last is full."""
        ...

    def begin(self, key: str) -> Upload: ...

    def address_to_get(self, key: str, lifetime: timedelta) -> Address:
        """An address that gives the object's bytes, ranges included; the object need not be there yet."""
        ...


@frozen
class Lock:
    """What the store itself holds against deletion of an object: until when (UTC), and whether by a legal hold.

    `compliance` means that nobody may shorten it; otherwise whoever has the right for it may (governance).
    """

    until: datetime | None = None
    compliance: bool = False
    held: bool = False


@runtime_checkable
class Locking(Protocol):
    """A repository whose store can keep an object from being deleted (S3 Object Lock, GCS retention)."""

    def lock(self, key: str) -> Lock:
        """What holds the object now; ObjectNotFound if it is not there."""
        ...

    def hold(self, key: str, held: bool) -> None:
        """Put an object under a legal hold or take it off. Idempotent; ObjectNotFound if it is not there."""
        ...


@runtime_checkable
class OnHost(Protocol):
    """A repository in a directory of a host: somebody on that host can use its files directly."""

    @property
    def host_name(self) -> str:
        """The inventory name of the host that has the directory."""
        ...

    @property
    def mount(self) -> str:
        """The mount point of the disk it is on, without which nothing is stored; "" if that was not said."""
        ...

    def path_of(self, key: str) -> str:
        """The absolute path of an object on that host."""
        ...

    def prepare(self, key: str) -> str:
        """The path of a new, empty 0600 file for somebody on that host to fill; never listed."""
        ...

    def commit(self, temporary: str, key: str) -> None:
        """Make a prepared and filled file the object, durably, in one step."""
        ...

    def discard(self, temporary: str) -> None:
        """Remove a prepared file. Idempotent."""
        ...


class Repositories(Protocol):
    """The repositories a play may name."""

    def get(self, name: str) -> Repository:
        """The repository of that name, opened at its first use."""
        ...

    def retention(self, name: str) -> Mapping[str, object]:
        """How long its definition wants backups to stay; empty if it does not say."""
        ...

    def close(self) -> None: ...
