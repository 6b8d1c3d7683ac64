"""files_restore: paths of a backup beside the live ones, proved, then swapped in by rename."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, Literal

from runner.backup.catalogue import find
from runner.backup.increments import archives
from runner.backup.lineage import lineage
from runner.backup.manifest import BackupObject, Manifest
from runner.backup.summary import summary
from runner.backup.swapping import State, newest, place, read_state
from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Reader
from runner.modules.arguments import Duration
from runner.modules.backup.paths import absolute, check_apart
from runner.modules.backup.restoring import Restore, Target
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.units import seconds


@frozen
class FilesRestoreArgs:
    service: str
    repository: str
    backup: str = "latest"
    paths: tuple[str, ...] = ()
    base: str | None = None
    into: str | None = None
    state: Literal["restored", "rolled_back"] = "restored"
    keep_previous: Duration = "7d"


class FilesRestore:
    name: ClassVar = "files_restore"
    Args = FilesRestoreArgs

    def preview(self, at: Reading, args: FilesRestoreArgs) -> Change:
        if args.state == "rolled_back":
            targets = [target for target in _rollback_targets(at, args) if not _was_done(at, target, "")]
            for target in targets:
                newest(at.host, target.place, read_state(at.host, target.place))
            return Change(bool(targets), f"bring back what {_names(targets)} was before the last restore")
        manifest = find(at.repositories.get(args.repository), args.service, args.backup, "files")
        chain = lineage(at.repositories.get(args.repository), manifest)
        targets = [target for target in _targets(at.host, chain, args) if not _was_done(at, target, manifest.id)]
        data = {
            "backup_id": manifest.id,
            "paths": [target.place.path for target in targets],
            "parents": [one.id for one in chain[:-1]],
            "size": sum(one.size for one in chain),
        }
        return Change(bool(targets), f"restore {_names(targets)} from backup {manifest.id}", data=data)

    def apply(self, at: Acting, args: FilesRestoreArgs) -> Outcome:
        if args.state == "rolled_back":
            return _roll_back(at, args)
        repository = at.repositories.get(args.repository)
        manifest = find(repository, args.service, args.backup, "files")
        restore = Restore(at.host, at.run.id, time.time(), seconds(args.keep_previous), at.progress)
        chain = lineage(repository, manifest)
        targets = _targets(at.host, chain, args)
        for target in targets:
            restore.settle(target)
        todo = [target for target in targets if not _was_done(at, target, manifest.id)]
        restore.run(repository, manifest, todo)
        data = {
            **summary(manifest, repository),
            "paths": [target.place.path for target in targets],
            "restored": [target.place.path for target in todo],
            "kept": restore.kept(targets),
            "parents": [one.id for one in chain[:-1]],
            "entries": sum(int(target.object.details["entries"]) for target in targets if target.object),
        }
        return Outcome(bool(todo), data)


def _roll_back(at: Acting, args: FilesRestoreArgs) -> Outcome:
    restore = Restore(at.host, at.run.id, time.time(), seconds(args.keep_previous), at.progress)
    targets = _rollback_targets(at, args)
    for target in targets:
        restore.settle(target)
    todo = [target for target in targets if not _was_done(at, target, "")]
    restore.roll_back(todo)
    paths = [target.place.path for target in targets]
    return Outcome(
        bool(todo), {"paths": paths, "rolled_back": [t.place.path for t in todo], "kept": restore.kept(targets)}
    )


def _targets(reader: Reader, chain: Sequence[Manifest], args: FilesRestoreArgs) -> list[Target]:
    """The objects to restore and where to; TaskFailed if a wanted path is not in the backup, the last of `chain`."""
    *before, manifest = chain
    saved = _saved(manifest)
    wanted = [absolute(path, args.base) for path in args.paths] or list(saved)
    check_apart(wanted)
    for path in wanted:
        if path not in saved:
            raise TaskFailed(message=f"{path} is not in backup {manifest.id}", hint=f"it holds: {', '.join(saved)}")
    parents = {path: tuple((one, _saved(one)[path]) for one in before) for path in wanted}
    return [replace(_target(reader, path, args, saved[path]), before=parents[path]) for path in wanted]


def _saved(manifest: Manifest) -> dict[str, BackupObject]:
    """The archives of a backup by their paths."""
    return {str(one.details["path"]): one for one in archives(manifest)}


def _rollback_targets(at: Reading, args: FilesRestoreArgs) -> list[Target]:
    wanted = [absolute(path, args.base) for path in args.paths]
    if not wanted:
        manifest = find(at.repositories.get(args.repository), args.service, args.backup, "files")
        wanted = list(_saved(manifest))
    return [_target(at.host, path, args, None) for path in wanted]


def _target(reader: Reader, path: str, args: FilesRestoreArgs, one: BackupObject | None) -> Target:
    root = args.into.rstrip("/") if args.into else ""
    return Target(place(reader, f"{root}{path}"), one, root)


def _was_done(at: Reading, target: Target, backup: str) -> bool:
    """Whether this very run, before it was broken off, has already swapped that in."""
    state: State | None = read_state(at.host, target.place) if at.run.resumed else None
    return state is not None and state.phase == "done" and (state.run, state.backup) == (at.run.id, backup)


def _names(targets: Sequence[Target]) -> str:
    return ", ".join(target.place.path for target in targets) or "nothing"
