"""Google Cloud Storage on loopback: gcs_server.py in a process of its own, and the one account it knows."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from runner.demo.keeper import Keeper, is_running
from tests.support.workplace import Workplace, answers, free_port, wait_until

SERVER: Final = Path(__file__).with_name("gcs_server.py")
EMAIL: Final = "backup@tests.iam.gserviceaccount.com"


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class GoogleStore:
    """A running server. Data live in memory."""

    directory: Path
    port: int
    key: rsa.RSAPrivateKey = field(default_factory=_new_key)
    _keeper: Keeper | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """One line per request."""
        return (self.directory / "gcs.log").read_text(errors="replace")

    @cached_property
    def account(self) -> str:
        """The key file of the service account, as text."""
        return json.dumps(self.account_of(self.key))

    def account_of(self, key: rsa.RSAPrivateKey) -> Mapping[str, str]:
        """A key file of the service account with another private key."""
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "type": "service_account",
            "project_id": "tests",
            "private_key_id": "1",
            "private_key": private.decode(),
            "client_email": EMAIL,
            "client_id": "1",
            "token_uri": f"{self.endpoint}/token",
        }

    @property
    def stranger(self) -> str:
        """A key file with a private key that the server does not know."""
        return json.dumps(self.account_of(_new_key()))

    @cached_property
    def client(self) -> Any:
        """Google's own client, with the account."""
        from google.cloud import storage
        from google.oauth2.service_account import Credentials

        credentials = Credentials.from_service_account_info(json.loads(self.account))
        return storage.Client(project="tests", credentials=credentials, client_options={"api_endpoint": self.endpoint})

    def create_bucket(self, name: str = "", *, versioning: bool = False, retention: bool = False) -> str:
        """A new, empty bucket; with `retention` its objects can have one each."""
        bucket = self.client.bucket(name or f"bucket-{os.urandom(4).hex()}")
        bucket.versioning_enabled = versioning
        return str(self.client.create_bucket(bucket, enable_object_retention=retention).name)

    def keys(self, bucket: str) -> list[str]:
        """The names of all objects."""
        return [blob.name for blob in self.client.list_blobs(bucket)]

    def repository(self, bucket: str, prefix: str = "", **more: object) -> dict[str, object]:
        """The inventory's definition of a repository in this store."""
        said = {"endpoint": self.endpoint, "service_account_contents": self.account}
        return {"type": "gcs", "bucket": bucket, "prefix": prefix, **said, **more}

    def start(self) -> None:
        """Start the server, empty."""
        public = self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        environment = {**os.environ, "GCS_CLIENT_EMAIL": EMAIL, "GCS_PUBLIC_KEY": public.decode()}
        argv = [sys.executable, "-P", str(SERVER), str(self.port)]
        self._keeper = Keeper(argv, log=self.directory / "gcs.log", env=environment, grace=1)
        wait_until("Google's object store", self._ready, 60)

    def stop(self) -> None:
        """End the server; everything in it is gone."""
        if self._keeper is not None:
            self._keeper.stop()
            self._keeper = None

    def _ready(self) -> bool:
        if self._keeper is None or not is_running(self._keeper.pid):
            raise OSError(f"Google's object store ended at once:\n{self.log}")
        return answers("127.0.0.1", self.port)


def start_google_store(workplace: Workplace) -> GoogleStore:
    """A new server, stopped by `stop()` or with the tests."""
    store = GoogleStore(workplace.directory("gcs"), free_port())
    store.start()
    return store
