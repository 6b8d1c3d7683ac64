"""A retention policy as people write it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from runner.backup.retention import Policy
from runner.errors import UsageError
from runner.units import seconds

_DURATIONS: Final = ("keep_within", "pitr_window")


def policy_of(given: Mapping[str, object]) -> Policy:
    """The policy that a definition's `retention` describes; UsageError if it keeps nothing or names no time zone."""
    known = {field.name for field in fields(Policy)}
    values: dict[str, Any] = {name: value for name, value in given.items() if name in known}
    values |= {name: seconds(values[name]) for name in _DURATIONS if name in values}
    policy = Policy(**values)
    if policy.is_empty:
        raise UsageError(
            "the retention keeps nothing",
            why="a rule that deletes every backup but the newest is surely a mistake",
            hint="say how many stay: keep_daily: 30, keep_weekly: 12, …",
        )
    try:
        ZoneInfo(policy.time_zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise UsageError(f"there is no time zone {policy.time_zone!r}", hint="such as Europe/Berlin, or UTC") from error
    return policy
