"""An object sent in parts, by this process or by a target that only ever sees presigned addresses."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from runner.errors import RepositoryError
from runner.repositories.contract import Address, Part, SentPart
from runner.repositories.s3_errors import code_of, explained
from runner.secret import Secret

_ADDRESS_LIFETIME: Final = timedelta(minutes=15)
_BLOCK: Final = 1024 * 1024
_PLAUSIBLE: Final = datetime(2025, 1, 1, tzinfo=UTC)


def content_md5(data: bytes) -> str:
    """The Content-MD5 header of `data`."""
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def _nothing() -> None:
    return None


class MultipartUpload:
    """One open multipart upload. Counts for nothing until `complete`."""

    def __init__(
        self,
        client: Any,
        target: Mapping[str, str],
        opaque_etags: bool,
        errors: tuple[type[Exception], ...],
        where: str,
    ) -> None:
        """`target` is bucket, key and upload id; `opaque_etags` says that an ETag is not an MD5 there (SSE-KMS)."""
        self._client = client
        self._target = dict(target)
        self._opaque_etags = opaque_etags
        self._errors = errors
        self._where = where
        self.at_end: Callable[[], None] = _nothing
        """Called once the object is there and proved."""

    @classmethod
    def begin(
        cls,
        client: Any,
        object_: Mapping[str, str],
        errors: tuple[type[Exception], ...],
        where: str,
        new: Mapping[str, Any],
    ) -> MultipartUpload:
        """`new` is `object_` with all that is said of it when it is stored."""
        answer = client.create_multipart_upload(**new)
        opaque = "kms" in str(answer.get("ServerSideEncryption", ""))
        return cls(client, {**object_, "UploadId": answer["UploadId"]}, opaque, errors, where)

    @classmethod
    def found(
        cls, client: Any, bucket: str, listed: Mapping[str, Any], errors: tuple[type[Exception], ...], where: str
    ) -> MultipartUpload:
        """An upload as the store lists it."""
        target = {"Bucket": bucket, "Key": str(listed["Key"]), "UploadId": str(listed["UploadId"])}
        return cls(client, target, True, errors, where)

    def send(self, number: int, data: bytes) -> SentPart:
        """Send a part from here."""
        part = Part(
            number,
            len(data),
            hashlib.md5(data, usedforsecurity=False).hexdigest(),
            hashlib.sha256(data).hexdigest(),
        )
        with self._explained(f"sending part {number}"):
            answer = self._client.upload_part(
                Body=data, PartNumber=number, ContentMD5=_as_base64(part.md5), **self._target
            )
        return SentPart(part, str(answer["ETag"]).strip('"'))

    def sign(self, part: Part) -> Address:
        with self._explained(f"signing part {part.number}"):
            url = self._client.generate_presigned_url(
                "upload_part",
                Params={
                    "PartNumber": part.number,
                    "ContentLength": part.size,
                    "ContentMD5": _as_base64(part.md5),
                    **self._target,
                },
                ExpiresIn=int(_ADDRESS_LIFETIME.total_seconds()),
            )
        return Address(Secret(url), "PUT", {"Content-MD5": _as_base64(part.md5)})

    def holds(self, sent: SentPart) -> bool:
        return self._opaque_etags or sent.etag.lower() == sent.part.md5

    def complete(self, parts: Sequence[SentPart], md5: str = "") -> None:
        parts = sorted(parts, key=lambda sent: sent.part.number)
        self._check(parts)
        listed = [{"PartNumber": sent.part.number, "ETag": f'"{sent.etag}"'} for sent in parts]
        with self._explained("completing the upload"):
            try:
                self._client.complete_multipart_upload(MultipartUpload={"Parts": listed}, **self._target)
            except self._errors as error:
                # Repeated after its reply was lost, a completed upload is no longer known.
                if code_of(error) != "NoSuchUpload" or not self._is_there(parts):
                    raise
            self._prove(parts)
            self.at_end()

    def abort(self) -> None:
        with self._explained("aborting the upload"):
            try:
                self._client.abort_multipart_upload(**self._target)
            except self._errors as error:
                if code_of(error) not in {"NoSuchUpload", "404"}:
                    raise

    def last_touched(self, begun: datetime) -> datetime | None:
        """When it was begun or its newest part was stored; None if the store does not know."""
        # Some stores do not keep when an upload was begun and say some date of long ago.
        times = [begun] if begun > _PLAUSIBLE else []
        for page in self._client.get_paginator("list_parts").paginate(**self._target):
            times += [part["LastModified"] for part in page.get("Parts", ())]
        return max(times, default=None)

    def _check(self, parts: Sequence[SentPart]) -> None:
        numbers = [sent.part.number for sent in parts]
        if numbers != list(range(1, len(parts) + 1)):
            raise RepositoryError(message="parts of the upload are missing or doubled", where=self._where)
        for sent in parts:
            if not self.holds(sent):
                raise RepositoryError(
                    message=f"part {sent.part.number} arrived damaged",
                    where=self._where,
                    why=f"the store holds {sent.etag}, sent was {sent.part.md5}",
                    hint="run again; nothing of the upload was kept",
                )

    def _object(self) -> dict[str, str]:
        return {name: self._target[name] for name in ("Bucket", "Key")}

    def _is_there(self, parts: Sequence[SentPart]) -> bool:
        with suppress(*self._errors):
            answer = self._client.head_object(**self._object())
            return str(answer["ETag"]).strip('"') == _combined_etag(parts)
        return False

    def _prove(self, parts: Sequence[SentPart]) -> None:
        size = int(self._client.head_object(**self._object())["ContentLength"])
        whole = size == sum(sent.part.size for sent in parts)
        if whole and (not self._opaque_etags or self._reads_back(parts)):
            return
        self._client.delete_object(**self._object())
        raise RepositoryError(
            message="the completed object is not what was sent",
            where=self._where,
            hint="run again; the object was removed",
        )

    def _reads_back(self, parts: Sequence[SentPart]) -> bool:
        body = self._client.get_object(**self._object())["Body"]
        return all(_hash_of(body, sent.part.size) == sent.part.sha256 for sent in parts)

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except self._errors as error:
            raise explained(error, what, self._where) from error


def _as_base64(md5: str) -> str:
    return base64.b64encode(bytes.fromhex(md5)).decode()


def _combined_etag(parts: Sequence[SentPart]) -> str:
    joined = b"".join(bytes.fromhex(sent.part.md5) for sent in parts)
    return f"{hashlib.md5(joined, usedforsecurity=False).hexdigest()}-{len(parts)}"


def _hash_of(body: Any, size: int) -> str:
    found = hashlib.sha256()
    while size:
        data = body.read(min(size, _BLOCK))
        if not data:
            break
        found.update(data)
        size -= len(data)
    return found.hexdigest()
