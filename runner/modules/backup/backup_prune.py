"""backup_prune: what retention no longer keeps goes; what it keeps, and why, is told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import ClassVar

from runner.backup.manifest import Manifest
from runner.backup.policy import policy_of
from runner.backup.pruning import Plan, Pruned, plan, prune
from runner.backup.retention import Policy
from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.units import human_bytes


@frozen
class BackupPruneArgs:
    service: str
    repository: str
    retention: Mapping[str, object] | None = None


class BackupPrune:
    name: ClassVar = "backup_prune"
    Args = BackupPruneArgs

    def preview(self, at: Reading, args: BackupPruneArgs) -> Change:
        found = plan(at.repositories.get(args.repository), args.service, _policy(at, args), datetime.now(UTC))
        size = sum(one.size for one in found.dropped)
        files, wal = sum(len(one.dropped) for one in found.wal), sum(one.size for one in found.wal)
        summary = (
            f"would remove {len(found.dropped)} of {len(found.verdicts)} backups, {human_bytes(size)},"
            f" and {files} WAL files, {human_bytes(wal)}"
        )
        return Change(bool(found.dropped or files), summary, data=_told(found))

    def apply(self, at: Acting, args: BackupPruneArgs) -> Outcome:
        repository, policy = at.repositories.get(args.repository), _policy(at, args)
        found = plan(repository, args.service, policy, datetime.now(UTC))
        done = prune(repository, args.service, policy, lambda: datetime.now(UTC))
        for manifest, error in done.refused:
            at.warn(f"backup {manifest.id} stays: {error}")
        for refusal in done.wal_refused:
            at.warn(f"WAL stays from here on: {refusal}")
        if found.damaged:
            names = ", ".join(one.id for one in found.damaged)
            at.warn(f"manifests are damaged and their backups were left alone: {names}", "look at them by hand")
        return Outcome(bool(done.removed or done.swept or done.wal), {**_told(found), **_done(done)})


def _policy(at: Reading, args: BackupPruneArgs) -> Policy:
    given = args.retention if args.retention is not None else at.repositories.retention(args.repository)
    if not given:
        raise TaskFailed(
            f"nothing says how long backups stay in {args.repository}",
            why="without a rule nothing may be deleted",
            hint="give `retention` here or in the repository's definition",
        )
    return policy_of(given)


def _told(found: Plan) -> dict[str, object]:
    kept = [one for one in found.verdicts if one.decision.keep]
    dropped = [one for one in found.verdicts if not one.decision.keep]
    return {
        "kept": [{"backup_id": one.manifest.id, "reasons": list(one.decision.reasons)} for one in kept],
        "dropped": [{"backup_id": one.manifest.id, "reasons": list(one.decision.reasons)} for one in dropped],
        "damaged": [one.id for one in found.damaged],
        "wal": [
            {
                "system_identifier": one.system_identifier,
                "files": one.count,
                "dropped": len(one.dropped),
                "bytes": one.size,
                "reason": one.reason,
            }
            for one in found.wal
        ],
    }


def _done(done: Pruned) -> dict[str, object]:
    def names(manifests: tuple[Manifest, ...]) -> list[str]:
        return [one.id for one in manifests]

    return {
        "removed": names(done.removed),
        "refused": [{"backup_id": one.id, "reason": str(error)} for one, error in done.refused],
        "swept": len(done.swept),
        "wal_removed": len(done.wal),
        "bytes": done.size,
    }
