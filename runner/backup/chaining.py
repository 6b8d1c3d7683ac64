"""Whether an incremental backup can build on another; whatever is in doubt makes the next backup a whole one."""

from __future__ import annotations

from datetime import datetime, timedelta

from runner.backup.checking import check_whole
from runner.backup.identity import parse_id
from runner.backup.lineage import lineage
from runner.backup.manifest import Chain, Manifest
from runner.backup.verifications import proof, verifications
from runner.errors import SentraPlayError
from runner.frozen import frozen
from runner.repositories.contract import Repository


@frozen
class Ground:
    """What to build on, or why there is nothing: `why_not` is then said, as a warning if it is `odd`."""

    manifest: Manifest | None
    why_not: str = ""
    odd: bool = False

    @property
    def chain(self) -> Chain | None:
        if self.manifest is None:
            return None
        before = self.manifest.chain.parents if self.manifest.chain else ()
        return Chain((*before, self.manifest.id))


def ground(repository: Repository, found: Manifest, full_every: float, max_chain: int, now: datetime) -> Ground:
    """`found`, if its chain is not too old (`full_every` in seconds) or too long, and whole, and nothing in it failed
    its verification."""
    length = len(found.chain.parents) + 1 if found.chain else 1
    begun = parse_id(found.chain.base if found.chain else found.id)
    if begun is None or now - begun.started_at >= timedelta(seconds=full_every):
        return Ground(None, "the last whole one is old enough (full_every)")
    if length >= max_chain:
        return Ground(None, f"the chain has {length} backups (max_chain)")
    if found.started_at > now:
        return Ground(None, f"backup {found.id} is from the future: a clock was set back", odd=True)
    try:
        for one in lineage(repository, found):
            check_whole(repository, one)
            failed = proof(verifications(repository, one.service, one.id)).failed
            if failed is not None:
                return Ground(None, f"the verification of {one.id} failed", odd=True)
    except SentraPlayError as error:
        return Ground(None, str(error), odd=True)
    return Ground(found)
