"""Which backups stay and which go: grandfather, father, son, and what stands above it. Pure.

The rules, for each group (one kind of backup of one source) by itself:

- `keep_last`, `keep_within` and, per day, week, month and year of the calendar, the newest backup of each
  of the N newest periods that have one. Each rule is applied twice: to the backups that were proved
  (read to the last byte, or restored, and found good) and to all that are not known to be bad; what
  either keeps stays. So a new backup that is not proved yet never pushes out one that is kept for itself; what
  stays only because another builds on it goes with that other.
- A backup that failed its verification, or whose chain is broken, takes nobody's place. It goes once
  there is a newer good one, unless something holds it.
- The newest good backup stays, whatever the rules say, and so do the `minimum_verified` newest proved ones.
- With `pitr_window`, the newest base backup that is older than the window stays, and all that are younger.
- What is held, or locked by the store, stays. What a backup that stays builds on stays too.
- A backup from the future (of more than a day) stays and counts for nothing: some clock was wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from runner.frozen import frozen

_FUTURE: Final = timedelta(days=1)
BASE: Final = "base"

# How a moment of the calendar names its period; names sort by time.
_PERIODS: Final[Mapping[str, Callable[[datetime], str]]] = {
    "daily": lambda moment: f"{moment:%Y-%m-%d}",
    "weekly": lambda moment: f"{moment:%G-W%V}",
    "monthly": lambda moment: f"{moment:%Y-%m}",
    "yearly": lambda moment: f"{moment:%Y}",
}


@frozen
class Policy:
    """How many backups stay; durations are in seconds. `time_zone` decides where a day begins."""

    keep_last: int = 0
    keep_daily: int = 0
    keep_weekly: int = 0
    keep_monthly: int = 0
    keep_yearly: int = 0
    keep_within: float = 0.0
    minimum_verified: int = 1
    pitr_window: float = 0.0
    time_zone: str = "UTC"

    @property
    def is_empty(self) -> bool:
        """Whether no rule keeps anything: surely a mistake, and never a wish to delete."""
        rules = (self.keep_last, self.keep_daily, self.keep_weekly, self.keep_monthly, self.keep_yearly)
        return not any((*rules, self.keep_within, self.pitr_window))

    def periods(self) -> Mapping[str, int]:
        return {
            "daily": self.keep_daily,
            "weekly": self.keep_weekly,
            "monthly": self.keep_monthly,
            "yearly": self.keep_yearly,
        }


@frozen
class Candidate:
    """A backup as retention sees it. `moment` is the state it holds (UTC); `stays` says what else keeps it, if
    anything does (a hold, a lock); `proved` and `bad` come from its verifications."""

    id: str
    kind: str
    group: str
    moment: datetime
    parents: tuple[str, ...] = ()
    proved: bool = False
    bad: str = ""
    stays: str = ""


@frozen
class Decision:
    """What becomes of a backup, and every reason for it."""

    id: str
    keep: bool
    reasons: tuple[str, ...]


def decide(candidates: Iterable[Candidate], policy: Policy, now: datetime) -> tuple[Decision, ...]:
    """What becomes of each backup, in the order given. `now` has a time zone.

    An empty policy drops nothing.
    """
    known = {one.id: one for one in candidates}
    reasons: dict[str, list[str]] = {one: [] for one in known}
    whole = {one.id: _with_broken_chain_told(one, known) for one in known.values()}
    for group in _groups(whole.values()):
        for backup_id, reason in _kept(group, policy, now):
            reasons[backup_id].append(reason)
    _keep_parents(known, reasons)
    return tuple(
        Decision(one.id, bool(reasons[one.id]), tuple(reasons[one.id]) or (_why_not(whole[one.id]),))
        for one in known.values()
    )


def _groups(candidates: Iterable[Candidate]) -> Iterable[list[Candidate]]:
    found: dict[tuple[str, str], list[Candidate]] = {}
    for one in candidates:
        found.setdefault((one.kind, one.group), []).append(one)
    # Newest first; of one moment the later id is the newer.
    return [sorted(group, key=lambda one: (one.moment, one.id), reverse=True) for group in found.values()]


def _kept(group: Sequence[Candidate], policy: Policy, now: datetime) -> Iterable[tuple[str, str]]:
    """(id, reason) for all that stays of a group, newest first."""
    yield from ((one.id, one.stays) for one in group if one.stays)
    if policy.is_empty:
        yield from ((one.id, "no rule is given") for one in group)
        return
    future = [one for one in group if one.moment > now + _FUTURE]
    yield from ((one.id, "it is from the future: some clock was wrong") for one in future)
    present = [one for one in group if one not in future]
    good = [one for one in present if not one.bad]
    if not good:
        yield from ((one.id, "there is no good backup in its place") for one in present)
        return
    yield good[0].id, "the newest good one"
    proved = [one for one in good if one.proved]
    yield from ((one.id, "minimum_verified") for one in proved[: policy.minimum_verified])
    for chosen, what in ((good, ""), (proved, ", proved")):
        yield from _by_rules(chosen, policy, now, what)
    if group[0].kind == BASE and policy.pitr_window:
        yield from _for_pitr(good, policy.pitr_window, now)


def _by_rules(chosen: Sequence[Candidate], policy: Policy, now: datetime, what: str) -> Iterable[tuple[str, str]]:
    zone = ZoneInfo(policy.time_zone)
    yield from ((one.id, f"keep_last{what}") for one in chosen[: policy.keep_last])
    limit = now - timedelta(seconds=policy.keep_within)
    yield from ((one.id, "keep_within") for one in chosen if policy.keep_within and one.moment >= limit and not what)
    for name, count in policy.periods().items():
        newest: dict[str, Candidate] = {}
        for one in chosen:
            newest.setdefault(_PERIODS[name](one.moment.astimezone(zone)), one)
        for period in sorted(newest, reverse=True)[:count]:
            yield newest[period].id, f"keep_{name} {period}{what}"


def _for_pitr(good: Sequence[Candidate], window: float, now: datetime) -> Iterable[tuple[str, str]]:
    limit = now - timedelta(seconds=window)
    whole = [one for one in good if not one.parents]
    yield from ((one.id, "pitr_window") for one in good if one.moment > limit)
    yield from ((one.id, "pitr_window begins after it") for one in [one for one in whole if one.moment <= limit][:1])


def _with_broken_chain_told(one: Candidate, known: Mapping[str, Candidate]) -> Candidate:
    lost = next((parent for parent in one.parents if parent not in known), None)
    bad = next((parent for parent in one.parents if parent in known and known[parent].bad), None)
    trouble = one.bad or (f"it builds on {lost}, which is gone" if lost else f"it builds on {bad}, which is bad")
    if not (one.bad or lost or bad):
        return one
    return replace(one, proved=False, bad=trouble)


def _keep_parents(known: Mapping[str, Candidate], reasons: Mapping[str, list[str]]) -> None:
    for one in known.values():
        if not reasons[one.id]:
            continue
        for parent in one.parents:
            # A parent kept for this reason has parents of its own, which the child names as well.
            if parent in known:
                reasons[parent].append(f"{one.id} builds on it")


def _why_not(one: Candidate) -> str:
    return one.bad or "no rule keeps it"
