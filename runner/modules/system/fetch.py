"""fetch: a file of the host onto the controller."""

from __future__ import annotations

import hashlib
import os
import posixpath
import tempfile
from pathlib import Path
from typing import ClassVar, Final

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Host, Reader
from runner.localfiles import expanded
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.modules.system.paths import absolute, digests, follow
from runner.modules.system.planning import NotThereYet, unknown

NOT_THERE: Final = "the remote file does not exist, not transferring"


@frozen
class FetchArgs:
    src: str
    dest: str
    flat: bool = False
    fail_on_missing: bool = True
    validate_checksum: bool = True


class Fetch:
    name: ClassVar = "fetch"
    Args = FetchArgs

    def preview(self, at: Reading, args: FetchArgs) -> Change:
        try:
            plan = _plan(at, args)
        except NotThereYet as missing:
            return unknown(missing)
        if plan.remote is None:
            return Change(False, f"{plan.src} is not there", data=_ignored(plan))
        summary = f"fetches {plan.src} to {plan.dest}" if plan.needed else f"{plan.dest} is the same"
        return Change(plan.needed, summary, data={"dest": str(plan.dest)})

    def apply(self, at: Acting, args: FetchArgs) -> Outcome:
        plan = _plan(at, args)
        if plan.remote is None:
            return Outcome(False, _ignored(plan))
        if not plan.needed:
            same = {"dest": str(plan.dest), "file": plan.src, "checksum": plan.local, "md5sum": _md5(plan.dest)}
            return Outcome(False, same)
        got = _bring(at.host, plan, args.validate_checksum)
        data = {
            "dest": str(plan.dest),
            "checksum": got,
            "remote_checksum": plan.remote,
            "md5sum": _md5(plan.dest),
            "remote_md5sum": None,
        }
        return Outcome(True, data)


@frozen
class _Plan:
    """SHA-1 of both sides (Ansible's choice, to tell files apart, not to secure them); None where nothing is."""

    src: str
    dest: Path
    remote: str | None
    local: str | None

    @property
    def needed(self) -> bool:
        return self.remote != self.local


def _plan(at: Reading, args: FetchArgs) -> _Plan:
    src = posixpath.normpath(absolute(at.host, args.src))
    dest = _destination(at, args, src)
    if dest.is_dir():
        hint = "end `dest` with a slash to put the file into that directory" if args.flat else ""
        raise TaskFailed(f"{dest} on the controller is a directory", hint=hint, data={"file": src})
    remote = _remote(at.host, args, src)
    return _Plan(src, dest, remote, _sha1(dest) if dest.exists() else None)


def _remote(reader: Reader, args: FetchArgs, src: str) -> str | None:
    found = reader.stat(follow(reader, src))
    if found is None and not args.fail_on_missing:
        return None
    if found is None:
        raise NotThereYet(f"{NOT_THERE}: {src}", hint="say `fail_on_missing: false` if it may be missing")
    if found.kind != "file":
        raise TaskFailed(
            f"remote file is a {found.kind}, fetch cannot work on it: {src}",
            hint="pack a directory with `archive` first" if found.kind == "directory" else "",
        )
    return digests(reader, [src], "sha1")[0]


def _destination(at: Reading, args: FetchArgs, src: str) -> Path:
    wanted = Path(str(at.variables.get("playbook_dir", "."))) / expanded(args.dest)
    if args.flat:
        return wanted / posixpath.basename(src) if args.dest.endswith("/") else wanted
    host = str(at.variables.get("inventory_hostname", at.host.name))
    if "/" in host or "\0" in host or host in ("", ".", ".."):
        raise TaskFailed(
            f"{host!r} cannot be the name of a directory on the controller",
            hint="say where the file goes with `flat: true`, or name the host otherwise in the inventory",
        )
    return wanted / host / src.lstrip("/")


def _bring(host: Host, plan: _Plan, validate: bool) -> str:
    """Copy the file, whole or not at all; its SHA-1 as it arrived."""
    try:
        plan.dest.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=".sentraplay-", dir=plan.dest.parent)
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as sink:
                host.get(plan.src, sink)
                sink.flush()
                os.fsync(sink.fileno())
            got = _sha1(temporary)
            if validate and got != plan.remote:
                raise _mismatch(plan, got)
            if plan.dest.exists():
                temporary.chmod(plan.dest.stat().st_mode & 0o7777)
            temporary.replace(plan.dest)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise TaskFailed(
            f"cannot write {plan.dest} on the controller: {error.strerror}", data={"file": plan.src}
        ) from error
    return got


def _mismatch(plan: _Plan, got: str) -> TaskFailed:
    return TaskFailed(
        f"checksum mismatch: {plan.src}",
        why="the file changed while it was copied; what was on the controller is untouched",
        hint="stop what writes it, copy it on the host first, or say `validate_checksum: false`",
        data={"file": plan.src, "dest": str(plan.dest), "checksum": got, "remote_checksum": plan.remote},
    )


def _ignored(plan: _Plan) -> dict[str, object]:
    return {"msg": f"{NOT_THERE}, ignored", "file": plan.src}


def _sha1(path: Path) -> str:
    with path.open("rb") as source:
        return hashlib.file_digest(source, lambda: hashlib.sha1(usedforsecurity=False)).hexdigest()


def _md5(path: Path) -> str:
    with path.open("rb") as source:
        return hashlib.file_digest(source, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
