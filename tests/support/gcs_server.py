"""A Google Cloud Storage on loopback: gcp-storage-emulator, and what it lacks of the real one.

Run as a program: PORT and, in the environment, GCS_CLIENT_EMAIL and GCS_PUBLIC_KEY of the one service account it
knows. Beside the emulator's: tokens are given for signed assertions and asked for; signed addresses (V4) are honoured,
for as long as they say; `ifGenerationMatch` counts; holds and retentions keep objects from being deleted or replaced;
buckets with versions keep them; a chunk that comes twice is taken once, one that was cut off in steps of 256 KiB; of an
upload of which nothing came it is not said that a byte did; a bucket that is not there is said not to be there. Data
live in memory.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import os
import secrets
import sys
import threading
from datetime import UTC, datetime
from email.parser import BytesParser
from http.server import ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from gcp_storage_emulator import server as emulator
from gcp_storage_emulator.exceptions import NotFound
from gcp_storage_emulator.handlers import buckets, objects
from gcp_storage_emulator.storage import Storage

STEP = 256 * 1024
# Fields that the emulator would drop.
objects._WRITABLE_FIELDS = (*objects._WRITABLE_FIELDS, "temporaryHold", "eventBasedHold", "retention", "kmsKeyName")


class Versions(Storage):  # type: ignore[misc]  # the emulator has no types
    """Storage with versions of objects, and with resumable uploads as Google's own accept them."""

    def __init__(self) -> None:
        super().__init__(use_memory_fs=True)
        self.old: dict[tuple[str, str], list[tuple[dict[str, Any], bytes]]] = {}
        self.done: dict[str, dict[str, Any]] = {}

    def has_versions(self, bucket: str) -> bool:
        return bool((self.buckets.get(bucket) or {}).get("versioning", {}).get("enabled"))

    def put_aside(self, bucket: str, name: str) -> None:
        found = self.objects.get(bucket, {}).get(name)
        if found is not None and self.has_versions(bucket):
            gone = {**found, "timeDeleted": now()}
            self.old.setdefault((bucket, name), []).append((gone, self.get_file(bucket, name)))

    def create_file(self, bucket: str, name: str, content: bytes, described: Any, file_id: str | None = None) -> None:
        self.put_aside(bucket, name)
        retention = (self.buckets.get(bucket) or {}).get("retentionPolicy")
        if retention:
            until = datetime.fromtimestamp(datetime.now(UTC).timestamp() + int(retention["retentionPeriod"]), UTC)
            described["retentionExpirationTime"] = until.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        super().create_file(bucket, name, content, described, file_id)
        if file_id:
            self.done[file_id] = described

    def delete_file(self, bucket: str, name: str) -> None:
        self.put_aside(bucket, name)
        super().delete_file(bucket, name)

    def add_to_resumable_upload(
        self, file_id: str, content: bytes, total_size: int | None = None, expected_start: int | None = None
    ) -> bytes | None:
        there = self.get_resumable_byte_count(file_id)
        if expected_start is not None and expected_start < there:
            content, expected_start = (content or b"")[there - expected_start :], there
        found: bytes | None = super().add_to_resumable_upload(file_id, content, total_size, expected_start)
        return found

    def version(self, bucket: str, name: str, generation: str) -> tuple[dict[str, Any], bytes]:
        there = self.objects.get(bucket, {}).get(name)
        if there is not None and there["generation"] == generation:
            return there, self.get_file(bucket, name)
        for described, content in self.old.get((bucket, name), ()):
            if described["generation"] == generation:
                return described, content
        raise NotFound


class Refusal(Exception):
    """An answer other than what was asked for."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Handler(emulator.RequestHandler):  # type: ignore[misc]  # the emulator has no types
    protocol_version = "HTTP/1.1"
    lock: ClassVar = threading.Lock()
    tokens: ClassVar[set[str]] = set()
    sessions: ClassVar[dict[str, str]] = {}

    def _serve(self, method: str) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            with self.lock:
                self._keep(body)
            return
        socket, self.rfile = self.rfile, io.BytesIO(body)
        try:
            with self.lock:
                self._answer(method, body)
        except Refusal as refusal:
            said = {"error": {"code": refusal.status, "message": str(refusal)}}
            self._send(refusal.status, json.dumps(said).encode(), "application/json")
        finally:
            self.rfile = socket

    def _keep(self, body: bytes) -> None:
        """Of a chunk that was cut off stays what makes whole steps, which is then not sent again."""
        query = parse_qs(urlsplit(self.path).query)
        start = self.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
        if self.command == "PUT" and "upload_id" in query and start.isdigit():
            self.storage.add_to_resumable_upload(
                query["upload_id"][0], body[: len(body) - len(body) % STEP], None, int(start)
            )

    def do_GET(self) -> None:  # noqa: N802  the names http.server asks for
        self._serve("GET")

    def do_POST(self) -> None:  # noqa: N802
        self._serve("POST")

    def do_PUT(self) -> None:  # noqa: N802
        self._serve("PUT")

    def do_PATCH(self) -> None:  # noqa: N802
        self._serve("PATCH")

    def do_DELETE(self) -> None:  # noqa: N802
        self._serve("DELETE")

    def _answer(self, method: str, body: bytes) -> None:
        path = urlsplit(self.path).path
        if path == "/":
            return self._send(200, b"OK", "text/plain")
        if path == "/token":
            return self._send(200, json.dumps(self._token(body)).encode(), "application/json")
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        if "upload_id" in query:
            # The address of an upload is its own permission.
            return self._upload(method, query["upload_id"])
        if "X-Goog-Signature" in query:
            return self._signed(method, path, query)
        if self.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            raise Refusal(401, "Invalid Credentials")
        return self._known_caller(method, path, query, body)

    def _known_caller(self, method: str, path: str, query: dict[str, str], body: bytes) -> None:
        if method == "POST" and path.endswith("/b"):
            return self._make_bucket(json.loads(body), query)
        bucket, name = _named(path)
        if bucket not in self.storage.buckets:
            raise Refusal(404, "The specified bucket does not exist.")
        if not name and (method == "PATCH" or path.endswith("/lockRetentionPolicy")):
            return self._change_bucket(self.storage.buckets[bucket], json.loads(body or b"{}"), method)
        if "uploadType" in query:
            if method != "POST":
                raise Refusal(404, "There is no such upload.")
            name = query.get("name") or _metadata(self.headers["Content-Type"], body)["name"]
        return self._ask(method, bucket, name, query)

    def _ask(self, method: str, bucket: str, name: str, query: dict[str, str]) -> None:
        if not name and query.get("versions", "").lower() == "true":
            return self._list_versions(bucket, query.get("prefix", ""))
        if name and method == "DELETE" and "generation" in query:
            return self._delete_version(bucket, name, query["generation"])
        if name and method in {"POST", "DELETE"}:
            self._check(bucket, name, query)
        if name and method == "GET" and "generation" in query:
            return self._version(bucket, name, query)
        if name and method == "GET" and name not in self.storage.objects.get(bucket, {}):
            raise Refusal(404, f"No such object: {bucket}/{name}")
        emulator.Router(self).handle(method)
        return None

    def _make_bucket(self, wanted: dict[str, Any], query: dict[str, str]) -> None:
        """With all that was said of it at once, which the emulator leaves to a second request."""
        made = buckets.create_bucket(wanted["name"], self.storage)
        if not made:
            raise Refusal(409, "You already own this bucket. Please select another name.")
        made.update({key: value for key, value in wanted.items() if value is not None})
        if query.get("enableObjectRetention", "").lower() == "true":
            made["objectRetention"] = {"mode": "Enabled"}
        self._send(200, json.dumps(made).encode(), "application/json")

    def _change_bucket(self, bucket: dict[str, Any], wanted: dict[str, Any], method: str) -> None:
        """All fields that are sent; nobody shortens a retention that is locked."""
        kept = bucket.get("retentionPolicy") or {}
        if method == "POST":
            kept["isLocked"] = True
        elif "retentionPolicy" in wanted:
            period = (wanted["retentionPolicy"] or {}).get("retentionPeriod") or 0
            if kept.get("isLocked") and int(period) < int(kept["retentionPeriod"]):
                raise Refusal(403, "Cannot reduce retention duration of a locked Retention Policy.")
            wanted["retentionPolicy"] = {**kept, "retentionPeriod": str(period)} if period else None
        bucket.update(wanted)
        self._send(200, json.dumps(bucket).encode(), "application/json")

    def _check(self, bucket: str, name: str, query: dict[str, str]) -> None:
        """Whether the object may be replaced or deleted; in a bucket with versions it is only made noncurrent."""
        there = self.storage.objects.get(bucket, {}).get(name)
        wanted = query.get("ifGenerationMatch")
        if wanted is not None and wanted != (there["generation"] if there else "0"):
            raise Refusal(412, "At least one of the pre-conditions you specified did not hold.")
        if there is not None and not self.storage.has_versions(bucket):
            _refuse_kept(there)

    def _delete_version(self, bucket: str, name: str, generation: str) -> None:
        described, _ = self._known(bucket, name, generation)
        _refuse_kept(described)
        if self.storage.objects.get(bucket, {}).get(name) is described:
            Storage.delete_file(self.storage, bucket, name)
        else:
            old = self.storage.old[bucket, name]
            self.storage.old[bucket, name] = [one for one in old if one[0] is not described]
        self._send(204, b"", "text/plain")

    def _known(self, bucket: str, name: str, generation: str) -> tuple[dict[str, Any], bytes]:
        try:
            return self.storage.version(bucket, name, generation)
        except NotFound:
            raise Refusal(404, f"No such object: {bucket}/{name}") from None

    def _upload(self, method: str, upload: str) -> None:
        if method == "DELETE":
            self.storage.resumable.pop(upload, None)
            return self._send(499, b"", "text/plain")
        if upload in self.storage.done:
            return self._send(200, json.dumps(self.storage.done[upload]).encode(), "application/json")
        asked = self.headers.get("Content-Range", "")
        if asked.startswith("bytes */") and asked != "bytes */0" and not self.storage.get_resumable_byte_count(upload):
            # The emulator would say that the first byte is there.
            return self._send(308, b"", "text/plain")
        emulator.Router(self).handle(method)
        return None

    def _list_versions(self, bucket: str, prefix: str) -> None:
        found = [item for name, item in self.storage.objects.get(bucket, {}).items() if name.startswith(prefix)]
        for (where, name), old in self.storage.old.items():
            if where == bucket and name.startswith(prefix):
                found += [described for described, _ in old]
        found.sort(key=lambda item: (item["name"], int(item["generation"])))
        self._send(200, json.dumps({"kind": "storage#objects", "items": found}).encode(), "application/json")

    def _version(self, bucket: str, name: str, query: dict[str, str]) -> None:
        described, content = self._known(bucket, name, query["generation"])
        if query.get("alt") != "media":
            return self._send(200, json.dumps(described).encode(), "application/json")
        return self._give(content)

    def _signed(self, method: str, path: str, query: dict[str, str]) -> None:
        """https://cloud.google.com/storage/docs/authentication/canonical-requests, of what is only read."""
        resource, signed = path, urlsplit(self.path).query.partition("&X-Goog-Signature=")[0]
        request = (method, resource, signed, f"host:{self.headers['Host']}\n", "host", "UNSIGNED-PAYLOAD")
        scope = query["X-Goog-Credential"].partition("/")[2]
        digest = hashlib.sha256("\n".join(request).encode()).hexdigest()
        said = "\n".join(("GOOG4-RSA-SHA256", query["X-Goog-Date"], scope, digest)).encode()
        key = serialization.load_pem_public_key(os.environ["GCS_PUBLIC_KEY"].encode())
        assert isinstance(key, rsa.RSAPublicKey)
        try:
            key.verify(bytes.fromhex(query["X-Goog-Signature"]), said, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            raise Refusal(403, "SignatureDoesNotMatch") from None
        begun = datetime.strptime(query["X-Goog-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if (datetime.now(UTC) - begun).total_seconds() > int(query["X-Goog-Expires"]):
            raise Refusal(400, "ExpiredToken")
        bucket, _, name = unquote(path.lstrip("/")).partition("/")
        there = self.storage.objects.get(bucket, {}).get(name)
        generation = query.get("generation") or (there["generation"] if there else "0")
        return self._give(self._known(bucket, name, generation)[1])

    def _give(self, content: bytes) -> None:
        """All of it, or the range that is asked for."""
        start, _, end = self.headers.get("Range", "").removeprefix("bytes=").partition("-")
        if not start:
            return self._send(200, content, "application/octet-stream")
        if int(start) >= len(content):
            raise Refusal(416, "The requested range cannot be satisfied.")
        last = min(int(end or len(content)), len(content) - 1)
        more = {"Content-Range": f"bytes {start}-{last}/{len(content)}"}
        return self._send(206, content[int(start) : last + 1], "application/octet-stream", more)

    def _token(self, body: bytes) -> dict[str, Any]:
        """A token for an assertion that the one service account signed (RFC 7523)."""
        assertion = parse_qs(body.decode())["assertion"][0]
        signed, _, signature = assertion.rpartition(".")
        key = serialization.load_pem_public_key(os.environ["GCS_PUBLIC_KEY"].encode())
        assert isinstance(key, rsa.RSAPublicKey)
        said = json.loads(_plain(signed.split(".")[1]))
        try:
            if said["iss"] != os.environ["GCS_CLIENT_EMAIL"]:
                raise InvalidSignature
            key.verify(_plain(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            raise Refusal(400, "invalid_grant: Invalid JWT Signature.") from None
        token = secrets.token_urlsafe(24)
        self.tokens.add(token)
        return {"access_token": token, "token_type": "Bearer", "expires_in": 3600}

    def _send(self, status: int, body: bytes, kind: str, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **(more or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        print(format % args, flush=True)


def _refuse_kept(there: dict[str, Any]) -> None:
    """Refuse to destroy an object that a hold or a retention keeps."""
    if there.get("temporaryHold") or there.get("eventBasedHold"):
        raise Refusal(403, f"Object '{there['name']}' is under active hold and cannot be deleted or overwritten.")
    ends = [there.get("retentionExpirationTime"), (there.get("retention") or {}).get("retainUntilTime")]
    if any(end and datetime.fromisoformat(end) > datetime.now(UTC) for end in ends):
        raise Refusal(403, f"Object '{there['name']}' is subject to its retention and cannot be deleted.")


def _named(path: str) -> tuple[str, str]:
    """The bucket and the object that an address is about."""
    bucket, _, rest = path.partition("/b/")[2].partition("/")
    return bucket, unquote(rest.removeprefix("o/")) if rest.startswith("o/") else ""


def _metadata(kind: str, body: bytes) -> dict[str, Any]:
    """What is said of an object that is sent, in the first part or alone."""
    if kind.startswith("multipart/"):
        message = BytesParser().parsebytes(f"Content-Type: {kind}\r\n\r\n".encode() + body)
        body = message.get_payload(0).get_payload(decode=True)  # type: ignore[union-attr, assignment, arg-type]
    found: dict[str, Any] = json.loads(body)
    return found


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _plain(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Threads(ThreadingHTTPServer):
    daemon_threads = True


def main() -> None:
    storage = Versions()

    def handler(*arguments: Any) -> Handler:
        return Handler(storage, *arguments)

    with Threads(("127.0.0.1", int(sys.argv[1])), handler) as server, contextlib.suppress(KeyboardInterrupt):
        server.serve_forever(0.1)


if __name__ == "__main__":
    main()
