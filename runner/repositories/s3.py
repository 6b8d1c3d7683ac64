"""A repository in a bucket of any S3-compatible store.

Own sha256 everywhere: stores exist that accept a wrong checksum header without a word.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, BinaryIO, Final, Literal

from runner.errors import RepositoryError
from runner.frozen import frozen
from runner.repositories.contract import (
    NOT_ENCRYPTED,
    Address,
    EncryptionKeys,
    ObjectInfo,
    SentPart,
    StoredObject,
    Transfer,
)
from runner.repositories.keys import check_key, check_prefix, is_key
from runner.repositories.s3_errors import code_of, explained, status_of
from runner.repositories.s3_reading import RangedReader
from runner.repositories.s3_upload import MultipartUpload, content_md5
from runner.repositories.streams import Tap, buffered
from runner.secret import Secret

MEBIBYTE: Final = 1024 * 1024
# A store takes 10,000 parts: doubling every 2,000 reaches 968 GiB from parts of 16 MiB.
_PARTS_OF_ONE_SIZE: Final = 2000
_LARGEST_PART: Final = 5 * 1024 * MEBIBYTE
_PART_UNIT: Final = 64 * 1024
_ATTEMPTS: Final = 5


@frozen
class Credentials:
    """Keys, or the name of a profile that has them."""

    access_key_id: Secret | None = None
    secret_access_key: Secret | None = None
    session_token: Secret | None = None
    profile: str | None = None


@frozen
class S3Settings:
    """What the inventory says about a bucket; `part_size` is in bytes. Without keys, boto3's usual places are asked.

    With `deleting`, only those keys delete: the others may then be denied it, so that whoever steals them from
    the machine that makes backups cannot remove any.
    """

    bucket: str
    prefix: str = ""
    endpoint: str | None = None
    region: str | None = None
    addressing: Literal["auto", "path", "virtual"] = "auto"
    access_key_id: Secret | None = None
    secret_access_key: Secret | None = None
    session_token: Secret | None = None
    profile: str | None = None
    ca_bundle: str | None = None
    part_size: int = 16 * MEBIBYTE
    transfer: Transfer = Transfer.AUTO
    server_side_encryption: Literal["AES256", "aws:kms"] | None = None
    kms_key_id: str | None = None
    storage_class: str | None = None
    deleting: Credentials | None = None

    @property
    def stored_as(self) -> dict[str, str]:
        """What is said of an object when it is stored."""
        said = {
            "ServerSideEncryption": self.server_side_encryption,
            "SSEKMSKeyId": self.kms_key_id,
            "StorageClass": self.storage_class,
        }
        return {name: value for name, value in said.items() if value is not None}


class S3Repository:
    """Objects of a bucket under a prefix. Connects when first used."""

    def __init__(self, name: str, settings: S3Settings, encryption: EncryptionKeys = NOT_ENCRYPTED) -> None:
        self._name = name
        self._encryption = encryption
        self._settings = settings
        self._prefix = f"{settings.prefix.strip('/')}/" if settings.prefix.strip("/") else ""
        self._opening = threading.Lock()
        # Each reads the descriptions of the store's requests anew, half a megabyte.
        self._sessions: dict[str | None, Any] = {}
        if not 5 * MEBIBYTE <= settings.part_size <= _LARGEST_PART:
            raise RepositoryError(
                message="part_size must be between 5 MiB and 5 GiB",
                where=self.describe(),
                hint="leave it out for 16 MiB",
            )

    @property
    def name(self) -> str:
        return self._name

    @property
    def encryption(self) -> EncryptionKeys:
        return self._encryption

    @property
    def transfer(self) -> Transfer:
        return self._settings.transfer

    @property
    def in_order(self) -> bool:
        return False

    def describe(self) -> str:
        at = f" at {self._settings.endpoint}" if self._settings.endpoint else ""
        return f"s3://{self._settings.bucket}/{self._prefix}".rstrip("/") + at

    def part_size(self, number: int) -> int:
        doubled = self._settings.part_size << ((number - 1) // _PARTS_OF_ONE_SIZE)
        return min(doubled - doubled % _PART_UNIT, _LARGEST_PART)

    def put_if_absent(self, key: str, data: bytes) -> None:
        lost_a_reply = False
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._client_without_retries.put_object(
                    Body=data, ContentMD5=content_md5(data), IfNoneMatch="*", **self._new(key, small=True)
                )
                return
            except self._errors as error:
                if code_of(error) == "PreconditionFailed" and lost_a_reply and self._holds(key, data):
                    return
                if attempt == _ATTEMPTS or not _worth_another_try(error):
                    raise explained(error, f"storing {key}", self.describe()) from error
                # Without an answer, the object may be there: then the next try meets our own.
                lost_a_reply = lost_a_reply or status_of(error) != 409
            time.sleep(0.2 * 2**attempt)

    def _holds(self, key: str, data: bytes) -> bool:
        with self.get(key) as stored:
            return stored.read(len(data) + 1) == data

    def put(self, key: str, source: BinaryIO) -> StoredObject:
        self._object(key)
        tap = Tap(source)
        reader = buffered(tap)
        # Nobody keeps a part that was sent: each is memory of this process.
        parts = [reader.read(self.part_size(1))]
        with self._explained(f"storing {key}"):
            if len(parts[0]) < self.part_size(1):
                self._client.put_object(Body=parts[0], ContentMD5=content_md5(parts[0]), **self._new(key))
            else:
                self._put_parts(key, parts, reader)
        return StoredObject(key, tap.size, tap.sha256)

    def _put_parts(self, key: str, parts: list[bytes], reader: BinaryIO) -> None:
        """`parts` holds the first one, and is emptied."""
        upload = self.begin(key)
        try:
            sent: list[SentPart] = []
            while parts:
                sent.append(upload.send(len(sent) + 1, parts.pop()))
                if data := reader.read(self.part_size(len(sent) + 1)):
                    parts.append(data)
                del data
            upload.complete(sent)
        except BaseException:
            upload.abort()
            raise

    @contextmanager
    def get(self, key: str, *, offset: int = 0, length: int | None = None) -> Iterator[BinaryIO]:
        with self._explained(f"reading {key}"):
            head = self._client.head_object(**self._object(key))
        left = max(0, int(head["ContentLength"]) - offset)
        wanted = left if length is None else min(length, left)

        def open_at(position: int) -> Any:
            span = f"bytes={offset + position}-{offset + wanted - 1}"
            with self._explained(f"reading {key}"):
                return self._client.get_object(Range=span, IfMatch=head["ETag"], **self._object(key))["Body"]

        raw = RangedReader(open_at, wanted, self._errors, f"{key} in {self.describe()}")
        try:
            yield buffered(raw)
        finally:
            raw.close()

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        wanted = self._prefix + check_prefix(prefix)
        with self._explained("listing"):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._settings.bucket, Prefix=wanted)
            found = [
                ObjectInfo(key, int(item["Size"]), item["LastModified"].astimezone(UTC))
                for page in pages
                for item in page.get("Contents", ())
                if is_key(key := str(item["Key"]).removeprefix(self._prefix))
            ]
        yield from sorted(found, key=lambda info: info.key)

    def delete(self, key: str) -> None:
        with self._explained(f"deleting {key}"):
            self._deleting_client.delete_object(**self._object(key))

    def begin(self, key: str) -> MultipartUpload:
        with self._explained(f"beginning an upload of {key}"):
            return MultipartUpload.begin(self._client, self._object(key), self._errors, self.describe(), self._new(key))

    def address_to_get(self, key: str, lifetime: timedelta) -> Address:
        with self._explained(f"signing an address of {key}"):
            url = self._client.generate_presigned_url(
                "get_object", Params=self._object(key), ExpiresIn=int(lifetime.total_seconds())
            )
        return Address(Secret(url), "GET")

    def sweep(self, older_than: timedelta) -> int:
        limit = datetime.now(UTC) - older_than
        swept = 0
        with self._explained("sweeping unfinished uploads"):
            pages = self._client.get_paginator("list_multipart_uploads").paginate(
                Bucket=self._settings.bucket, Prefix=self._prefix
            )
            listed = [item for page in pages for item in page.get("Uploads", ())]
            for item in listed:
                upload = MultipartUpload.found(self._client, self._settings.bucket, item, self._errors, self.describe())
                touched = upload.last_touched(item["Initiated"])
                if touched is not None and touched < limit:
                    upload.abort()
                    swept += 1
        return swept

    def close(self) -> None:
        for name in ("_client", "_client_without_retries", "_deleting_client"):
            if name in self.__dict__:
                self.__dict__[name].close()

    def _object(self, key: str) -> dict[str, str]:
        return {"Bucket": self._settings.bucket, "Key": self._prefix + check_key(key)}

    def _new(self, key: str, *, small: bool = False) -> dict[str, Any]:
        """An object to be stored. Small ones are read often, so that no cheaper storage class is cheaper for them."""
        said = {
            name: value for name, value in self._settings.stored_as.items() if not (small and name == "StorageClass")
        }
        return {**self._object(key), **said}

    @cached_property
    def _client(self) -> Any:
        return self._connect(attempts=_ATTEMPTS)

    @cached_property
    def _deleting_client(self) -> Any:
        return self._connect(_ATTEMPTS, self._settings.deleting) if self._settings.deleting else self._client

    @cached_property
    def _client_without_retries(self) -> Any:
        # A repeated conditional put whose first reply was lost meets its own object: only we can tell.
        return self._connect(attempts=1)

    def _connect(self, attempts: int, keys: Credentials | None = None) -> Any:
        import boto3
        from botocore.config import Config

        its = self._settings
        keys = keys or Credentials(its.access_key_id, its.secret_access_key, its.session_token, its.profile)
        config = Config(
            signature_version="s3v4",
            s3={"addressing_style": its.addressing},
            retries={"total_max_attempts": attempts, "mode": "standard"},
            connect_timeout=10,
            read_timeout=60,
            max_pool_connections=16,
            # Stores other than Amazon's refuse or ignore the newer checksum trailers.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        with self._opening, self._explained("opening the store"):
            if keys.profile not in self._sessions:
                self._sessions[keys.profile] = boto3.session.Session(profile_name=keys.profile)
            session = self._sessions[keys.profile]
            return session.client(
                "s3",
                endpoint_url=its.endpoint,
                region_name=its.region or session.region_name or "us-east-1",
                aws_access_key_id=_revealed(keys.access_key_id),
                aws_secret_access_key=_revealed(keys.secret_access_key),
                aws_session_token=_revealed(keys.session_token),
                verify=its.ca_bundle,
                config=config,
            )

    @cached_property
    def _errors(self) -> tuple[type[Exception], ...]:
        from botocore.exceptions import BotoCoreError, ClientError

        return (BotoCoreError, ClientError)

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except self._errors as error:
            raise explained(error, what, self.describe()) from error


def _revealed(secret: Secret | None) -> str | None:
    return None if secret is None else secret.reveal()


def _worth_another_try(error: Exception) -> bool:
    status = status_of(error)
    return status in {0, 409, 429} or status >= 500
