"""A bucket of Google's in which every object has a retention of its own from the moment it is stored.

Such an object can be made noncurrent, but not deleted (https://cloud.google.com/storage/docs/object-lock). The
bucket must have versions too: then whoever overwrites or hides objects destroys nothing, and the bucket `as_of` a
moment before shows them again. So `delete` removes every version, once none of them is kept any more.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from runner.errors import ObjectNotFound, RepositoryError
from runner.frozen import frozen
from runner.repositories.contract import NOT_ENCRYPTED, EncryptionKeys
from runner.repositories.gcs import GcsRepository, GcsSettings


@frozen
class Retention:
    """Every object is kept for so long from when it is stored; nobody can shorten it if `locked`."""

    locked: bool
    retain: timedelta


class LockingGcsRepository(GcsRepository):
    """RepositoryError at the first object if the bucket has no versions or no retention of objects."""

    def __init__(
        self, name: str, settings: GcsSettings, retention: Retention, encryption: EncryptionKeys = NOT_ENCRYPTED
    ) -> None:
        super().__init__(name, settings, encryption)
        self._retention = retention

    def delete(self, key: str) -> None:
        try:
            now = self.lock(key)
        except ObjectNotFound:
            return
        if now.held or (now.until is not None and now.until > datetime.now(UTC)):
            until = "by a hold" if now.held else f"until {now.until:%Y-%m-%d %H:%M} UTC"
            raise RepositoryError(
                f"{key} is locked {until}", where=self.describe(), why="the store keeps it from being deleted"
            )
        path, bucket = self._path(key), self._deleting_client.bucket(self._settings.bucket)
        with self._explained(f"deleting {key}"):
            for version in list(bucket.list_blobs(prefix=path, versions=True, retry=self._retry)):
                if version.name == path:
                    bucket.blob(path, generation=version.generation).delete(retry=self._retry)

    def _new(self, key: str, *, small: bool = False) -> Any:
        if not self._can_retain:
            raise RepositoryError(
                "the bucket has no retention of objects, or no versions",
                where=self.describe(),
                why="the repository's definition wants every object locked, and nothing is stored unlocked",
                hint="make a bucket with both (module gcs_bucket), or take object_lock out of the definition",
            )
        blob = super()._new(key, small=small)
        blob.retention.mode = "Locked" if self._retention.locked else "Unlocked"
        blob.retention.retain_until_time = datetime.now(UTC) + self._retention.retain
        return blob

    @cached_property
    def _can_retain(self) -> bool:
        bucket = self._client.bucket(self._settings.bucket)
        with self._explained("reading the bucket's retention"):
            bucket.reload(retry=self._retry)
        return bool(bucket.versioning_enabled and bucket.object_retention_mode == "Enabled")
