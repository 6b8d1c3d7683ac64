"""The one door to templates for everybody else."""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Callable, ItemsView, KeysView, Mapping, Sequence, Set, ValuesView
from pathlib import Path
from types import GeneratorType
from typing import Final, TypeVar

import jinja2

from runner.document.model import holds_template
from runner.secret import Redactor, Secret
from runner.suggestions import did_you_mean, listed
from runner.template.analysis import Analyst, Usage
from runner.template.environment import Environment, Undefined, UndefinedAccessError, text_of, value_of
from runner.template.errors import TemplateError, UndefinedVariable, shortened, syntax_error
from runner.template.filters import FILTERS
from runner.template.lazy import HostVariables, LazyList, Scope
from runner.template.lookups import found_file, globals_for
from runner.template.tests import TESTS

T = TypeVar("T")

KEPT: Final = 8192
"""How many compiled templates are kept."""


class _Omit:
    """Stands for an argument or item that is to be left out."""

    def __repr__(self) -> str:
        return "omit"


OMIT: Final = _Omit()

_FAILURES: Final = (
    jinja2.TemplateError,
    TypeError,
    ValueError,
    ArithmeticError,
    LookupError,
    AttributeError,
    OSError,
    RecursionError,
    re.error,
)
"""What a template can raise by being wrong: its author's mistake, not a bug of ours."""

_LISTS: Final = (list, tuple, LazyList, range, Set, KeysView, ValuesView, ItemsView)


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
    Variables are given raw; those that are templates are rendered when they are read.
    """

    def __init__(self, search_path: Sequence[Path], redactor: Redactor) -> None:
        self.redactor = redactor
        self._search_path = tuple(search_path)
        self._environment = Environment(search_path, self._note_secret)
        self._environment.filters.update(FILTERS)
        self._environment.tests.update(TESTS)
        self._environment.globals.update(globals_for(search_path), omit=OMIT)
        self._analyst = Analyst(self._environment)
        self._templates: dict[str, jinja2.Template] = {}
        self._expressions: dict[str, jinja2.Template] = {}

    def render(self, value: object, variables: Mapping[str, object]) -> object:
        """Plain data with every template in it replaced by its value; types are kept.

        `{{ omit }}` takes its key or item away; alone it gives OMIT. Raises UndefinedVariable, TemplateError.
        """
        return self._rendered(value, self._scope(variables))

    def render_text(self, text: str, variables: Mapping[str, object]) -> str:
        """The text of a template, whatever it is made of. Raises UndefinedVariable, TemplateError."""
        if not holds_template(text):
            return text
        scope = self._scope(variables)
        return self._carried_out(lambda: text_of(self._template(text), scope), text, scope)

    def evaluate(self, expression: str, variables: Mapping[str, object]) -> object:
        """The value of an expression written without braces. Raises UndefinedVariable, TemplateError."""
        scope = self._scope(variables)
        return self._carried_out(lambda: _finished(value_of(self._expression(expression), scope)), expression, scope)

    def condition(self, condition: str | bool, variables: Mapping[str, object]) -> bool:
        """Whether an expression holds. Anything but true or false is a TemplateError: it would hide mistakes."""
        if isinstance(condition, bool):
            return condition
        value = self.evaluate(condition, variables)
        if isinstance(value, bool):
            return value
        raise TemplateError(
            f"the condition '{shortened(condition)}' is {_kind(value)}, not true or false", hint=_condition_hint(value)
        )

    def names(self, value: object) -> frozenset[str]:
        """The variables that templates in plain data use."""
        return frozenset().union(*(usage.names for usage in self.usages(value)))

    def usages(self, value: object) -> list[Usage]:
        """What each template in plain data uses. Raises TemplateError for one that is wrong."""
        if isinstance(value, str):
            return [self._analyst.template(value)] if holds_template(value) else []
        items = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
        return [usage for item in items for usage in self.usages(item)]

    def usage(self, expression: str) -> Usage:
        """What an expression uses. Raises TemplateError if it is wrong."""
        return self._analyst.expression(expression)

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
        if kind == "env":
            return name not in os.environ
        return kind == "file" and found_file(self._search_path, name) is None

    def hostvars(
        self, names: Sequence[str], variables_of: Callable[[str], Mapping[str, object]]
    ) -> Mapping[str, Mapping[str, object]]:
        """The value of `hostvars`: every host's raw variables, rendered in that host's view when read."""
        return HostVariables(names, variables_of, self._variable, self._note_secret)

    def _scope(self, variables: Mapping[str, object]) -> Scope:
        return variables if isinstance(variables, Scope) else Scope(variables, self._variable, self._note_secret)

    def _rendered(self, value: object, scope: Scope) -> object:
        if isinstance(value, str):
            if not holds_template(value):
                return str(value)
            return self._carried_out(lambda: _finished(value_of(self._template(value), scope)), value, scope)
        if isinstance(value, Mapping):
            rendered = {key: self._rendered(item, scope) for key, item in value.items()}
            return {key: item for key, item in rendered.items() if item is not OMIT}
        if isinstance(value, (list, tuple)):
            return [item for item in (self._rendered(item, scope) for item in value) if item is not OMIT]
        return value

    def _variable(self, text: str, scope: Scope) -> object:
        """A variable's value; what it lacks is only an error if it is used without `default`."""
        try:
            return self._carried_out(lambda: _settled(value_of(self._template(text), scope)), text, scope)
        except UndefinedVariable as error:
            return self._environment.undefined(hint=_with_hint(error))

    def _carried_out(self, act: Callable[[], T], text: str, scope: Scope) -> T:
        """What `act` gives; whatever goes wrong in it is told in terms of the template `text`."""
        try:
            return act()
        except UndefinedAccessError as error:
            raise _undefined(error, text, scope) from None
        except jinja2.TemplateSyntaxError as error:
            raise syntax_error(error, text) from None
        except _FAILURES as error:
            raise TemplateError(f"'{shortened(text)}' cannot be rendered: {error}") from None

    def _template(self, text: str) -> jinja2.Template:
        return _kept(self._templates, text, self._environment.compiled)

    def _expression(self, text: str) -> jinja2.Template:
        return _kept(self._expressions, text, self._environment.compiled_expression)

    def _note_secret(self, value: object) -> None:
        if isinstance(value, (str, Secret)):
            self.redactor.register(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            self.redactor.register(str(value))


def _kept(kept: dict[str, jinja2.Template], text: str, compile_: Callable[[str], jinja2.Template]) -> jinja2.Template:
    template = kept.get(text)
    if template is None:
        template = compile_(str(text))
        if len(kept) >= KEPT:
            kept.clear()
        kept[text] = template
    return template


def _settled(value: object) -> object:
    """A value that can be read more than once and is there at all."""
    if isinstance(value, Undefined):
        raise value.error()
    return list(value) if isinstance(value, GeneratorType) else value


def _finished(value: object) -> object:
    """A value as plain data, for the world outside of templates."""
    value = _settled(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Mapping):
        finished = {key: _finished(item) for key, item in value.items()}
        return {key: item for key, item in finished.items() if item is not OMIT}
    if isinstance(value, _LISTS):
        return [item for item in (_finished(item) for item in value) if item is not OMIT]
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    return value


def _undefined(error: UndefinedAccessError, text: str, scope: Scope) -> UndefinedVariable:
    if error.name is None:
        return UndefinedVariable(str(error))
    if error.is_variable:
        hint = did_you_mean(str(error.name), scope, "define it in vars, the inventory or with -e, or use default()")
        return UndefinedVariable(f"'{error.name}' is undefined", hint=hint)
    message = f"there is no '{error.name}' in what '{shortened(text)}' reads it from"
    if not isinstance(error.owner, Mapping):
        return UndefinedVariable(message, hint=f"it is {_kind(error.owner)}")
    keys = [str(key) for key in error.owner]
    otherwise = f"it has {listed(keys)}" if 0 < len(keys) <= 20 else f"it is {_kind(error.owner)}"
    return UndefinedVariable(message, hint=did_you_mean(str(error.name), keys, otherwise))


def _with_hint(error: UndefinedVariable) -> str:
    return f"{error.message} ({error.hint})" if error.hint.startswith("did you") else error.message


def _kind(value: object) -> str:
    if isinstance(value, str):
        return "text" if value else "empty text"
    if isinstance(value, Mapping):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, (list, tuple, LazyList)):
        return "a list" if value else "an empty list"
    if isinstance(value, (int, float)):
        return "a number"
    return "nothing (null)" if value is None else f"a {type(value).__name__}"


def _condition_hint(value: object) -> str:
    if isinstance(value, str):
        return "compare it (… == 'x'), or convert it with | bool"
    if isinstance(value, (int, float)):
        return "compare it with a number: … > 0"
    if isinstance(value, (list, tuple, Mapping)):
        return "say what must hold: … | length > 0"
    return "say what must hold: … is not none"
