"""s3_object: files of the controller into a bucket and back, one by one or a whole directory."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from runner.errors import TaskFailed, VerificationFailed
from runner.frozen import frozen
from runner.modules.cloud.s3 import Connection, Store, missing
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.secret import Secret

_BLOCK = 1024 * 1024
_SHA256 = "sentraplay-sha256"


@frozen
class S3ObjectArgs:
    bucket: str
    object: str = ""
    mode: Literal["put", "get", "sync", "absent"] = "put"
    src: str | None = None
    dest: str | None = None
    delete: bool = False
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


@frozen
class _Plan:
    """What to send (key -> file), what to fetch (key -> file) and which keys to delete."""

    send: Mapping[str, Path]
    fetch: Mapping[str, Path]
    delete: tuple[str, ...]

    @property
    def needed(self) -> bool:
        return bool(self.send or self.fetch or self.delete)

    @property
    def data(self) -> dict[str, object]:
        return {"sent": sorted(self.send), "fetched": sorted(self.fetch), "deleted": sorted(self.delete)}


class S3Object:
    name: ClassVar = "s3_object"
    Args = S3ObjectArgs

    def preview(self, at: Reading, args: S3ObjectArgs) -> Change:
        with Store(args.connection) as store:
            plan = _plan(at, store, args)
        said = f"would send {len(plan.send)}, fetch {len(plan.fetch)} and delete {len(plan.delete)} objects"
        return Change(plan.needed, said if plan.needed else "everything is as wanted", data=plan.data)

    def apply(self, at: Acting, args: S3ObjectArgs) -> Outcome:
        with Store(args.connection) as store:
            plan = _plan(at, store, args)
            for key, path in plan.send.items():
                at.progress(key, 0, path.stat().st_size)
                _send(store, args.bucket, key, path)
            for key, path in plan.fetch.items():
                _fetch(store, args.bucket, key, path)
            for key in plan.delete:
                store.call("delete_object", Bucket=args.bucket, Key=key)
        return Outcome(plan.needed, plan.data)


def _plan(at: Reading, store: Store, args: S3ObjectArgs) -> _Plan:
    if store.ask("head_bucket", Bucket=args.bucket) is None:
        raise missing(f"bucket {args.bucket}", store)
    if args.mode == "absent":
        there = store.ask("head_object", Bucket=args.bucket, Key=_key(args)) is not None
        return _Plan({}, {}, (args.object,) if there else ())
    if args.mode == "get":
        return _to_fetch(store, args)
    if args.src is None:
        raise TaskFailed(f"mode: {args.mode} needs `src`", hint="a file or directory of the controller")
    source = at.find("files", args.src)
    if args.mode == "put":
        if source.is_dir():
            raise TaskFailed(f"{args.src} is a directory", hint="mode: sync sends a directory")
        return _Plan({} if _is_there(store, args.bucket, _key(args), source) else {args.object: source}, {}, ())
    return _to_sync(store, args, source)


def _to_fetch(store: Store, args: S3ObjectArgs) -> _Plan:
    if args.dest is None:
        raise TaskFailed("mode: get needs `dest`", hint="a file of the controller")
    path = Path(args.dest).expanduser()
    if path.is_dir() or not path.parent.is_dir():
        why = "is a directory" if path.is_dir() else "lies in no directory that is there"
        raise TaskFailed(f"{args.dest} {why}", hint="name a file of the controller in a directory that exists")
    if path.is_file() and _is_there(store, args.bucket, _key(args), path):
        return _Plan({}, {}, ())
    if store.ask("head_object", Bucket=args.bucket, Key=args.object) is None:
        raise missing(f"object {args.object} in {args.bucket}", store)
    return _Plan({}, {args.object: path}, ())


def _to_sync(store: Store, args: S3ObjectArgs, source: Path) -> _Plan:
    """Every file below `source`, as a key of the same path below the prefix `object`."""
    if not source.is_dir():
        raise TaskFailed(f"{args.src} is no directory", hint="mode: put sends a file")
    prefix = f"{args.object.strip('/')}/" if args.object.strip("/") else ""
    files = {f"{prefix}{path.relative_to(source).as_posix()}": path for path in _files(source)}
    send = {key: path for key, path in files.items() if not _is_there(store, args.bucket, key, path)}
    extra = [key for key in _keys(store, args.bucket, prefix) if key not in files] if args.delete else []
    return _Plan(send, {}, tuple(extra))


def _files(source: Path) -> list[Path]:
    return sorted(path for path in source.rglob("*") if path.is_file() and not path.is_symlink())


def _keys(store: Store, bucket: str, prefix: str) -> Iterator[str]:
    with store.explained("listing"):
        for page in store.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            yield from (str(one["Key"]) for one in page.get("Contents", ()))


def _key(args: S3ObjectArgs) -> str:
    if not args.object:
        raise TaskFailed(f"mode: {args.mode} needs `object`", hint="the object's whole key")
    return args.object


def _is_there(store: Store, bucket: str, key: str, path: Path) -> bool:
    """Whether the object has the file's content: by the sha256 we gave it, or an ETag that is an MD5."""
    head = store.ask("head_object", Bucket=bucket, Key=key)
    if head is None or int(head["ContentLength"]) != path.stat().st_size:
        return False
    if known := head.get("Metadata", {}).get(_SHA256):
        return bool(known == _digest(path, "sha256"))
    return str(head["ETag"]).strip('"') == _digest(path, "md5")


def _send(store: Store, bucket: str, key: str, path: Path) -> None:
    with path.open("rb") as source, store.explained(f"storing {key}"):
        metadata = {"Metadata": {_SHA256: _digest(path, "sha256")}}
        store.client.upload_fileobj(source, bucket, key, ExtraArgs=metadata)
    if not _is_there(store, bucket, key, path):
        raise VerificationFailed(
            f"{key} in {bucket} is not what was sent",
            where=store.where,
            hint="run again; did the file change meanwhile?",
        )


def _fetch(store: Store, bucket: str, key: str, path: Path) -> None:
    """Into a private file first, which takes the path's place once it is whole."""
    temporary = ""
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=".sentraplay.", dir=path.parent)
        with os.fdopen(descriptor, "wb") as target, store.explained(f"reading {key}"):
            store.client.download_fileobj(bucket, key, target)
            target.flush()
            os.fsync(target.fileno())
        if not _is_there(store, bucket, key, Path(temporary)) and not _is_opaque(store, bucket, key):
            raise VerificationFailed(f"{key} of {bucket} did not arrive whole", where=store.where, hint="run again")
        Path(temporary).replace(path)
    except OSError as error:
        raise TaskFailed(f"{path} could not be written", why=str(error), hint="what was there is unchanged") from error
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)


def _is_opaque(store: Store, bucket: str, key: str) -> bool:
    """Whether nothing the store says can prove the content (sent in parts by somebody else)."""
    head: dict[str, Any] = store.call("head_object", Bucket=bucket, Key=key)
    return _SHA256 not in head.get("Metadata", {}) and "-" in str(head["ETag"])


def _digest(path: Path, name: str) -> str:
    found = hashlib.new(name, usedforsecurity=False)
    with path.open("rb") as source:
        while block := source.read(_BLOCK):
            found.update(block)
    return found.hexdigest()
