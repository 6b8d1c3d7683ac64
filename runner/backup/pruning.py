"""Retention carried out on a repository: what would go, and its removal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from runner.backup.catalogue import Damaged, catalogue, is_of, sweep, traces
from runner.backup.manifest import Manifest
from runner.backup.removing import remove
from runner.backup.retention import Candidate, Decision, Policy, decide
from runner.backup.standing import Standing, standing
from runner.errors import RepositoryError
from runner.frozen import frozen
from runner.repositories.contract import Repository


@frozen
class Verdict:
    """A backup and what becomes of it."""

    manifest: Manifest
    decision: Decision


@frozen
class Plan:
    """What retention says of a service's backups, oldest first; damaged ones are left alone."""

    service: str
    verdicts: tuple[Verdict, ...]
    damaged: tuple[Damaged, ...]

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

    @property
    def size(self) -> int:
        """Bytes given back."""
        return sum(one.size for one in self.removed)


def plan(repository: Repository, service: str, policy: Policy, now: datetime) -> Plan:
    """What the policy says of a service's backups `now`; nothing is changed."""
    known = catalogue(repository, service)
    found = [standing(repository, manifest) for manifest in known.backups]
    decisions = {one.id: one for one in decide([_candidate(one, now) for one in found], policy, now)}
    verdicts = tuple(Verdict(one.manifest, decisions[one.manifest.id]) for one in found)
    return Plan(service, verdicts, known.damaged)


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
    return Pruned(tuple(removed), tuple(refused), tuple(sweep(repository, service)))


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
