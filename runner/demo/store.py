"""The demo's object store: an S3 endpoint on loopback that checks signatures, from the extra `demo`."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final
from urllib.parse import urlencode
from urllib.request import Request, urlopen
from xml.etree import ElementTree

from runner.demo.place import Place, answers, free_port, wait_until
from runner.errors import SentraPlayError, UsageError

REGION: Final = "eu-central-1"
BUCKET: Final = "sentrascan-backups"

# The server lets its first calls in unsigned, so that a first user can be made: exactly these four.
FIRST_CALLS: Final = 4
POLICY: Final = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}


@dataclass(frozen=True, slots=True)
class Store:
    """A running endpoint with one bucket, and the only keys it accepts."""

    endpoint: str
    access_key_id: str
    secret_access_key: str


def start_store(place: Place) -> Store:
    """Start the endpoint, make its user and the bucket."""
    if find_spec("moto") is None:
        raise UsageError(
            "The demo's object store is not installed.", hint="Install the extra: pip install 'sentraplay[demo]'"
        )
    port = free_port("127.0.0.1")
    env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    env |= {"INITIAL_NO_AUTH_ACTION_COUNT": str(FIRST_CALLS), "PYTHONWARNINGS": "ignore"}
    place.start([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], "store.log", env=env)
    wait_until("The object store", lambda: answers("127.0.0.1", port), place.path / "store.log")
    return _with_user_and_bucket(f"http://127.0.0.1:{port}")


def _with_user_and_bucket(endpoint: str) -> Store:
    def iam(action: str, **more: str) -> bytes:
        form = {"Version": "2010-05-08", "Action": action, "UserName": "demo", **more}
        return _ask(endpoint, "iam", "POST", "/", urlencode(form))

    iam("CreateUser")
    iam("PutUserPolicy", PolicyName="everything", PolicyDocument=json.dumps(POLICY))
    key = ElementTree.fromstring(iam("CreateAccessKey"))
    place = f"<LocationConstraint>{REGION}</LocationConstraint>"
    _ask(endpoint, "s3", "PUT", f"/{BUCKET}", f"<CreateBucketConfiguration>{place}</CreateBucketConfiguration>")
    return Store(endpoint, _text_of(key, "AccessKeyId"), _text_of(key, "SecretAccessKey"))


def _ask(endpoint: str, service: str, method: str, path: str, body: str) -> bytes:
    scope = f"Credential=nobody/20200101/{REGION}/{service}/aws4_request"
    signature = f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=none"
    kind = "application/x-www-form-urlencoded" if service == "iam" else "application/xml"
    headers = {"Content-Type": kind, "Authorization": signature}
    with urlopen(Request(endpoint + path, body.encode(), headers, method=method), timeout=30) as reply:
        return bytes(reply.read())


def _text_of(answer: ElementTree.Element, name: str) -> str:
    found = next((element.text for element in answer.iter() if element.tag.endswith(name)), None)
    if not found:
        raise SentraPlayError(f"the object store made a key without {name}", where="demo")
    return found
