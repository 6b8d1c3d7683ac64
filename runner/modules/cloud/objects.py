"""Files of the controller into a bucket and back, one by one or a whole directory, whatever the store's protocol."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal, Protocol

from runner.errors import RepositoryError, TaskFailed, VerificationFailed
from runner.frozen import frozen
from runner.modules.contract import Acting, Change, Outcome, Reading

SHA256 = "sentraplay-sha256"
"""The name under which what is sent carries its sha256."""
_BLOCK = 1024 * 1024


@frozen
class ObjectArgs:
    """What the modules for objects have in common."""

    bucket: str
    object: str = ""
    mode: Literal["put", "get", "sync", "absent"] = "put"
    src: str | None = None
    dest: str | None = None
    delete: bool = False


class Bucket(Protocol):
    """One bucket of a store; each method may raise RepositoryError."""

    @property
    def where(self) -> str:
        """The store, for messages."""
        ...

    def exists(self) -> bool: ...

    def keys(self, prefix: str) -> Iterable[str]: ...

    def holds(self, key: str) -> bool: ...

    def same(self, key: str, path: Path) -> bool | None:
        """Whether the object has the file's content; None if nothing the store says could prove it."""
        ...

    def send(self, key: str, path: Path, sha256: str) -> None: ...

    def fetch(self, key: str, path: Path) -> None: ...

    def delete(self, key: str) -> None: ...


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


def preview(at: Reading, bucket: Bucket, args: ObjectArgs) -> Change:
    """What `settle` would do."""
    plan = _plan(at, bucket, args)
    said = f"would send {len(plan.send)}, fetch {len(plan.fetch)} and delete {len(plan.delete)} objects"
    return Change(plan.needed, said if plan.needed else "everything is as wanted", data=plan.data)


def settle(at: Acting, bucket: Bucket, args: ObjectArgs) -> Outcome:
    """Put, get, synchronise or delete; what arrives damaged on either side is an error and takes nobody's place."""
    plan = _plan(at, bucket, args)
    for key, path in plan.send.items():
        at.progress(key, 0, path.stat().st_size)
        _send(bucket, args.bucket, key, path)
    for key, path in plan.fetch.items():
        _fetch(bucket, args.bucket, key, path)
    for key in plan.delete:
        bucket.delete(key)
    return Outcome(plan.needed, plan.data)


def digest(path: Path, name: str) -> bytes:
    """The hash called `name` of a file."""
    found = hashlib.new(name, usedforsecurity=False)
    with path.open("rb") as source:
        while block := source.read(_BLOCK):
            found.update(block)
    return found.digest()


def _plan(at: Reading, bucket: Bucket, args: ObjectArgs) -> _Plan:
    if not bucket.exists():
        raise _missing(f"bucket {args.bucket}", bucket)
    if args.mode == "absent":
        return _Plan({}, {}, (args.object,) if bucket.holds(_key(args)) else ())
    if args.mode == "get":
        return _to_fetch(bucket, args)
    if args.src is None:
        raise TaskFailed(f"mode: {args.mode} needs `src`", hint="a file or directory of the controller")
    source = at.find("files", args.src)
    if args.mode == "put":
        if source.is_dir():
            raise TaskFailed(f"{args.src} is a directory", hint="mode: sync sends a directory")
        return _Plan({} if bucket.same(_key(args), source) else {args.object: source}, {}, ())
    return _to_sync(bucket, args, source)


def _to_fetch(bucket: Bucket, args: ObjectArgs) -> _Plan:
    if args.dest is None:
        raise TaskFailed("mode: get needs `dest`", hint="a file of the controller")
    path = Path(args.dest).expanduser()
    if path.is_dir() or not path.parent.is_dir():
        why = "is a directory" if path.is_dir() else "lies in no directory that is there"
        raise TaskFailed(f"{args.dest} {why}", hint="name a file of the controller in a directory that exists")
    if path.is_file() and bucket.same(_key(args), path):
        return _Plan({}, {}, ())
    if not bucket.holds(_key(args)):
        raise _missing(f"object {args.object} in {args.bucket}", bucket)
    return _Plan({}, {args.object: path}, ())


def _to_sync(bucket: Bucket, args: ObjectArgs, source: Path) -> _Plan:
    """Every file below `source`, as a key of the same path below the prefix `object`."""
    if not source.is_dir():
        raise TaskFailed(f"{args.src} is no directory", hint="mode: put sends a file")
    prefix = f"{args.object.strip('/')}/" if args.object.strip("/") else ""
    files = {f"{prefix}{path.relative_to(source).as_posix()}": path for path in _files(source)}
    send = {key: path for key, path in files.items() if not bucket.same(key, path)}
    extra = [key for key in bucket.keys(prefix) if key not in files] if args.delete else []
    return _Plan(send, {}, tuple(extra))


def _files(source: Path) -> list[Path]:
    return sorted(path for path in source.rglob("*") if path.is_file() and not path.is_symlink())


def _key(args: ObjectArgs) -> str:
    if not args.object:
        raise TaskFailed(f"mode: {args.mode} needs `object`", hint="the object's whole key")
    return args.object


def _send(bucket: Bucket, name: str, key: str, path: Path) -> None:
    bucket.send(key, path, digest(path, "sha256").hex())
    if not bucket.same(key, path):
        raise VerificationFailed(
            f"{key} in {name} is not what was sent",
            where=bucket.where,
            hint="run again; did the file change meanwhile?",
        )


def _fetch(bucket: Bucket, name: str, key: str, path: Path) -> None:
    """Into a private file first, which takes the path's place once it is whole."""
    temporary = ""
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=".sentraplay.", dir=path.parent)
        os.close(descriptor)
        bucket.fetch(key, Path(temporary))
        with Path(temporary).open("rb+") as target:
            os.fsync(target.fileno())
        if bucket.same(key, Path(temporary)) is False:
            raise VerificationFailed(f"{key} of {name} did not arrive whole", where=bucket.where, hint="run again")
        Path(temporary).replace(path)
    except OSError as error:
        raise TaskFailed(f"{path} could not be written", why=str(error), hint="what was there is unchanged") from error
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)


def _missing(what: str, bucket: Bucket) -> RepositoryError:
    return RepositoryError(f"there is no {what}", where=bucket.where, hint="check its name, or create it first")
