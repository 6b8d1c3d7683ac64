"""When a job runs: cron's five fields, which everybody knows, and the same for systemd's OnCalendar."""

from __future__ import annotations

import re
from typing import Final

from runner.errors import TaskFailed
from runner.frozen import frozen

_MACROS: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_PART: Final = re.compile(r"(?:(\*)|(\w+)(?:-(\w+))?)(?:/(\d+))?")


@frozen
class _Field:
    """A field of a crontab: its lowest and highest value, and names for them from the lowest on."""

    what: str
    low: int
    high: int
    names: tuple[str, ...] = ()


_FIELDS: Final = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("weekday", 0, 7, _DAYS),
)


@frozen
class Calendar:
    """`cron` is five fields; `systemd` says the same after OnCalendar=."""

    cron: str
    systemd: str


def calendar(text: str) -> Calendar:
    """The times that five fields of a crontab, or @daily and the like, stand for.

    TaskFailed for anything else, and where both day and weekday are restricted: cron then runs on either,
    which few expect and systemd cannot say.
    """
    fields = _MACROS.get(text.strip(), text).split()
    if len(fields) != len(_FIELDS):
        raise _wrong(text, f"it has {len(fields)} fields instead of five")
    values = [_values(text, given, field) for given, field in zip(fields, _FIELDS, strict=True)]
    minutes, hours, days, months, weekdays = values
    if days is not None and weekdays is not None:
        raise _wrong(text, "it restricts the day of the month and the weekday: cron runs on either of them")
    week = f"{','.join(_DAYS[day].capitalize() for day in sorted({day % 7 for day in weekdays}))} " if weekdays else ""
    return Calendar(
        " ".join(fields), f"{week}*-{_listed(months)}-{_listed(days)} {_listed(hours)}:{_listed(minutes)}:00"
    )


def _values(text: str, given: str, field: _Field) -> list[int] | None:
    """The values of a field; None for all of them."""
    found: set[int] = set()
    for part in given.split(","):
        match = _PART.fullmatch(part.lower())
        if match is None:
            raise _wrong(text, f"{part!r} is no {field.what}")
        low, high = (field.low, field.high) if match[1] else _range(text, match, field)
        step = int(match[4] or 1)
        if match[4] and not match[1] and match[3] is None:
            high = field.high
        if step < 1 or low > high:
            raise _wrong(text, f"{part!r} is no {field.what}")
        found.update(range(low, high + 1, step))
    every = set(range(field.low, (6 if field.what == "weekday" else field.high) + 1))
    return None if every <= found else sorted(found)


def _range(text: str, match: re.Match[str], field: _Field) -> tuple[int, int]:
    low = _value(text, match[2], field)
    return low, _value(text, match[3], field) if match[3] else low


def _value(text: str, word: str, field: _Field) -> int:
    value = field.names.index(word) + field.low if word in field.names else int(word) if word.isdecimal() else -1
    if not field.low <= value <= field.high:
        raise _wrong(text, f"{word!r} is no {field.what}")
    return value


def _listed(values: list[int] | None) -> str:
    return "*" if values is None else ",".join(f"{value:02}" for value in values)


def _wrong(text: str, why: str) -> TaskFailed:
    return TaskFailed(
        f"{text!r} is no time a job can run at: {why}",
        hint="write minute, hour, day, month and weekday: 0 2 * * * is every day at 02:00; or @daily",
    )
