"""Retention: what protects data holds over thousands of histories, clocks and time zones."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.backup.retention import Candidate, Decision, Policy, decide

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
ZONES = ["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Apia", "Asia/Kathmandu", "Australia/Lord_Howe"]
GUIDE = Policy(keep_daily=30, keep_weekly=12, keep_monthly=12, keep_yearly=7)


def backup(days: float, **changed: object) -> Candidate:
    """A files backup so many days ago."""
    one = Candidate(f"{10**6 - days:015.6f}", "files", "app1", NOW - timedelta(days=days))
    return replace(one, **changed)  # type: ignore[arg-type]  # fields by name


def kept(candidates: list[Candidate], policy: Policy, now: datetime = NOW) -> list[str]:
    return [one.id for one in decide(candidates, policy, now) if one.keep]


def reasons(candidates: list[Candidate], policy: Policy) -> dict[str, Decision]:
    return {one.id: one for one in decide(candidates, policy, NOW)}


counts = st.integers(0, 5)
policies = st.builds(
    Policy,
    keep_last=counts,
    keep_daily=counts,
    keep_weekly=counts,
    keep_monthly=counts,
    keep_yearly=counts,
    keep_within=st.sampled_from([0.0, 3600.0, 5 * 86400.0]),
    minimum_verified=st.integers(0, 3),
    pitr_window=st.sampled_from([0.0, 7 * 86400.0]),
    time_zone=st.sampled_from(ZONES),
)


@st.composite
def histories(draw: st.DrawFn) -> list[Candidate]:
    """Backups of up to four years in any order, chains among them, some proved, bad, held, from the future."""
    moments = draw(st.lists(st.integers(-60 * 48, 60 * 24 * 1500), min_size=1, max_size=25, unique=True))
    found: list[Candidate] = []
    for number, minutes in enumerate(sorted(moments, reverse=True)):
        earlier = [one for one in found if one.kind == "files"]
        parent = draw(st.sampled_from([None, *earlier[-2:]]))
        kind = "files" if parent else draw(st.sampled_from(["files", "base"]))
        found.append(
            Candidate(
                f"{number:04}",
                kind,
                draw(st.sampled_from(["app1", "app1", "app2"])) if parent is None else parent.group,
                NOW - timedelta(minutes=minutes),
                (*parent.parents, parent.id) if parent else (),
                proved=draw(st.booleans()),
                bad=draw(st.sampled_from(["", "", "", "its verification failed"])),
                stays=draw(st.sampled_from(["", "", "", "", "held: audit"])),
            )
        )
    for one in [one for one in found if one.bad and one.proved]:
        found[found.index(one)] = replace(one, proved=False)
    return draw(st.permutations(found))


def is_good(one: Candidate, known: dict[str, Candidate]) -> bool:
    return not one.bad and all(parent in known and not known[parent].bad for parent in one.parents)


@settings(max_examples=1500, deadline=None)
@given(histories(), policies)
def test_the_newest_good_backup_of_every_group_always_stays(history: list[Candidate], policy: Policy) -> None:
    known = {one.id: one for one in history}
    stay = set(kept(history, policy))
    for group in {(one.kind, one.group) for one in history}:
        good = [one for one in history if (one.kind, one.group) == group and is_good(one, known)]
        good = [one for one in good if one.moment <= NOW + timedelta(days=1)]
        if good:
            assert max(good, key=lambda one: (one.moment, one.id)).id in stay


@settings(max_examples=1500, deadline=None)
@given(histories(), policies)
def test_what_a_kept_backup_builds_on_and_what_is_held_always_stays(history: list[Candidate], policy: Policy) -> None:
    known = {one.id: one for one in history}
    stay = set(kept(history, policy))
    assert {one.id for one in history if one.stays} <= stay
    for one in stay:
        assert {parent for parent in known[one].parents if parent in known} <= stay


@settings(max_examples=1000, deadline=None)
@given(histories(), policies, st.booleans())
def test_a_backup_that_is_not_proved_or_bad_never_pushes_out_a_proved_one(
    history: list[Candidate], policy: Policy, bad: bool
) -> None:
    """What stayed only because another builds on it may go with that other: no rule ever kept it for itself."""
    before = set(kept(history, policy))
    for_itself = {
        one.id
        for one in decide(history, policy, NOW)
        if any(not reason.endswith(" builds on it") for reason in one.reasons)
    }
    late = Candidate("9999", "files", "app1", NOW, bad="its verification failed" if bad else "")
    after = set(kept([*history, late], policy))
    known = {one.id: one for one in history}
    newest = {
        max(
            (o for o in history if (o.kind, o.group) == g and is_good(o, known)),
            key=lambda o: (o.moment, o.id),
            default=None,
        )
        for g in {(o.kind, o.group) for o in history}
    }  # noqa: E501
    only_newest = {one.id for one in newest if one is not None}
    if bad:
        assert before <= after
    proved = {one for one in before & for_itself if known[one].proved and is_good(known[one], known)} - only_newest
    assert proved <= after


def test_a_proved_base_goes_with_the_unproved_increment_it_was_kept_for() -> None:
    """Found by the property above, which once asked for more: of each day the newest proved one stays, and no other."""
    day = datetime(2026, 11, 24, 12, tzinfo=UTC)
    history = [
        Candidate("base", "files", "app1", day, proved=True),
        Candidate("proved", "files", "app1", day + timedelta(hours=1), proved=True),
        Candidate("increment", "files", "app1", day + timedelta(hours=2), parents=("base",)),
        Candidate("next day", "files", "app1", day + timedelta(days=1)),
    ]
    policy = Policy(keep_daily=2, minimum_verified=0)
    assert set(kept(history, policy)) == {"base", "proved", "increment", "next day"}
    late = Candidate("last day", "files", "app1", day + timedelta(days=2))
    assert set(kept([*history, late], policy)) == {"proved", "next day", "last day"}


@settings(max_examples=1000, deadline=None)
@given(histories(), policies)
def test_pruned_twice_drops_nothing_more(history: list[Candidate], policy: Policy) -> None:
    stay = set(kept(history, policy))
    left = [one for one in history if one.id in stay]
    assert set(kept(left, policy)) == stay


@settings(max_examples=1000, deadline=None)
@given(histories(), policies, st.sampled_from(["keep_last", "keep_daily", "keep_weekly", "keep_monthly"]))
def test_a_larger_number_never_keeps_less(history: list[Candidate], policy: Policy, rule: str) -> None:
    if policy.is_empty:
        return
    more = replace(policy, **{rule: getattr(policy, rule) + 1})
    assert set(kept(history, policy)) <= set(kept(history, more))


@settings(max_examples=300, deadline=None)
@given(histories(), policies)
def test_every_backup_gets_a_decision_with_a_reason_and_order_does_not_matter(
    history: list[Candidate], policy: Policy
) -> None:
    decisions = decide(history, policy, NOW)
    assert [one.id for one in decisions] == [one.id for one in history]
    assert all(one.reasons for one in decisions)
    assert {one.id: one.keep for one in decide(history[::-1], policy, NOW)} == {one.id: one.keep for one in decisions}


@pytest.mark.parametrize("zone", ZONES)
def test_pruned_every_day_for_years_what_is_left_is_what_the_guide_asks_for(zone: str) -> None:
    """daily 30, weekly 12, monthly 12, yearly 7, at 02:00 of a zone whose clocks change."""
    policy, left = replace(GUIDE, time_zone=zone), list[Candidate]()
    first = datetime(2018, 1, 1, 2, 0)
    for day in range(8 * 365):
        local = (first + timedelta(days=day)).replace(tzinfo=ZoneInfo(zone))
        now = local.astimezone(UTC)
        left.append(Candidate(f"{day:05}", "files", "app1", now, proved=day % 2 == 0))
        if day % 5 == 0 or day > 8 * 365 - 3:
            stay = set(kept(left, policy, now))
            left = [one for one in left if one.id in stay]
    days = [one.moment.astimezone(ZoneInfo(zone)).date() for one in left]
    assert set(days) >= {days[-1] - timedelta(days=back) for back in range(30)}
    assert {f"{day:%Y-%m}" for day in days} >= {f"2025-{month:02}" for month in range(2, 13)}
    assert {day.year for day in days} == {*range(2019, 2026)} | {day.year for day in days if day.year == 2018}
    assert 30 + 8 + 10 + 5 <= len(left) <= 2 * (30 + 12 + 12 + 7)


def test_two_backups_of_a_day_that_has_25_hours_are_of_one_day() -> None:
    zone = ZoneInfo("Europe/Berlin")
    early = Candidate("1", "files", "a", datetime(2026, 10, 25, 0, 30, tzinfo=zone).astimezone(UTC))
    late = Candidate("2", "files", "a", datetime(2026, 10, 25, 23, 30, tzinfo=zone).astimezone(UTC))
    assert kept([early, late], Policy(keep_daily=2, time_zone="Europe/Berlin")) == ["2"]


def test_the_last_days_of_a_year_belong_to_the_week_of_the_calendar() -> None:
    new_year = [Candidate(str(day), "files", "a", datetime(2025, 12, day, tzinfo=UTC)) for day in (29, 30, 31)]
    new_year.append(Candidate("5", "files", "a", datetime(2026, 1, 1, tzinfo=UTC)))
    assert kept(new_year, Policy(keep_weekly=3)) == ["5"]


def test_an_empty_policy_drops_nothing() -> None:
    history = [backup(day) for day in range(5)]
    assert len(kept(history, Policy())) == 5
    assert Policy().is_empty and not Policy(pitr_window=1.0).is_empty


def test_of_a_day_the_proved_one_stays_beside_a_newer_one() -> None:
    proved, newer = backup(1.3, proved=True), backup(1.2)
    found = reasons([proved, newer, backup(0.1)], Policy(keep_daily=2, minimum_verified=0))
    assert found[proved.id].keep and "keep_daily" in found[proved.id].reasons[0]
    assert found[newer.id].keep


def test_a_bad_backup_goes_only_when_there_is_a_good_one() -> None:
    bad = backup(0.5, bad="its verification failed: damaged")
    assert kept([bad], Policy(keep_last=1)) == [bad.id]
    found = reasons([bad, backup(1)], Policy(keep_last=1))
    assert not found[bad.id].keep and found[bad.id].reasons == ("its verification failed: damaged",)


def test_a_clock_of_the_future_pushes_nothing_out() -> None:
    future = [backup(-400 - n) for n in range(5)]
    assert kept([*future, backup(0), backup(1)], Policy(keep_last=2)) == [
        *(one.id for one in future),
        backup(0).id,
        backup(1).id,
    ]


def test_the_base_a_pitr_window_begins_after_stays_and_older_ones_go() -> None:
    bases = [backup(days, kind="base") for days in (1, 6, 8, 15)]
    assert kept(bases, Policy(pitr_window=7 * 86400.0)) == [one.id for one in bases[:3]]


def test_an_increment_whose_base_is_gone_is_told_as_such() -> None:
    orphan = backup(1, parents=("gone",))
    found = reasons([orphan, backup(2)], Policy(keep_last=1))
    assert not found[orphan.id].keep and "builds on gone" in found[orphan.id].reasons[0]


def test_kinds_and_sources_do_not_stand_for_each_other() -> None:
    history = [backup(1), backup(2, kind="database"), backup(3, group="app2")]
    assert len(kept(history, Policy(keep_last=1))) == 3
