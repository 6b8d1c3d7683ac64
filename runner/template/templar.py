"""The one door to templates for everybody else."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from runner.document import Encrypted, SecretTemplate
from runner.document.model import holds_template
from runner.rules import Rule
from runner.secret import Redactor, register_all
from runner.template.controller import Controller, Programs, no_programs
from runner.template.errors import TemplateError, shortened
from runner.template.lazy import HostVariables, Scope, kind_of
from runner.template.omit import OMIT
from runner.template.taint import Taint
from runner.template.usage import Usage
from runner.vault import CannotOpen, Keys

if TYPE_CHECKING:
    from runner.template.rendering import Rendering


def is_template(value: object) -> bool:
    """Whether plain data is, or holds anywhere, text with something to render."""
    if isinstance(value, str):
        return holds_template(value)
    if isinstance(value, Mapping):
        return any(is_template(item) for item in value.values())
    return isinstance(value, (list, tuple)) and any(is_template(item) for item in value)


class Templar:
    """Renders templates over variables. Thread-safe.

    `search_path`: where `lookup('file', …)` and `{% include %}` look on the controller, in order.
    Variables are given raw; those that are templates are rendered when they are read. Jinja2 is loaded with the
    first template: many playbooks have none. Encrypted values are opened with `keys`.
    """

    def __init__(
        self,
        search_path: Sequence[Path],
        redactor: Redactor,
        keys: Keys | None = None,
        *,
        programs: Programs = no_programs,
        keeps: bool = False,
    ) -> None:
        """`programs` runs `lookup('pipe', …)`; `keeps`: whether `lookup('password', …)` may write its file."""
        self.redactor = redactor
        self.keys = keys or Keys(redactor)
        self._controller = Controller(tuple(search_path), self.keys, programs, keeps)
        self._within: dict[tuple[Path, ...], Templar] = {}

    @cached_property
    def _rendering(self) -> Rendering:
        from runner.template.rendering import Rendering

        return Rendering(self._controller, self._note_secret, Taint(self.redactor))

    def within(self, bases: Sequence[Path]) -> Templar:
        """One that looks in these directories, and their `templates/` and `files/`, in order."""
        path = tuple(place for base in bases for place in (base / "templates", base, base / "files"))
        found = self._within.get(path)
        if found is None:
            programs, keeps = self._controller.programs, self._controller.keeps
            found = self._within[path] = Templar(path, self.redactor, self.keys, programs=programs, keeps=keeps)
        return found

    def render(self, value: object, variables: Mapping[str, object]) -> object:
        """Plain data with every template in it replaced by its value; types are kept.

        `{{ omit }}` takes its key or item away; alone it gives OMIT. Raises UndefinedVariable, TemplateError.
        """
        return self._rendered(value, self._scope(variables))

    def render_text(self, text: str, variables: Mapping[str, object]) -> str:
        """The text of a template, whatever it is made of. Raises UndefinedVariable, TemplateError."""
        if isinstance(text, Encrypted):
            return self._opened(text)
        if not holds_template(text):
            return text
        return self._rendering.text(text, self._scope(variables))

    def evaluate(self, expression: str, variables: Mapping[str, object]) -> object:
        """The value of an expression written without braces. Raises UndefinedVariable, TemplateError."""
        return self._rendering.expression(expression, self._scope(variables))

    def condition(self, condition: str | bool, variables: Mapping[str, object]) -> bool:
        """Whether an expression holds. Anything but true or false is a TemplateError: it would hide mistakes."""
        if isinstance(condition, bool):
            return condition
        value = self.evaluate(condition, variables)
        if isinstance(value, bool):
            return value
        raise TemplateError(
            f"the condition '{shortened(condition)}' is {kind_of(value)}, not true or false",
            hint=_condition_hint(value),
            rule=Rule.NOT_A_CONDITION,
        )

    def names(self, value: object) -> frozenset[str]:
        """The variables that templates in plain data use."""
        return frozenset().union(*(usage.names for usage in self.usages(value)))

    def usages(self, value: object) -> list[Usage]:
        """What each template in plain data uses. Raises TemplateError for one that is wrong."""
        if isinstance(value, Encrypted):
            return [Usage(_NOTHING, _NOTHING, _NOTHING, steady=self._is_open(value))]
        if isinstance(value, str):
            return [self._rendering.analyst.template(value)] if holds_template(value) else []
        items = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
        return [usage for item in items for usage in self.usages(item)]

    def usage(self, expression: str) -> Usage:
        """What an expression uses. Raises TemplateError if it is wrong."""
        return self._rendering.analyst.expression(expression)

    def check(self, value: object) -> str | None:
        """What is wrong with the syntax of the templates in plain data, unknown filters and tests included."""
        try:
            self.usages(value)
        except TemplateError as error:
            return error.message
        return None

    def check_expression(self, expression: str) -> str | None:
        """What is wrong with the syntax of an expression without braces."""
        try:
            self.usage(expression)
        except TemplateError as error:
            return error.message
        return None

    def is_template(self, value: object) -> bool:
        """Whether plain data holds something to render."""
        return is_template(value)

    def lacks(self, kind: str, name: str) -> bool:
        """Whether `lookup(kind, name)` would find nothing at this moment."""
        from runner.template.lookups.files import found_file

        if kind == "env":
            return name not in os.environ
        return kind == "file" and found_file(self._controller, name) is None

    def looked_up(self, kind: str, terms: Sequence[object], variables: Mapping[str, object]) -> list[object]:
        """The list that `query(kind, *terms)` gives: what a `with_…` form loops over. The terms are rendered already.

        Raises UndefinedVariable, TemplateError.
        """
        return self._rendering.looked_up(kind, terms, self._scope(variables))

    def hostvars(
        self,
        names: Sequence[str],
        variables_of: Callable[[str], Mapping[str, object]],
        listed: Sequence[str] | None = None,
    ) -> Mapping[str, Mapping[str, object]]:
        """The value of `hostvars`: every host's raw variables, rendered in that host's view when read.

        `listed` are those one meets on going through all of it, if not all `names`.
        """
        return HostVariables(names, variables_of, self._variable, self._note_secret, listed)

    def _scope(self, variables: Mapping[str, object]) -> Scope:
        return variables if isinstance(variables, Scope) else Scope(variables, self._variable, self._note_secret)

    def _rendered(self, value: object, scope: Scope) -> object:
        if isinstance(value, Encrypted):
            return self._opened(value)
        if isinstance(value, str):
            return self._noted(value, self._rendering.value(value, scope)) if holds_template(value) else str(value)
        if isinstance(value, Mapping):
            rendered = {key: self._rendered(item, scope) for key, item in value.items()}
            return {key: item for key, item in rendered.items() if item is not OMIT}
        if isinstance(value, (list, tuple)):
            return [item for item in (self._rendered(item, scope) for item in value) if item is not OMIT]
        return value

    def _variable(self, text: str, scope: Scope) -> object:
        if isinstance(text, Encrypted):
            return self._opened(text)
        return self._noted(text, self._rendering.variable(text, scope))

    def _opened(self, value: Encrypted) -> str:
        """What an encrypted value says. TemplateError, which tells the place, if it cannot be read."""
        try:
            return self.keys.value(value)
        except CannotOpen as error:
            message = f"{value.place}: {error.message}"
            raise TemplateError(message, hint=error.hint, rule=Rule.ENCRYPTED) from None

    def _is_open(self, value: Encrypted) -> bool:
        """Whether its content is known now. TemplateError if there is no key that must be there, or it does not fit."""
        if self.keys.may_stay_closed(value.cipher):
            return False
        try:
            self.keys.value(value)
        except CannotOpen as error:
            raise TemplateError(error.message, hint=error.hint, rule=Rule.ENCRYPTED, place=error.place) from None
        return True

    def _noted(self, text: str, value: object) -> object:
        if isinstance(text, SecretTemplate):
            self._note_secret(value)
        return value

    def _note_secret(self, value: object) -> None:
        register_all(value, self.redactor)


_NOTHING: Final[frozenset[str]] = frozenset()


def _condition_hint(value: object) -> str:
    if isinstance(value, str):
        return "compare it (… == 'x'), or convert it with | bool"
    if isinstance(value, (int, float)):
        return "compare it with a number: … > 0"
    if isinstance(value, (list, tuple, Mapping)):
        return "say what must hold: … | length > 0"
    return "say what must hold: … is not none"
