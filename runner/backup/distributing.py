"""Backups in several repositories at once: what one store cannot take, the others get all the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from runner.backup.copying import Moved, check_encryption, copy, nobody
from runner.backup.lineage import lineage
from runner.backup.manifest import Manifest
from runner.errors import ObjectNotFound, Refused, TaskFailed, VerificationFailed
from runner.frozen import frozen
from runner.repositories.contract import Repositories, Repository


@frozen
class Missing:
    """A copy that was not made."""

    manifest: Manifest
    target: Repository
    error: TaskFailed | Refused

    def __str__(self) -> str:
        return f"no copy of {self.manifest.id} in {self.target.name}: {self.error.message}"


def further(repositories: Repositories, source: Repository, names: Sequence[str]) -> tuple[Repository, ...]:
    """The repositories that a backup about to be made in `source` is copied to.

    Refused before anything is made, if one wants encrypted backups and `source` does not encrypt.
    """
    found = tuple(repositories.get(name) for name in names if name != source.name)
    for target in found:
        check_encryption(target, bool(source.encryption.recipients), "what is to be copied")
    return found


def described(source: Repository, targets: Sequence[Repository]) -> str:
    """For messages: where a backup goes."""
    return " and ".join([source.describe(), *(target.describe() for target in targets)])


def distribute(
    source: Repository, targets: Sequence[Repository], manifests: Sequence[Manifest], moved: Moved = nobody
) -> dict[str, Any]:
    """Copy backups and what they build on into every target; each is read back there.

    Returns plain data: what was `copied` (`backup_id`, `to`, `bytes`), not what was there already. Whatever fails,
    all else that can be is copied first; then TaskFailed, VerificationFailed if something is damaged, or Refused.
    """
    copied: list[dict[str, Any]] = []
    missing: list[Missing] = []
    whole = complete(source, manifests) if targets else []
    for target in targets:
        missing += _fill(source, target, whole, moved, copied)
    if missing:
        raise _not_everywhere(missing, copied)
    return {"copied": copied}


def _fill(
    source: Repository, target: Repository, manifests: Sequence[Manifest], moved: Moved, copied: list[dict[str, Any]]
) -> list[Missing]:
    missing: list[Missing] = []
    for manifest in manifests:
        if _builds_on(manifest, missing):
            continue
        try:
            if copy(source, target, manifest, moved):
                copied.append({"backup_id": manifest.id, "to": target.name, "bytes": manifest.size})
        except (TaskFailed, Refused) as error:
            missing.append(Missing(manifest, target, error))
            if not isinstance(error, VerificationFailed | ObjectNotFound):
                break  # it is the store, which would refuse the next one too
    return missing


def _builds_on(manifest: Manifest, missing: Sequence[Missing]) -> bool:
    return manifest.chain is not None and any(one.manifest.id in manifest.chain.parents for one in missing)


def complete(source: Repository, manifests: Sequence[Manifest]) -> list[Manifest]:
    """These backups and all they build on, each once, oldest first."""
    found = {one.id: one for manifest in manifests for one in lineage(source, manifest)}
    return sorted(found.values(), key=lambda one: one.started_at)


def _not_everywhere(missing: Sequence[Missing], copied: Sequence[dict[str, Any]]) -> TaskFailed | Refused:
    first = missing[0].error
    said = "; ".join(map(str, missing))
    if all(isinstance(one.error, Refused) for one in missing):
        return Refused(said, where=first.where, why=first.why, hint=first.hint)
    damaged = any(isinstance(one.error, VerificationFailed) for one in missing)
    kind = VerificationFailed if damaged else TaskFailed
    return kind(
        said,
        where=first.where,
        why=first.why,
        hint=first.hint or "what was copied stays; run backup_copy, or sentraplay backups copy, to bring the rest",
        data={"copied": list(copied)},
    )
