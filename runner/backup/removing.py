"""A backup removed: its manifest first, so that it ceases to exist in one step, then what it was made of."""

from __future__ import annotations

from contextlib import suppress

from runner.backup.identity import manifest_key, object_key
from runner.backup.manifest import Manifest
from runner.errors import RepositoryError
from runner.repositories.contract import Repository


def remove(repository: Repository, manifest: Manifest) -> None:
    """Delete a backup and all that lies beside it.

    RepositoryError if the store refuses to give up the manifest; then nothing is gone. What is left after
    that, because somebody interrupted or because it is locked for longer, is no backup, and is swept by
    a later run of its service.
    """
    repository.delete(manifest_key(manifest.service, manifest.id))
    for info in list(repository.list(object_key(manifest.service, manifest.id, ""))):
        with suppress(RepositoryError):
            repository.delete(info.key)
