"""files_backup: paths of a host, exactly as they are, into a repository."""

from __future__ import annotations

import posixpath
import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal

from runner import __version__
from runner.backup import tar
from runner.backup.chaining import Ground
from runner.backup.checking import check_opens
from runner.backup.compression import Compression, Wanted, choose
from runner.backup.distributing import described, distribute, further
from runner.backup.increments import (
    HOST_CLOCK,
    INCREMENTAL,
    Wish,
    base,
    bring_snapshot,
    clock_of,
    snapshot_role,
)
from runner.backup.manifest import Manifest, Provenance
from runner.backup.summary import summary, ways
from runner.backup.swapping import Place, discard_expired, mount_points
from runner.backup.writer import BackupWriter, Contents
from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import FileStat, Host, Pipeline, Reader, command
from runner.modules.arguments import Duration
from runner.modules.backup.paths import absolute, check_apart, parents
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.repositories.contract import Repository
from runner.units import seconds


@frozen
class PathArgs:
    path: str
    optional: bool = False


@frozen
class FilesBackupArgs:
    service: str
    repository: str
    paths: tuple[str | PathArgs, ...]
    optional_paths: tuple[str, ...] = ()
    base: str | None = None
    exclude: tuple[str, ...] = ()
    compression: Wanted = "auto"
    changed_files: Literal["record", "fail"] = "record"
    incremental: bool = False
    full_every: Duration = "7d"
    max_chain: int = 60
    copy_to: tuple[str, ...] = ()


@frozen
class _Found:
    """What there is to back up, what optional paths are missing, the directories above, and the host's time."""

    paths: tuple[tuple[str, FileStat], ...]
    missing: tuple[str, ...]
    parents: tuple[dict[str, Any], ...]
    clock: float


class FilesBackup:
    name: ClassVar = "files_backup"
    Args = FilesBackupArgs

    def preview(self, at: Reading, args: FilesBackupArgs) -> Change:
        found = _look(at.host, args)
        tar.check(at.host)
        choose(at.host, args.compression)
        repository = at.repositories.get(args.repository)
        where = described(repository, further(at.repositories, repository, args.copy_to))
        names = ", ".join(path for path, _ in found.paths)
        return Change(True, f"back up {names} to {where}", data={"missing": list(found.missing)})

    def apply(self, at: Acting, args: FilesBackupArgs) -> Outcome:
        found = _look(at.host, args)
        tar.check(at.host)
        compression = choose(at.host, args.compression)
        repository = at.repositories.get(args.repository)
        others = further(at.repositories, repository, args.copy_to)
        _forget_expired(at.host, [path for path, _ in found.paths], at.run.id)
        made_by = Provenance(at.run.id, at.run.playbook, at.run.git_commit, __version__)
        with BackupWriter(repository, args.service, "files", made_by) as writer:
            begun = datetime.now(UTC)
            base = _base(at, repository, found, args, begun)
            archived = _store_all(at, repository, writer, found, args, compression, base)
            warnings = tuple(warning for one in archived for warning in one.warnings)
            if warnings and args.changed_files == "fail":
                raise _moving(warnings, at.host)
            manifest = writer.commit(
                at.host, Contents(begun, False, _contents(found, args), warnings=warnings, chain=base.chain)
            )
        how = ways(writer.ways)
        if how["transfer_reason"]:
            at.warn(f"the controller relayed the bytes: {how['transfer_reason']}")
        data = {
            **summary(manifest, repository),
            **how,
            "paths": [path for path, _ in found.paths],
            "missing": list(found.missing),
            "entries": sum(one.entries for one in archived),
            "bytes": sum(one.size for one in archived),
            "parents": list(base.chain.parents) if base.chain else [],
            "full_because": base.why_not,
            **distribute(repository, others, [manifest], at.progress),
        }
        return Outcome(True, data)


def _forget_expired(host: Host, paths: Sequence[str], run: str) -> None:
    """What restores of these paths kept goes when its time has passed."""
    mounts = mount_points(host)
    for path in paths:
        discard_expired(host, Place(path, path in mounts), time.time(), run)


def _base(at: Acting, repository: Repository, found: _Found, args: FilesBackupArgs, now: datetime) -> Ground:
    if not args.incremental:
        return Ground(None)
    paths = tuple(path for path, _ in found.paths)
    wish = Wish(at.host.name, paths, args.exclude, found.clock, seconds(args.full_every), args.max_chain)
    chosen = base(repository, args.service, wish, now)
    if chosen.manifest is not None and not _has_snapshots(at, repository, chosen.manifest, paths):
        chosen = Ground(None, f"no identity at hand opens what {chosen.manifest.id} says of its files", odd=True)
    if chosen.odd:
        at.warn(f"a whole backup is made: {chosen.why_not}", "verify the others (sentraplay backups verify)")
    return chosen


def _has_snapshots(at: Acting, repository: Repository, manifest: Manifest, paths: Sequence[str]) -> bool:
    try:
        for path in paths:
            manifest.object(snapshot_role(path))
        return manifest.encryption is None or bool(check_opens(repository, manifest))
    except TaskFailed as error:
        at.warn(str(error), error.hint)
        return False


def _store_all(
    at: Acting,
    repository: Repository,
    writer: BackupWriter,
    found: _Found,
    args: FilesBackupArgs,
    compression: Compression,
    base: Ground,
) -> list[tar.Written]:
    archived = []
    with at.host.private_directory() as workdir:
        snapshot = f"{workdir}/snapshot" if args.incremental else None
        for number, (path, stat) in enumerate(found.paths, 1):
            stem = f"{number:02}-{_plain(path)}"
            if snapshot:
                at.host.run(command("rm", "-f", "--", snapshot))
            if snapshot and base.manifest is not None:
                bring_snapshot(repository, base.manifest, path, at.host, snapshot)
            name = f"{stem}.tar{compression.suffix}"
            producer = Pipeline((tar.archive(path, args.exclude, workdir, snapshot), *compression.members))

            def progress(done: int, total: int | None, label: str = path) -> None:
                at.progress(label, done, total)

            writer.store(
                at.host,
                producer,
                name,
                role=path,
                format="tar",
                compression=compression.name,
                progress=progress,
            )
            written = tar.written(at.host, workdir)
            writer.detail(name, {"path": path, "kind": stat.kind, "entries": written.entries, "bytes": written.size})
            archived.append(written)
            if snapshot:
                writer.store(
                    at.host,
                    Pipeline((command("cat", "--", snapshot), *compression.members)),
                    f"{stem}.snapshot{compression.suffix}",
                    role=snapshot_role(path),
                    format="snapshot",
                    compression=compression.name,
                )
    return archived


def _look(reader: Reader, args: FilesBackupArgs) -> _Found:
    found: list[tuple[str, FileStat]] = []
    missing: list[str] = []
    wanted = _wanted(args)
    check_apart([path for path, _ in wanted])
    for path, optional in wanted:
        stat = reader.stat(path)
        if stat is not None:
            found.append((path, stat))
        elif optional:
            missing.append(path)
        else:
            raise TaskFailed(
                message=f"{path} does not exist",
                where=reader.name,
                why="a backup without it would look complete",
                hint="correct the path, or declare it optional (optional_paths)",
            )
    if not found:
        raise TaskFailed(message="none of the paths exists", where=reader.name, hint="at least one must")
    _check_links(reader, found)
    return _Found(tuple(found), tuple(missing), _parents(reader, [path for path, _ in found]), clock_of(reader))


def _wanted(args: FilesBackupArgs) -> list[tuple[str, bool]]:
    given = [(path, False) if isinstance(path, str) else (path.path, path.optional) for path in args.paths]
    given += [(path, True) for path in args.optional_paths]
    return [(absolute(path, args.base), optional) for path, optional in given]


def _check_links(reader: Reader, found: Sequence[tuple[str, FileStat]]) -> None:
    """A link is saved as a link: what it leads to must be among the paths too, or the backup holds nothing."""
    paths = [path for path, _ in found]
    for path, stat in found:
        if stat.kind != "link":
            continue
        target = reader.query(command("readlink", "-f", "--", path)).stdout.rstrip("\n")
        if not any(target == other or target.startswith(f"{other}/") for other in paths if other != path):
            raise TaskFailed(
                message=f"{path} is a symbolic link to {target}, which is not among the paths",
                where=reader.name,
                why="only the link would be saved, not what it leads to",
                hint=f"add {target} to the paths, or give it in place of {path}",
            )


def _parents(reader: Reader, paths: Sequence[str]) -> tuple[dict[str, Any], ...]:
    above = []
    for path in parents(paths):
        stat = reader.stat(path)
        if stat is not None and stat.kind == "directory":
            above.append({"path": path, "mode": f"{stat.mode & 0o7777:04o}", "uid": stat.uid, "gid": stat.gid})
    return tuple(above)


def _contents(found: _Found, args: FilesBackupArgs) -> dict[str, Any]:
    return {
        "paths": [path for path, _ in found.paths],
        "missing_optional_paths": list(found.missing),
        "exclude": list(args.exclude),
        "parents": list(found.parents),
        INCREMENTAL: args.incremental,
        HOST_CLOCK: found.clock,
    }


def _moving(warnings: Sequence[str], host: Host) -> TaskFailed:
    return TaskFailed(
        message="files changed while they were read",
        where=host.name,
        why="; ".join(warnings[:5]),
        hint="stop what writes to them first, or set changed_files: record to accept and record it",
    )


def _plain(path: str) -> str:
    return re.sub(r"[^A-Za-z0-9._=+@-]", "_", posixpath.basename(path)).lstrip(".")[:80] or "path"
