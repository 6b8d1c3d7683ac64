"""Keywords whose value is a template or a condition, read for one host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from runner import units
from runner.errors import TaskFailed
from runner.playbook import With
from runner.template import Templar

Variables = Mapping[str, Any]
Conditions = Iterable[str | bool]


class Reader:
    """Reads keywords with the variables of one host."""

    def __init__(self, templar: Templar) -> None:
        self._templar = templar

    def first_false(self, conditions: Conditions, variables: Variables) -> str | bool | None:
        """The first condition that does not hold, in order; None if all do."""
        for condition in conditions:
            if not self._templar.condition(condition, variables):
                return condition
        return None

    def all_hold(self, conditions: Conditions, variables: Variables) -> bool:
        return self.first_false(conditions, variables) is None

    def value(self, written: object, variables: Variables) -> Any:
        """A keyword's value, rendered if it is a template."""
        return self._templar.render(written, variables) if self._templar.is_template(written) else written

    def named(self, name: str, variables: Variables) -> Any:
        """A variable's value; None if there is none of that name."""
        return self._templar.evaluate(name, variables) if name in variables else None

    def flag(self, written: object, variables: Variables, *, default: bool = False) -> bool:
        """A yes-or-no keyword; `default` if it is not given."""
        if written is None:
            return default
        if isinstance(written, bool):
            return written
        value = self.value(written, variables)
        if isinstance(value, bool):
            return value
        known = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
        if isinstance(value, str) and value.lower() in known:
            return known[value.lower()]
        raise TaskFailed(f"{written!r} is {value!r}, neither true nor false", hint="write true or false")

    def text(self, written: object, variables: Variables, default: str = "") -> str:
        return default if written is None else str(self.value(written, variables))

    def seconds(self, written: object, variables: Variables, default: float) -> float:
        """A duration keyword in seconds; `default` if it is not given."""
        if written is None:
            return default
        value = self.value(written, variables)
        try:
            return units.seconds(value)
        except ValueError as error:
            raise TaskFailed(str(error)) from error

    def count(self, written: object, variables: Variables) -> int:
        """A keyword that is a number of times."""
        value = self.value(written, variables)
        try:
            return int(value)
        except (TypeError, ValueError):
            raise TaskFailed(f"{value!r} is not a number of times", hint="write a whole number") from None

    def items(self, written: object, variables: Variables) -> list[Any]:
        """What a `loop`, or a `with_…`, goes over."""
        if isinstance(written, With):
            terms = self.value(written.terms, variables)
            return self._templar.looked_up(written.lookup, terms if isinstance(terms, list) else [terms], variables)
        value = self.value(written, variables)
        if isinstance(value, (list, tuple)):
            return list(value)
        raise TaskFailed(
            f"a loop needs a list, this is {type(value).__name__}",
            hint="a mapping becomes a list with `| dict2items`, a single value with `[value]`",
        )
