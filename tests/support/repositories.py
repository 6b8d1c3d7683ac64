"""Every kind of repository there is, for suites that hold all of them to one contract."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runner.hosts.contract import Host
from runner.repositories.directory import DirectoryRepository
from runner.repositories.gcs import GcsRepository, GcsSettings
from runner.repositories.gcs_client import Account
from runner.repositories.s3 import S3Repository, S3Settings
from runner.secret import Secret
from tests.support.gcs import GoogleStore
from tests.support.objectstore import ObjectStore

SMALLEST_PART = 5 * 1024 * 1024


def in_directory(host: Host, path: Path | str) -> DirectoryRepository:
    """One in a directory of `host`."""
    return DirectoryRepository("directory", host, str(path))


def in_bucket(store: ObjectStore, bucket: str, /, **changed: Any) -> S3Repository:
    """One in a bucket, with the smallest parts; `changed` replaces settings."""
    return S3Repository("bucket", bucket_settings(store, bucket, **changed))


def bucket_settings(store: ObjectStore, bucket: str, /, **changed: Any) -> S3Settings:
    """Settings of a bucket, with the smallest parts; `changed` replaces some."""
    settings: dict[str, Any] = {
        "bucket": bucket,
        "prefix": "backups/here",
        "endpoint": store.endpoint,
        "region": store.region,
        "addressing": "path",
        "access_key_id": Secret(store.access_key_id),
        "secret_access_key": Secret(store.secret_access_key),
        "part_size": SMALLEST_PART,
    }
    return S3Settings(**{**settings, **changed})


def in_google(store: GoogleStore, bucket: str, /, **changed: Any) -> GcsRepository:
    """One in a bucket of Google's, with chunks of 1 MiB; `changed` replaces settings."""
    return GcsRepository("google", google_settings(store, bucket, **changed))


def google_settings(store: GoogleStore, bucket: str, /, **changed: Any) -> GcsSettings:
    """Settings of a bucket of Google's, with chunks of 1 MiB; `changed` replaces some."""
    account = Account(service_account_contents=Secret(store.account), endpoint=store.endpoint, patience=10)
    return GcsSettings(
        **{"bucket": bucket, "prefix": "backups/here", "account": account, "chunk_size": 2**20, **changed}
    )
