"""A bucket whose store keeps objects from being deleted (S3 Object Lock), and a bucket as it was at some moment.

A bucket with Object Lock has versions: deleting an object there only hides it. So `delete` removes every
version, once none of them is locked any more; who merely overwrites or hides objects destroys nothing, and
the bucket `as_of` a moment before shows them again.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Final, Literal

from runner.errors import ObjectNotFound, RepositoryError
from runner.frozen import frozen
from runner.repositories.contract import NOT_ENCRYPTED, EncryptionKeys, Lock, ObjectInfo
from runner.repositories.keys import check_key, check_prefix, is_key
from runner.repositories.past import NothingStored
from runner.repositories.s3 import S3Repository, S3Settings
from runner.repositories.s3_errors import code_of
from runner.repositories.s3_upload import MultipartUpload

_NO_LOCK: Final = frozenset({"NoSuchObjectLockConfiguration", "ObjectLockConfigurationNotFoundError"})


@frozen
class ObjectLock:
    """Every object is locked for so long from when it is stored. Nobody can shorten `compliance`; whoever has the
    right for it can shorten `governance`."""

    mode: Literal["governance", "compliance"]
    retain: timedelta


class LockingS3Repository(S3Repository):
    """Keeps the contract of `Locking`. RepositoryError at the first object if the bucket has no Object Lock."""

    def __init__(
        self, name: str, settings: S3Settings, lock: ObjectLock, encryption: EncryptionKeys = NOT_ENCRYPTED
    ) -> None:
        super().__init__(name, settings, encryption)
        self._lock_wish = lock

    def lock(self, key: str) -> Lock:
        with self._explained(f"reading the lock of {key}"):
            said = self._client.head_object(**self._object(key))
        until = said.get("ObjectLockRetainUntilDate")
        return Lock(
            until.astimezone(UTC) if until else None,
            said.get("ObjectLockMode") == "COMPLIANCE",
            said.get("ObjectLockLegalHoldStatus") == "ON",
        )

    def hold(self, key: str, held: bool) -> None:
        with self._explained(f"{'holding' if held else 'releasing'} {key}"):
            self._client.head_object(**self._object(key))
            self._client.put_object_legal_hold(LegalHold={"Status": "ON" if held else "OFF"}, **self._object(key))

    def begin(self, key: str) -> MultipartUpload:
        upload = super().begin(key)
        upload.at_end = lambda: self._see_to_lock(key)
        return upload

    def _see_to_lock(self, key: str) -> None:
        """There are stores that forget by the end of an upload what was said of the lock at its beginning."""
        if self.lock(key).until is None:
            with self._explained(f"locking {key}"):
                self._client.put_object_retention(Retention=self._retention(), **self._object(key))

    def delete(self, key: str) -> None:
        try:
            now = self.lock(key)
        except ObjectNotFound:
            now = Lock()
        if now.held or (now.until is not None and now.until > datetime.now(UTC)):
            until = f"until {now.until:%Y-%m-%d %H:%M} UTC" if now.until and not now.held else "by a legal hold"
            raise RepositoryError(
                f"{key} is locked {until}", where=self.describe(), why="the store keeps it from being deleted"
            )
        wanted = self._object(key)
        with self._explained(f"deleting {key}"):
            for version, _ in versions(self._deleting_client, wanted["Bucket"], wanted["Key"]):
                if version["Key"] == wanted["Key"]:
                    self._deleting_client.delete_object(VersionId=version["VersionId"], **wanted)

    def _new(self, key: str, *, small: bool = False) -> dict[str, Any]:
        if not self._has_object_lock:
            raise RepositoryError(
                "the bucket has no Object Lock",
                where=self.describe(),
                why="the repository's definition wants every object locked, and nothing is stored unlocked",
                hint="make a bucket with Object Lock (module s3_bucket), or take object_lock out of the definition",
            )
        wanted = self._retention()
        locked = {"ObjectLockMode": wanted["Mode"], "ObjectLockRetainUntilDate": wanted["RetainUntilDate"]}
        return {**super()._new(key, small=small), **locked}

    def _retention(self) -> dict[str, Any]:
        return {
            "Mode": self._lock_wish.mode.upper(),
            "RetainUntilDate": datetime.now(UTC) + self._lock_wish.retain,
        }

    @cached_property
    def _has_object_lock(self) -> bool:
        with self._explained("reading the bucket's Object Lock"):
            try:
                said = self._client.get_object_lock_configuration(Bucket=self._settings.bucket)
            except self._errors as error:
                if code_of(error) in _NO_LOCK:
                    return False
                raise
        return bool(said["ObjectLockConfiguration"].get("ObjectLockEnabled") == "Enabled")


class PastS3Repository(NothingStored, S3Repository):
    """The bucket as it was at `moment` (UTC), read from its versions; nothing can be stored or deleted."""

    def __init__(
        self, name: str, settings: S3Settings, moment: datetime, encryption: EncryptionKeys = NOT_ENCRYPTED
    ) -> None:
        super().__init__(name, settings, encryption)
        self._moment = moment

    def describe(self) -> str:
        return f"{super().describe()} as of {self._moment:%Y-%m-%d %H:%M:%S} UTC"

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        wanted = check_prefix(prefix)
        for key, (version, size, modified) in self._known.items():
            if key.startswith(wanted) and version:
                yield ObjectInfo(key, size, modified)

    def _object(self, key: str) -> dict[str, str]:
        known = self._known.get(check_key(key))
        if known is None:
            raise ObjectNotFound(f"there was no object {key}", where=self.describe())
        return {**super()._object(key), "VersionId": known[0]}

    @cached_property
    def _known(self) -> dict[str, tuple[str, int, datetime]]:
        """Version, size and time of every object there was, in order of keys."""
        newest: dict[str, tuple[datetime, str, int]] = {}
        with self._explained("listing the versions"):
            for version, there in versions(self._client, self._settings.bucket, self._prefix):
                modified = version["LastModified"].astimezone(UTC)
                key = str(version["Key"]).removeprefix(self._prefix)
                # The store lists the versions of a key from the newest on: of one second the first is the last.
                if modified <= self._moment and is_key(key) and (key not in newest or modified > newest[key][0]):
                    newest[key] = (modified, version["VersionId"] if there else "", int(version.get("Size", 0)))
        return {key: (one[1], one[2], one[0]) for key, one in sorted(newest.items()) if one[1]}


def versions(client: Any, bucket: str, prefix: str) -> Iterator[tuple[dict[str, Any], bool]]:
    """Every version of every object whose key begins so, and whether it is one (or a mark that it was deleted)."""
    for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        for version in page.get("Versions", ()):
            yield version, True
        for mark in page.get("DeleteMarkers", ()):
            yield mark, False
