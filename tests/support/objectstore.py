"""An S3 endpoint on loopback that checks signatures: moto behind s3_gateway.py, in a process of its own."""

from __future__ import annotations

import os
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import runner.demo
from runner.demo.keeper import Keeper, is_running
from tests.support.workplace import Workplace, answers, free_port, wait_until

REGION: Final = "eu-central-1"
GATEWAY: Final = Path(runner.demo.__path__[0], "s3_gateway.py")


@dataclass(slots=True)
class ObjectStore:
    """A running endpoint and the one key pair it knows. Data live in memory: `stop` and `start` give an empty store."""

    directory: Path
    port: int
    access_key_id: str
    secret_access_key: str
    region: str = REGION
    _keeper: Keeper | None = None

    encrypts: ClassVar[bool] = True
    """Whether it can be told to encrypt what it keeps by keys of its own."""
    writable_when_private: ClassVar[bool] = True
    """Whether a bucket that blocks public ACLs still takes objects."""

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """One line per request."""
        return (self.directory / "s3.log").read_text(errors="replace")

    def client(self, *, secret: str | None = None, endpoint: str | None = None, addressing: str = "path") -> Any:
        """A boto3 client with the user's keys; `secret` and `endpoint` (a proxy's) replace theirs."""
        import boto3
        from botocore.config import Config

        config = Config(
            signature_version="s3v4",
            s3={"addressing_style": addressing},
            retries={"total_max_attempts": 1},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        return boto3.client(
            "s3",
            endpoint_url=endpoint or self.endpoint,
            region_name=self.region,
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key if secret is None else secret,
            config=config,
        )

    def create_bucket(self, name: str = "") -> str:
        """A new, empty bucket."""
        name = name or f"bucket-{os.urandom(4).hex()}"
        self.client().create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": self.region})
        return name

    def keys(self, bucket: str) -> list[str]:
        """The names of all objects."""
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return [found["Key"] for page in pages for found in page.get("Contents", ())]

    def open_uploads(self, bucket: str) -> list[str]:
        """The names of all multipart uploads neither completed nor aborted."""
        return [upload["Key"] for upload in self.client().list_multipart_uploads(Bucket=bucket).get("Uploads", ())]

    def repository(self, bucket: str, prefix: str = "", **more: object) -> dict[str, object]:
        """The inventory's definition of a repository in this store."""
        return {
            "type": "s3",
            "bucket": bucket,
            "prefix": prefix,
            "endpoint": self.endpoint,
            "region": self.region,
            "addressing": "path",
            "access_key_id": self.access_key_id,
            "secret_access_key": self.secret_access_key,
            **more,
        }

    def start(self) -> None:
        """Start the endpoint, empty."""
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            "GATEWAY_ACCESS_KEY_ID": self.access_key_id,
            "GATEWAY_SECRET_ACCESS_KEY": self.secret_access_key,
        }
        # -P: the directory of the program is not where modules are looked for.
        argv = [sys.executable, "-P", str(GATEWAY), str(self.port)]
        self._keeper = Keeper(argv, log=self.directory / "s3.log", env=environment, grace=1)
        wait_until("the object store", self._ready, 60)

    def stop(self) -> None:
        """End the endpoint; everything in it is gone."""
        if self._keeper is not None:
            self._keeper.stop()
            self._keeper = None

    def _ready(self) -> bool:
        if self._keeper is None or not is_running(self._keeper.pid):
            raise OSError(f"the object store ended at once:\n{self.log}")
        return answers("127.0.0.1", self.port)


def start_object_store(workplace: Workplace) -> ObjectStore:
    """A new endpoint, stopped by `stop()` or with the tests."""
    access_key_id = f"AKIA{secrets.token_hex(8).upper()}"
    store = ObjectStore(workplace.directory("s3"), free_port(), access_key_id, secrets.token_urlsafe(30))
    store.start()
    return store
