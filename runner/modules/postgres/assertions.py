"""SQL assertions: statements about data that must hold before anybody relies on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from runner.errors import TaskFailed, VerificationFailed
from runner.frozen import frozen
from runner.modules.postgres import sql
from runner.modules.postgres.database import Database, Execution, SqlFailed

# Seconds one assertion may take: enough to scan a large table, not enough to stall a recovery for good.
_TIMEOUT: Final = 3600.0


@frozen
class SqlAssertion:
    """`query` gives one value. With no comparison it must be true; `equal_to` counts only if `compares`."""

    query: str
    name: str
    compares: bool
    equal_to: object
    at_least: float | None
    at_most: float | None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> SqlAssertion:
        """From what the schema's `assertions` hold: there `equals: null` is a comparison, and none is none."""
        return cls(
            query=given["query"],
            name=given.get("name") or " ".join(given["query"].split()),
            compares="equals" in given,
            equal_to=given.get("equals"),
            at_least=given.get("at_least"),
            at_most=given.get("at_most"),
        )

    def complaint(self, value: object) -> str:
        """What is wrong with the value; "" if nothing is."""
        if not (self.compares or self.at_least is not None or self.at_most is not None):
            return "" if value is True else f"{value!r} instead of true"
        if self.compares and not _equal(value, self.equal_to):
            return f"{value!r} instead of {self.equal_to!r}"
        if self.at_least is not None and not (_is_number(value) and float(str(value)) >= self.at_least):
            return f"{value!r} instead of at least {self.at_least:g}"
        if self.at_most is not None and not (_is_number(value) and float(str(value)) <= self.at_most):
            return f"{value!r} instead of at most {self.at_most:g}"
        return ""


def check(database: Database, assertions: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
    """Run them all, reading only, and give each one's value; VerificationFailed naming every one that does not hold."""
    found = [_checked(database, SqlAssertion.of(one)) for one in assertions]
    broken = [one for one in found if one["complaint"]]
    if broken:
        raise VerificationFailed(
            "; ".join(f"assertion {one['name']!r} does not hold: {one['complaint']}" for one in broken),
            where=f"database {database.name!r}",
            why="the data are not what they must be",
            data={"assertions": found, "failed_assertions": [one["name"] for one in broken]},
        )
    return found


def _checked(database: Database, assertion: SqlAssertion) -> dict[str, object]:
    try:
        value = _value(database, assertion.query)
        complaint = assertion.complaint(value)
    except SqlFailed as error:
        value, complaint = None, error.message
    return {"name": assertion.name, "value": value, "complaint": complaint}


def _value(database: Database, text: str) -> object:
    found = sql.statements(text)
    if len(found) != 1:
        raise TaskFailed(f"an assertion is one statement, not {len(found)}: {text!r}")
    result = database.run(found, Execution(read_only=True, timeout=_TIMEOUT))[0]
    if len(result.columns) != 1 or len(result.rows) != 1:
        raise TaskFailed(
            f"an assertion gives one value, not {len(result.rows)} rows of {len(result.columns)} columns: {text!r}",
            hint="select one expression, for example count(*) or bool_and(…)",
        )
    return result.rows[0][result.columns[0]]


def _equal(value: object, wanted: object) -> bool:
    if _is_number(value) and _is_number(wanted):
        return float(str(value)) == float(str(wanted))
    return type(value) is type(wanted) and value == wanted


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
