"""What an incremental backup builds on."""

from __future__ import annotations

from runner.backup.catalogue import read
from runner.backup.manifest import Manifest
from runner.errors import ObjectNotFound, VerificationFailed
from runner.repositories.contract import Repository


def lineage(repository: Repository, manifest: Manifest) -> list[Manifest]:
    """The backups a restore of `manifest` needs, the whole one first and itself last.

    VerificationFailed if one of them is lost or damaged.
    """
    found = []
    for parent in manifest.chain.parents if manifest.chain else ():
        try:
            found.append(read(repository, manifest.service, parent))
        except ObjectNotFound as lost:
            raise VerificationFailed(
                f"backup {manifest.id} builds on {parent}, which is not there",
                where=repository.describe(),
                why="without it nothing of this backup can be restored",
                hint="take a backup that does not build on it, or copy it back from another repository",
            ) from lost
    return [*found, manifest]
