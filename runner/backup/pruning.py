"""Retention carried out on a repository: what would go of backups and of WAL, and its removal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from runner.backup.catalogue import Catalogue, Damaged, catalogue, is_of, sweep, traces
from runner.backup.identity import parse_id
from runner.backup.manifest import Manifest
from runner.backup.removing import remove
from runner.backup.retention import BASE, Candidate, Decision, Policy, decide
from runner.backup.standing import Standing, standing
from runner.backup.wal.archive import Archived
from runner.backup.wal.base import base_of
from runner.backup.wal.pruning import Needing, WalPlan, plan_wal
from runner.errors import RepositoryError
from runner.frozen import frozen
from runner.repositories.contract import Repository

# Files of the WAL that go between two looks at whether somebody changed something.
_AT_ONCE: Final = 200


@frozen
class Verdict:
    """A backup and what becomes of it."""

    manifest: Manifest
    decision: Decision


@frozen
class Plan:
    """What retention says of a service's backups, oldest first, and of the WAL beside them; damaged backups are left
    alone."""

    service: str
    verdicts: tuple[Verdict, ...]
    damaged: tuple[Damaged, ...]
    wal: tuple[WalPlan, ...]

    @property
    def dropped(self) -> tuple[Manifest, ...]:
        """Those that go, newest first: what builds on another goes before it."""
        return tuple(one.manifest for one in reversed(self.verdicts) if not one.decision.keep)


@frozen
class Pruned:
    """What went, what a store refused to give up and why, and leftovers of backups that never were."""

    removed: tuple[Manifest, ...]
    refused: tuple[tuple[Manifest, RepositoryError], ...]
    swept: tuple[str, ...]
    wal: tuple[Archived, ...]
    wal_refused: tuple[RepositoryError, ...]

    @property
    def size(self) -> int:
        """Bytes given back."""
        return sum(one.size for one in self.removed) + sum(one.size for one in self.wal)


def plan(repository: Repository, service: str, policy: Policy, now: datetime) -> Plan:
    """What the policy says of a service's backups `now`; nothing is changed."""
    known = catalogue(repository, service)
    found = [standing(repository, manifest) for manifest in known.backups]
    decisions = {one.id: one for one in decide([_candidate(one, now) for one in found], policy, now)}
    verdicts = tuple(Verdict(one.manifest, decisions[one.manifest.id]) for one in found)
    staying = [one for one in found if decisions[one.manifest.id].keep]
    return Plan(service, verdicts, known.damaged, _plan_wal(repository, service, known, staying, policy, now))


def prune(
    repository: Repository,
    service: str,
    policy: Policy,
    clock: Callable[[], datetime],
    told: Callable[[Manifest], None] = lambda manifest: None,
) -> Pruned:
    """Remove what the policy drops. Where others changed something meanwhile, it is asked again before the next.

    `told` hears of each that went. A backup the store refuses to give up is left and told, and the next one is tried.
    """
    removed: list[Manifest] = []
    refused: list[tuple[Manifest, RepositoryError]] = []
    seen = traces(repository, service)
    first = plan(repository, service, policy, clock()).dropped
    still = {one.id for one in first}
    for manifest in first:
        there = traces(repository, service)
        if there != seen:
            still = {one.id for one in plan(repository, service, policy, clock()).dropped}
        if manifest.id in still:
            try:
                remove(repository, manifest)
            except RepositoryError as error:
                refused.append((manifest, error))
            else:
                removed.append(manifest)
        # What was removed here is no news; what somebody adds between this and the next look is.
        seen = frozenset(one for one in there if not (manifest in removed and is_of(one, manifest)))
        if manifest in removed:
            told(manifest)
    swept = tuple(sweep(repository, service))
    return Pruned(tuple(removed), tuple(refused), swept, *_prune_wal(repository, service, policy, clock))


def needing(repository: Repository, service: str) -> tuple[list[Needing], list[str]]:
    """Every base backup as the WAL's retention sees it, and the ids of those whose beginning cannot be read."""
    known = catalogue(repository, service)
    return _needing(known, [standing(repository, one) for one in known.backups if one.kind == BASE])


def _needing(known: Catalogue, staying: Sequence[Standing]) -> tuple[list[Needing], list[str]]:
    bases = [_as_needing(one) for one in staying if one.manifest.kind == BASE]
    damaged = [one.id for one in known.damaged if (identity := parse_id(one.id)) is None or identity.kind == BASE]
    return bases, damaged


def _plan_wal(
    repository: Repository, service: str, known: Catalogue, staying: Sequence[Standing], policy: Policy, now: datetime
) -> tuple[WalPlan, ...]:
    if policy.is_empty:
        return ()
    bases, damaged = _needing(known, staying)
    return plan_wal(repository, service, bases, damaged, policy.pitr_window, now)


def _prune_wal(
    repository: Repository, service: str, policy: Policy, clock: Callable[[], datetime]
) -> tuple[tuple[Archived, ...], tuple[RepositoryError, ...]]:
    """What no base backup needs that is there now, whatever retention had wished for; asked again as for backups."""
    removed: list[Archived] = []
    refused: list[RepositoryError] = []

    def planned() -> tuple[WalPlan, ...]:
        known = catalogue(repository, service)
        found = [standing(repository, manifest) for manifest in known.backups]
        return _plan_wal(repository, service, known, found, policy, clock())

    seen = traces(repository, service)
    for one in planned():
        dropped = one.dropped
        for at in range(0, len(dropped), _AT_ONCE):
            if traces(repository, service) != seen:
                return tuple(removed), tuple(refused)  # the next run sees what it means
            try:
                for file in dropped[at : at + _AT_ONCE]:
                    repository.delete(file.key)
                    removed.append(file)
            except RepositoryError as error:
                refused.append(error)  # of a lock: what comes after it is younger and locked for longer
                break
    return tuple(removed), tuple(refused)


def _as_needing(one: Standing) -> Needing:
    manifest = one.manifest
    base = base_of(manifest)
    return Needing(
        manifest.id,
        base.system_identifier,
        group_of(manifest),
        manifest.restored_point,
        base.start,
        is_good=one.proof.failed is None,
        is_whole=manifest.chain is None,
    )


def group_of(manifest: Manifest) -> str:
    """Backups of one group stand for each other: the same host and the same things of it."""
    contents = manifest.contents
    database = contents.get("database")
    what: Sequence[str] = [str(path) for path in contents.get("paths", ())]
    if isinstance(database, dict):
        what = [str(database.get("name", ""))]
    return " ".join([manifest.source.host, *sorted(what)])


def _candidate(one: Standing, now: datetime) -> Candidate:
    manifest, failed = one.manifest, one.proof.failed
    stays = [f"held: {one.hold.reason}"] if one.hold else []
    stays += ["held by the store"] if one.lock.held else []
    if one.lock.until is not None and one.lock.until > now:
        stays.append(f"locked by the store until {one.lock.until:%Y-%m-%d %H:%M} UTC")
    return Candidate(
        manifest.id,
        manifest.kind,
        group_of(manifest),
        manifest.restored_point,
        manifest.chain.parents if manifest.chain else (),
        proved=one.proof.level in ("full", "restore"),
        bad=f"its verification failed: {failed.error}" if failed else "",
        stays=", ".join(stays),
    )
