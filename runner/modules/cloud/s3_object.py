"""s3_object: files of the controller into a bucket of an S3-compatible store and back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from runner.frozen import frozen
from runner.modules.cloud.objects import SHA256, ObjectArgs, digest, preview, settle
from runner.modules.cloud.s3 import Connection, Store
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.secret import Secret


@frozen
class S3ObjectArgs(ObjectArgs):
    endpoint_url: str | None = None
    region: str = "us-east-1"
    access_key: Secret | None = None
    secret_key: Secret | None = None
    session_token: Secret | None = None
    profile: str | None = None

    @property
    def connection(self) -> Connection:
        return Connection(
            self.endpoint_url, self.region, self.access_key, self.secret_key, self.session_token, self.profile
        )


class S3Object:
    name: ClassVar = "s3_object"
    Args = S3ObjectArgs

    def preview(self, at: Reading, args: S3ObjectArgs) -> Change:
        with Store(args.connection) as store:
            return preview(at, _Bucket(store, args.bucket), args)

    def apply(self, at: Acting, args: S3ObjectArgs) -> Outcome:
        with Store(args.connection) as store:
            return settle(at, _Bucket(store, args.bucket), args)


class _Bucket:
    """Keeps the contract of `Bucket`."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._name = name

    @property
    def where(self) -> str:
        return self._store.where

    def exists(self) -> bool:
        return self._store.ask("head_bucket", Bucket=self._name) is not None

    def keys(self, prefix: str) -> Iterator[str]:
        with self._store.explained("listing"):
            for page in self._store.client.get_paginator("list_objects_v2").paginate(Bucket=self._name, Prefix=prefix):
                yield from (str(one["Key"]) for one in page.get("Contents", ()))

    def holds(self, key: str) -> bool:
        return self._store.ask("head_object", Bucket=self._name, Key=key) is not None

    def same(self, key: str, path: Path) -> bool | None:
        """By the sha256 we gave it, or an ETag that is an MD5; one of parts that others sent is none."""
        head = self._store.ask("head_object", Bucket=self._name, Key=key)
        if head is None or int(head["ContentLength"]) != path.stat().st_size:
            return False
        if known := head.get("Metadata", {}).get(SHA256):
            return bool(known == digest(path, "sha256").hex())
        etag = str(head["ETag"]).strip('"')
        return None if "-" in etag else etag == digest(path, "md5").hex()

    def send(self, key: str, path: Path, sha256: str) -> None:
        with path.open("rb") as source, self._store.explained(f"storing {key}"):
            metadata = {"Metadata": {SHA256: sha256}}
            self._store.client.upload_fileobj(source, self._name, key, ExtraArgs=metadata)

    def fetch(self, key: str, path: Path) -> None:
        with path.open("wb") as target, self._store.explained(f"reading {key}"):
            self._store.client.download_fileobj(self._name, key, target)

    def delete(self, key: str) -> None:
        self._store.call("delete_object", Bucket=self._name, Key=key)
