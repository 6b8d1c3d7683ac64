"""A bucket of Google Cloud Storage as it was at some moment, read from its versions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import cached_property
from typing import Any

from runner.errors import ObjectNotFound
from runner.repositories.contract import NOT_ENCRYPTED, EncryptionKeys, ObjectInfo
from runner.repositories.gcs import GcsRepository, GcsSettings
from runner.repositories.keys import check_key, check_prefix, is_key
from runner.repositories.past import NothingStored


class PastGcsRepository(NothingStored, GcsRepository):
    """The bucket as it was at `moment` (UTC); nothing can be stored, deleted or held."""

    def __init__(
        self, name: str, settings: GcsSettings, moment: datetime, encryption: EncryptionKeys = NOT_ENCRYPTED
    ) -> None:
        super().__init__(name, settings, encryption)
        self._moment = moment

    def describe(self) -> str:
        return f"{super().describe()} as of {self._moment:%Y-%m-%d %H:%M:%S} UTC"

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        wanted = check_prefix(prefix)
        for key, (_, info) in self._known.items():
            if key.startswith(wanted):
                yield info

    def _blob(self, key: str) -> Any:
        known = self._known.get(check_key(key))
        if known is None:
            raise ObjectNotFound(f"there was no object {key}", where=self.describe())
        return self._client.bucket(self._settings.bucket).blob(self._path(key), generation=known[0])

    @cached_property
    def _known(self) -> dict[str, tuple[int, ObjectInfo]]:
        """Generation and description of every object there was, in order of keys."""
        found: dict[str, tuple[int, ObjectInfo]] = {}
        with self._explained("listing the versions"):
            for blob in self._client.list_blobs(
                self._settings.bucket,
                prefix=self._prefix,
                versions=True,
                fields="items(name,size,timeCreated,timeDeleted,generation),nextPageToken",
                retry=self._retry,
            ):
                key = str(blob.name).removeprefix(self._prefix)
                there = blob.time_created <= self._moment and not (
                    blob.time_deleted and blob.time_deleted <= self._moment
                )
                if there and is_key(key):
                    found[key] = (int(blob.generation), ObjectInfo(key, int(blob.size), blob.time_created))
        return dict(sorted(found.items()))
