"""A repository in a bucket of Google Cloud Storage.

What is large is sent in chunks of a resumable upload, by this process or by the host itself (gcs_upload.py): of a link
that breaks, only the chunk under way is sent again. An upload that was not finished is never listed, and Google forgets
it after a week (https://cloud.google.com/storage/docs/resumable-uploads), so that there is nothing to sweep.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, timedelta
from functools import cached_property
from typing import Any, BinaryIO, Final

from runner.errors import ObjectNotFound, RepositoryError
from runner.frozen import frozen
from runner.repositories import gcs_errors
from runner.repositories.contract import (
    NOT_ENCRYPTED,
    Address,
    EncryptionKeys,
    Lock,
    ObjectInfo,
    StoredObject,
    Transfer,
)
from runner.repositories.gcs_client import Account, asking, can_sign, connect, patient, signed_address
from runner.repositories.gcs_reading import ChunkedReader
from runner.repositories.gcs_upload import ResumableUpload
from runner.repositories.keys import check_key, check_prefix, is_key
from runner.repositories.streams import BLOCK, Tap, buffered
from runner.secret import Secret

# Google wants a multiple of 256 KiB; one chunk is kept in memory, to be sent again.
CHUNK: Final = 16 * 1024 * 1024
_ATTEMPTS: Final = 5
_TYPE: Final = "application/octet-stream"


@frozen
class GcsSettings:
    """What the inventory says about a bucket.

    With `deleting`, only that account deletes: the other may then be denied it, so that whoever steals its key
    from the machine that makes backups cannot remove any.
    """

    bucket: str
    prefix: str = ""
    account: Account = Account()
    deleting: Account | None = None
    storage_class: str | None = None
    kms_key_name: str | None = None
    chunk_size: int = CHUNK
    transfer: Transfer = Transfer.RELAY


class GcsRepository:
    """Objects of a bucket under a prefix; keeps the contract of `Locking` too. Connects when first used."""

    def __init__(self, name: str, settings: GcsSettings, encryption: EncryptionKeys = NOT_ENCRYPTED) -> None:
        self._name = name
        self._encryption = encryption
        self._settings = settings
        self._prefix = f"{settings.prefix.strip('/')}/" if settings.prefix.strip("/") else ""
        self._opening = threading.Lock()

    @property
    def name(self) -> str:
        return self._name

    @property
    def encryption(self) -> EncryptionKeys:
        return self._encryption

    @property
    def transfer(self) -> Transfer:
        """Relayed too where the account cannot sign addresses and nobody insists."""
        wanted = self._settings.transfer
        return Transfer.RELAY if wanted is Transfer.AUTO and not can_sign(self._client) else wanted

    @property
    def in_order(self) -> bool:
        return True

    def part_size(self, number: int) -> int:
        return self._settings.chunk_size

    def begin(self, key: str) -> ResumableUpload:
        blob = self._new(key)
        with self._explained(f"beginning to store {key}"):
            address = blob.create_resumable_upload_session(content_type=_TYPE, checksum=None, retry=self._retry)
        return ResumableUpload(asking(self._client), address, blob, self._explained, self.describe())

    def address_to_get(self, key: str, lifetime: timedelta) -> Address:
        with self._explained(f"signing an address of {key}"):
            return Address(Secret(signed_address(self._client, self._blob(key), lifetime)), "GET")

    def describe(self) -> str:
        endpoint = self._settings.account.endpoint
        at = f" at {endpoint}" if endpoint else ""
        return f"gs://{self._settings.bucket}/{self._prefix}".rstrip("/") + at

    def put_if_absent(self, key: str, data: bytes) -> None:
        """Repeated by us, not by Google's package: only we can tell our own object from another's."""
        blob = self._new(key, small=True)
        lost_a_reply = False
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                blob.upload_from_string(data, content_type=_TYPE, checksum="md5", if_generation_match=0, retry=None)
                return
            except gcs_errors.kinds() as error:
                status = gcs_errors.status_of(error)
                if status == 412 and lost_a_reply and self._holds(key, data):
                    return
                if attempt == _ATTEMPTS or not _worth_another_try(status):
                    raise gcs_errors.explained(error, f"storing {key}", self.describe()) from error
                # Without an answer, the object may be there: then the next try meets our own.
                lost_a_reply = True
            time.sleep(0.2 * 2**attempt)

    def _holds(self, key: str, data: bytes) -> bool:
        with self.get(key) as stored:
            return stored.read(len(data) + 1) == data

    def put(self, key: str, source: BinaryIO) -> StoredObject:
        blob = self._new(key)
        tap = Tap(source)
        reader = buffered(tap)
        # Nobody keeps what was sent: it is memory of this process.
        beginning = [reader.read(self._settings.chunk_size)]
        with self._explained(f"storing {key}"):
            if len(beginning[0]) < self._settings.chunk_size:
                blob.upload_from_string(beginning.pop(), content_type=_TYPE, checksum="md5", retry=self._retry)
            else:
                self._put_chunks(blob, beginning, reader)
        if int(blob.size) != tap.size:
            raise RepositoryError(
                f"the store kept {blob.size} of {tap.size} bytes of {key}", where=self.describe(), hint="run again"
            )
        return StoredObject(key, tap.size, tap.sha256)

    def _put_chunks(self, blob: Any, beginning: list[bytes], reader: BinaryIO) -> None:
        """`beginning` is emptied."""
        size = self._settings.chunk_size
        writer = blob.open("wb", chunk_size=size, content_type=_TYPE, checksum="crc32c", retry=self._retry)
        try:
            writer.write(beginning.pop())
            while data := reader.read(BLOCK):
                writer.write(data)
            writer.close()
            blob.reload(retry=self._retry)
        except BaseException as error:
            # An upload is never listed and ends by itself: that it could not be ended now is no other error.
            with suppress(*gcs_errors.kinds()):
                writer.terminate()
                if gcs_errors.is_damaged(error):
                    blob.delete(retry=self._retry)
            raise

    @contextmanager
    def get(self, key: str, *, offset: int = 0, length: int | None = None) -> Iterator[BinaryIO]:
        blob = self._blob(key)
        with self._explained(f"reading {key}"):
            blob.reload(retry=self._retry)
        left = max(0, int(blob.size) - offset)
        wanted = left if length is None else min(length, left)
        bucket, generation = self._client.bucket(self._settings.bucket), int(blob.generation)

        def fetch(position: int, size: int) -> bytes:
            start = offset + position
            # Made anew for each chunk: a download may make Google's object forget which generation it is of.
            exact = bucket.blob(blob.name, generation=generation)
            with self._explained(f"reading {key}"):
                found: bytes = exact.download_as_bytes(
                    start=start,
                    end=start + size - 1,
                    raw_download=True,
                    checksum=None,
                    retry=self._retry,
                )
            return found

        yield buffered(ChunkedReader(fetch, wanted, self._settings.chunk_size, f"{key} in {self.describe()}"))

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        wanted = self._prefix + check_prefix(prefix)
        with self._explained("listing"):
            blobs = self._client.list_blobs(
                self._settings.bucket,
                prefix=wanted,
                fields="items(name,size,timeCreated),nextPageToken",
                retry=self._retry,
            )
            found = [
                ObjectInfo(key, int(blob.size), blob.time_created.astimezone(UTC))
                for blob in blobs
                if is_key(key := str(blob.name).removeprefix(self._prefix))
            ]
        yield from sorted(found, key=lambda info: info.key)

    def delete(self, key: str) -> None:
        try:
            with self._explained(f"deleting {key}"):
                self._deleting_client.bucket(self._settings.bucket).blob(self._path(key)).delete(retry=self._retry)
        except ObjectNotFound:
            return

    def sweep(self, older_than: timedelta) -> int:
        return 0

    def lock(self, key: str) -> Lock:
        blob = self._blob(key)
        with self._explained(f"reading the lock of {key}"):
            blob.reload(retry=self._retry)
        ends = [moment for moment in (blob.retention_expiration_time, blob.retention.retain_until_time) if moment]
        until = max(ends).astimezone(UTC) if ends else None
        return Lock(until, blob.retention.mode == "Locked", bool(blob.temporary_hold or blob.event_based_hold))

    def hold(self, key: str, held: bool) -> None:
        blob = self._blob(key)
        with self._explained(f"{'holding' if held else 'releasing'} {key}"):
            blob.temporary_hold = held
            blob.patch(retry=self._retry)

    def close(self) -> None:
        for name in ("_client", "_deleting_client"):
            if name in self.__dict__:
                self.__dict__[name].close()

    def _path(self, key: str) -> str:
        return self._prefix + check_key(key)

    def _blob(self, key: str) -> Any:
        return self._client.bucket(self._settings.bucket).blob(self._path(key))

    def _new(self, key: str, *, small: bool = False) -> Any:
        """An object to be stored. Small ones are read often, so that no cheaper storage class is cheaper for them."""
        its = self._settings
        path = self._path(key)
        blob = self._client.bucket(its.bucket).blob(path, kms_key_name=its.kms_key_name)
        if its.storage_class and not small:
            blob.storage_class = its.storage_class
        return blob

    @cached_property
    def _retry(self) -> Any:
        return patient(self._settings.account.patience)

    @cached_property
    def _client(self) -> Any:
        return self._connect(self._settings.account)

    @cached_property
    def _deleting_client(self) -> Any:
        return self._connect(self._settings.deleting) if self._settings.deleting else self._client

    def _connect(self, account: Account) -> Any:
        with self._opening, self._explained("opening the store"):
            return connect(account)

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except gcs_errors.kinds() as error:
            raise gcs_errors.explained(error, what, self.describe()) from error


def _worth_another_try(status: int) -> bool:
    return status in {0, 408, 429} or status >= 500
