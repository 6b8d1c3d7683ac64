"""gcs_object: files of the controller into a bucket of Google Cloud Storage and back."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from runner.errors import ObjectNotFound
from runner.frozen import frozen
from runner.modules.cloud.gcs import GoogleStore
from runner.modules.cloud.objects import SHA256, ObjectArgs, digest, preview, settle
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.secret import Secret


@frozen
class GcsObjectArgs(ObjectArgs):
    project: str | None = None
    service_account_file: str | None = None
    service_account_contents: Secret | None = None
    endpoint_url: str | None = None


class GcsObject:
    name: ClassVar = "gcs_object"
    Args = GcsObjectArgs

    def preview(self, at: Reading, args: GcsObjectArgs) -> Change:
        with GoogleStore(args) as store:
            return preview(at, _Bucket(store, args.bucket), args)

    def apply(self, at: Acting, args: GcsObjectArgs) -> Outcome:
        with GoogleStore(args) as store:
            return settle(at, _Bucket(store, args.bucket), args)


class _Bucket:
    """Keeps the contract of `Bucket`."""

    def __init__(self, store: GoogleStore, name: str) -> None:
        self._store = store
        self._bucket = store.client.bucket(name)

    @property
    def where(self) -> str:
        return self._store.where

    def exists(self) -> bool:
        with self._store.explained("looking for the bucket"):
            return bool(self._bucket.exists(retry=self._store.retry))

    def keys(self, prefix: str) -> Iterator[str]:
        with self._store.explained("listing"):
            for blob in self._bucket.list_blobs(prefix=prefix, retry=self._store.retry):
                yield str(blob.name)

    def holds(self, key: str) -> bool:
        return self._known(key) is not None

    def same(self, key: str, path: Path) -> bool | None:
        """By the sha256 we gave it, or the MD5 that Google knows of all objects but those composed of others."""
        blob = self._known(key)
        if blob is None or int(blob.size) != path.stat().st_size:
            return False
        if known := (blob.metadata or {}).get(SHA256):
            return bool(known == digest(path, "sha256").hex())
        return None if blob.md5_hash is None else bool(base64.b64decode(blob.md5_hash) == digest(path, "md5"))

    def send(self, key: str, path: Path, sha256: str) -> None:
        blob = self._bucket.blob(key)
        blob.metadata = {SHA256: sha256}
        with self._store.explained(f"storing {key}"):
            blob.upload_from_filename(str(path), checksum="crc32c", retry=self._store.retry)

    def fetch(self, key: str, path: Path) -> None:
        with path.open("wb") as target, self._store.explained(f"reading {key}"):
            self._bucket.blob(key).download_to_file(target, raw_download=True, retry=self._store.retry)

    def delete(self, key: str) -> None:
        with self._store.explained(f"deleting {key}"):
            self._bucket.blob(key).delete(retry=self._store.retry)

    def _known(self, key: str) -> Any:
        """What Google says of an object; None if it is not there."""
        blob = self._bucket.blob(key)
        try:
            with self._store.explained(f"looking at {key}"):
                blob.reload(retry=self._store.retry)
        except ObjectNotFound:
            return None
        return blob
