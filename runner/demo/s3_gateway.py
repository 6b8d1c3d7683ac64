"""The S3 endpoint's process: moto's server behind a real check of every signature.

moto accepts any signature by default, and with its own check switched on (INITIAL_NO_AUTH_ACTION_COUNT) every
presigned request is an internal error (5.2.5). So the check is here: AWS Signature Version 4 as documented by
AWS ("Authenticating Requests"), for headers and for presigned addresses, their expiry, the payload's hash and
Content-MD5, against the one key pair in the environment.

Run as a program: s3_gateway.py PORT [BUCKET], with GATEWAY_ACCESS_KEY_ID and GATEWAY_SECRET_ACCESS_KEY.
A bucket that is named is there from the start.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import unquote

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
from werkzeug.test import Client

from runner.frozen import frozen

CLOCK_SKEW: Final = timedelta(minutes=15)
UNSIGNED: Final = "UNSIGNED-PAYLOAD"

Environ = dict[str, Any]


class Refused(Exception):  # noqa: N818  (an answer of the protocol, not an error of ours)
    """An S3 error answer."""

    def __init__(self, status: str, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


@frozen
class Signature:
    """What a request claims: by whom, when, over which headers, for how long (presigned only)."""

    credential: str
    signed_headers: str
    signature: str
    date: str
    payload_hash: str
    expires: int | None

    @property
    def access_key_id(self) -> str:
        return self.credential.split("/")[0]

    @property
    def scope(self) -> str:
        return self.credential.partition("/")[2]


@frozen
class Checked:
    """A WSGI application that lets only rightly signed requests through to `inner`."""

    inner: Callable[[Environ, Any], Iterable[bytes]]
    access_key_id: str
    secret_access_key: str

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        body = _body(environ)
        try:
            self._check(environ, body)
        except Refused as refused:
            text = f"<Error><Code>{refused.code}</Code><Message>{refused}</Message></Error>".encode()
            start_response(refused.status, [("Content-Type", "application/xml"), ("Content-Length", str(len(text)))])
            return [b"" if environ["REQUEST_METHOD"] == "HEAD" else text]
        environ["wsgi.input"] = io.BytesIO(body)
        return self.inner(environ, start_response)

    def _check(self, environ: Environ, body: bytes) -> None:
        claim = _claim(environ)
        if claim.access_key_id != self.access_key_id:
            raise Refused("403 Forbidden", "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist")
        _check_time(claim)
        if not hmac.compare_digest(claim.signature, self._sign(environ, claim)):
            raise Refused("403 Forbidden", "SignatureDoesNotMatch", "The request signature we calculated differs")
        if claim.payload_hash != UNSIGNED and claim.payload_hash != hashlib.sha256(body).hexdigest():
            raise Refused("400 Bad Request", "XAmzContentSHA256Mismatch", "The payload is not the one signed")
        stated = environ.get("HTTP_CONTENT_MD5")
        if stated is not None and stated != base64.b64encode(hashlib.md5(body).digest()).decode():
            raise Refused("400 Bad Request", "BadDigest", "The Content-MD5 you specified did not match")

    def _sign(self, environ: Environ, claim: Signature) -> str:
        path, _, query = environ["REQUEST_URI"].partition("?")
        pairs = sorted(_raw_pairs(query).items())
        canonical = "\n".join(
            [
                environ["REQUEST_METHOD"],
                path,
                "&".join(f"{name}={value}" for name, value in pairs if name != "X-Amz-Signature"),
                *(f"{name}:{' '.join(_header(environ, name).split())}" for name in claim.signed_headers.split(";")),
                "",
                claim.signed_headers,
                claim.payload_hash,
            ]
        )
        to_sign = ["AWS4-HMAC-SHA256", claim.date, claim.scope, hashlib.sha256(canonical.encode()).hexdigest()]
        key = f"AWS4{self.secret_access_key}".encode()
        for part in claim.scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        return hmac.new(key, "\n".join(to_sign).encode(), "sha256").hexdigest()


def _claim(environ: Environ) -> Signature:
    query = {name: unquote(value) for name, value in _raw_pairs(environ["REQUEST_URI"].partition("?")[2]).items()}
    try:
        if "X-Amz-Signature" in query:
            return Signature(
                query["X-Amz-Credential"],
                query["X-Amz-SignedHeaders"],
                query["X-Amz-Signature"],
                query["X-Amz-Date"],
                environ.get("HTTP_X_AMZ_CONTENT_SHA256", UNSIGNED),
                int(query["X-Amz-Expires"]),
            )
        words = environ["HTTP_AUTHORIZATION"].removeprefix("AWS4-HMAC-SHA256 ").split(",")
        stated: Mapping[str, str] = dict(word.strip().split("=", 1) for word in words)
        return Signature(
            stated["Credential"],
            stated["SignedHeaders"],
            stated["Signature"],
            environ["HTTP_X_AMZ_DATE"],
            environ["HTTP_X_AMZ_CONTENT_SHA256"],
            None,
        )
    except (KeyError, ValueError):
        raise Refused("403 Forbidden", "AccessDenied", "The request is not signed with Signature Version 4") from None


def _check_time(claim: Signature) -> None:
    signed = datetime.strptime(claim.date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    now = datetime.now(UTC)
    if claim.expires is not None and now > signed + timedelta(seconds=claim.expires):
        raise Refused("403 Forbidden", "AccessDenied", "Request has expired")
    if claim.expires is None and abs(now - signed) > CLOCK_SKEW:
        raise Refused("403 Forbidden", "RequestTimeTooSkewed", "The request time differs too much from the server's")


def _raw_pairs(query: str) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    return {name: value for name, _, value in pairs}


def _header(environ: Environ, name: str) -> str:
    key = name.upper().replace("-", "_")
    return str(environ.get(key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}", ""))


def _body(environ: Environ) -> bytes:
    stream = environ["wsgi.input"]
    if environ.get("wsgi.input_terminated"):
        return bytes(stream.read())
    return bytes(stream.read(int(environ.get("CONTENT_LENGTH") or 0)))


def main() -> None:
    """Serve until killed."""
    store = DomainDispatcherApplication(create_backend_app)
    for bucket in sys.argv[2:]:
        Client(store).put(f"/{bucket}", headers={"Host": "127.0.0.1"})
    keys = os.environ["GATEWAY_ACCESS_KEY_ID"], os.environ["GATEWAY_SECRET_ACCESS_KEY"]
    run_simple("127.0.0.1", int(sys.argv[1]), Checked(store, *keys), threaded=True)


if __name__ == "__main__":
    main()
