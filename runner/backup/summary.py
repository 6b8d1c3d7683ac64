"""What a step that made or used a backup tells: the registered result of the backup modules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from runner.backup.manifest import Manifest
from runner.backup.transfer import Transferred
from runner.repositories.contract import Repository


def summary(manifest: Manifest, repository: Repository) -> dict[str, Any]:
    """Plain data about a backup; sizes in bytes, times in UTC as text."""
    return {
        "backup_id": manifest.id,
        "service": manifest.service,
        "kind": manifest.kind,
        "repository": repository.name,
        "location": repository.describe(),
        "size": manifest.size,
        "objects": [{"name": one.name, "size": one.size, "sha256": one.sha256} for one in manifest.objects],
        "started_at": _text(manifest.started_at),
        "finished_at": _text(manifest.finished_at),
        "restored_point": _text(manifest.restored_point),
        "seconds": (manifest.finished_at - manifest.started_at).total_seconds(),
        "row_counts": None if manifest.row_counts is None else dict(manifest.row_counts),
        "warnings": list(manifest.warnings),
    }


def ways(transferred: Sequence[Transferred]) -> dict[str, Any]:
    """How the objects went (`directory`, `target`, `relay`), and why the controller relayed them if it did."""
    kinds = sorted({one.way for one in transferred})
    reasons = sorted({one.reason for one in transferred if one.reason})
    return {"transfer": ", ".join(kinds), "transfer_reason": "; ".join(reasons)}


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
