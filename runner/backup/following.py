"""WAL in a second repository: what its base backups can be recovered to is as new there as in the first.

What is brought is what retention would keep there, so that nothing goes to and fro.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, Final

from runner.backup.copying import check_encryption, copy_object
from runner.backup.policy import policy_of
from runner.backup.pruning import needing
from runner.backup.wal.archive import Archived, archived
from runner.backup.wal.pruning import first_needed, unneeded
from runner.errors import Refused, TaskFailed, VerificationFailed
from runner.repositories.contract import Repositories, Repository

_LANES: Final = 3
_BATCH: Final = 64


def lacking(
    source: Repository, target: Repository, service: str, retention: Mapping[str, object], now: datetime
) -> tuple[Archived, ...]:
    """The WAL of `source` that a recovery from the base backups of `target` would read and that is not there, in order.

    `retention` is that of `target`; empty if it has none. Of a cluster without a base backup there it is none.
    """
    window = policy_of(retention).pitr_window if retention else 0.0
    bases, _ = needing(target, service)
    there = {(one.name, one.sha256) for files in archived(target, service).values() for one in files}
    found: list[Archived] = []
    for system, files in archived(source, service).items():
        own = [one for one in bases if one.system_identifier == system]
        if own:
            dropped = {one.key for one in unneeded(files, own, first_needed(own, window, now))}
            found += [one for one in files if one.key not in dropped and (one.name, one.sha256) not in there]
    return tuple(sorted(found, key=lambda one: one.name))


def follow(source: Repository, target: Repository, files: Sequence[Archived]) -> None:
    """Copy these files; each is read back in `target`. What was copied before an error stays.

    Raises Refused if `target` is for encrypted WAL alone and one is not, VerificationFailed for one that did not
    arrive as it is.
    """
    check_encryption(target, all(one.encrypted for one in files), "WAL")
    with ThreadPoolExecutor(_LANES) as pool:
        for at in range(0, len(files), _BATCH):
            for _ in pool.map(lambda one: copy_object(source, target, one.key, one.size), files[at : at + _BATCH]):
                pass


def follow_everywhere(
    repositories: Repositories, source: Repository, targets: Sequence[Repository], service: str, now: datetime
) -> list[dict[str, Any]]:
    """Into each target what it lacks; plain data of what was copied (`to`, `files`).

    One that fails keeps the others from nothing; then TaskFailed, VerificationFailed or Refused.
    """
    copied: list[dict[str, Any]] = []
    failed: list[tuple[Repository, TaskFailed | Refused]] = []
    for target in targets:
        try:
            files = lacking(source, target, service, repositories.retention(target.name), now)
            follow(source, target, files)
        except (TaskFailed, Refused) as error:
            failed.append((target, error))
        else:
            copied += [{"to": target.name, "files": [one.name for one in files]}] if files else []
    if failed:
        raise _not_everywhere(failed, copied)
    return copied


def _not_everywhere(
    failed: Sequence[tuple[Repository, TaskFailed | Refused]], copied: list[dict[str, Any]]
) -> TaskFailed | Refused:
    first = failed[0][1]
    said = "; ".join(f"the WAL was not copied to {target.name}: {error.message}" for target, error in failed)
    if all(isinstance(error, Refused) for _, error in failed):
        return Refused(said, where=first.where, why=first.why, hint=first.hint)
    damaged = any(isinstance(error, VerificationFailed) for _, error in failed)
    return (VerificationFailed if damaged else TaskFailed)(
        said,
        where=first.where,
        why=first.why,
        hint=first.hint or "it is safe in the first repository; the next run brings what is missing",
        data={"copied": copied},
    )
