"""The demo's object store: an S3 endpoint on loopback that checks signatures, from the extra `demo`."""

from __future__ import annotations

import os
import secrets
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from runner.demo.place import Place, answers, free_port, wait_until
from runner.errors import UsageError
from runner.frozen import frozen

REGION: Final = "us-east-1"
BUCKET: Final = "sentrascan-backups"


@frozen
class Store:
    """A running endpoint with one bucket, and the only keys it accepts."""

    endpoint: str
    access_key_id: str
    secret_access_key: str


def start_store(place: Place) -> Store:
    """Start the endpoint with keys of its own and the bucket."""
    if find_spec("moto") is None:
        raise UsageError(
            "The demo's object store is not installed.", hint="Install the extra: pip install 'sentraplay[demo]'"
        )
    port = free_port("127.0.0.1")
    store = Store(f"http://127.0.0.1:{port}", f"AKIA{secrets.token_hex(8).upper()}", secrets.token_urlsafe(30))
    env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    env |= {"GATEWAY_ACCESS_KEY_ID": store.access_key_id, "GATEWAY_SECRET_ACCESS_KEY": store.secret_access_key}
    # -P: the directory of the program is not where modules are looked for.
    argv = [sys.executable, "-P", str(Path(__file__).with_name("s3_gateway.py")), str(port), BUCKET]
    place.start(argv, "store.log", env=env)
    wait_until("The object store", lambda: answers("127.0.0.1", port), place.path / "store.log")
    return store
