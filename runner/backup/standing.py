"""A backup with all that lies beside its manifest: how well it is proved, whether it is held, what locks it."""

from __future__ import annotations

from runner.backup.holds import Hold, held
from runner.backup.identity import manifest_key
from runner.backup.manifest import Manifest
from runner.backup.verifications import Proof, Verification, proof, verifications
from runner.frozen import frozen
from runner.repositories.contract import Lock, Locking, Repository


@frozen
class Standing:
    """`lock` is what the store itself holds the manifest by."""

    manifest: Manifest
    results: tuple[Verification, ...] = ()
    hold: Hold | None = None
    lock: Lock = Lock()

    @property
    def proof(self) -> Proof:
        return proof(self.results)


def standing(repository: Repository, manifest: Manifest) -> Standing:
    """What the repository knows of a backup beside its manifest."""
    service, backup_id = manifest.service, manifest.id
    key = manifest_key(service, backup_id)
    return Standing(
        manifest,
        verifications(repository, service, backup_id),
        held(repository, service, backup_id),
        repository.lock(key) if isinstance(repository, Locking) else Lock(),
    )
