"""Jinja2 at work: compiled templates, carried out over a scope. Loaded with the first template that is met."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, ItemsView, KeysView, Mapping, Sequence, Set, ValuesView
from types import GeneratorType
from typing import Final, TypeVar, cast

import jinja2

from runner.suggestions import did_you_mean, listed
from runner.template.analysis import Analyst
from runner.template.controller import Controller
from runner.template.environment import Environment, Undefined, UndefinedAccessError, text_of, value_of
from runner.template.errors import TemplateError, UndefinedVariable, shortened, syntax_error
from runner.template.filters import FILTERS
from runner.template.lazy import LazyList, Scope, kind_of
from runner.template.lookups import found, globals_for
from runner.template.omit import OMIT
from runner.template.taint import Taint
from runner.template.tests import TESTS

T = TypeVar("T")

KEPT: Final = 8192
"""How many compiled templates are kept."""


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


class Rendering:
    """Carries out templates and expressions, each compiled once. Thread-safe.

    Its methods raise UndefinedVariable and TemplateError. `note_secret` is told what a secret's name holds, `taint`
    watches what is made of it.
    """

    def __init__(self, controller: Controller, note_secret: Callable[[object], None], taint: Taint) -> None:
        self._controller = controller
        self._note_secret = note_secret
        self._environment = Environment(controller.search_path, note_secret, taint)
        filters = {**self._environment.filters, **FILTERS}
        self._environment.filters = {name: taint.watched(made) for name, made in filters.items()}
        self._environment.tests.update(TESTS)
        self._environment.globals.update(globals_for(controller, note_secret), omit=OMIT)
        self.analyst = Analyst(self._environment)
        self._templates: dict[str, jinja2.Template] = {}
        self._files: dict[str, jinja2.Template] = {}
        self._expressions: dict[str, jinja2.Template] = {}

    def value(self, text: str, scope: Scope) -> object:
        """What a template gives, as plain data of its own type."""
        return self._carried_out(lambda: _finished(value_of(self._template(text), scope)), text, scope)

    def text(self, text: str, scope: Scope) -> str:
        """What the template of a file gives, as text."""
        return self._carried_out(lambda: text_of(self._file(text), scope), text, scope)

    def expression(self, text: str, scope: Scope) -> object:
        """The value of an expression without braces."""
        return self._carried_out(lambda: _finished(value_of(self._expression(text), scope)), text, scope)

    def looked_up(self, kind: str, terms: Sequence[object], scope: Scope) -> list[object]:
        """What `query(kind, *terms)` gives; the terms are rendered already."""
        context = self._environment.from_string("").new_context(scope)  # type: ignore[arg-type]  # any mapping does

        def look() -> object:
            return found(
                kind, tuple(terms), context, self._controller, {"wantlist": True}, self._note_secret, looping=True
            )

        return list(cast(list[object], self._carried_out(lambda: _finished(look()), kind, scope)))

    def variable(self, text: str, scope: Scope) -> object:
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
        return _kept(self._templates, text, self._environment.compiled_value)

    def _file(self, text: str) -> jinja2.Template:
        return _kept(self._files, text, self._environment.compiled)

    def _expression(self, text: str) -> jinja2.Template:
        return _kept(self._expressions, text, self._environment.compiled_expression)


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
        return UndefinedVariable(message, hint=f"it is {kind_of(error.owner)}")
    keys = [str(key) for key in error.owner]
    otherwise = f"it has {listed(keys)}" if 0 < len(keys) <= 20 else f"it is {kind_of(error.owner)}"
    return UndefinedVariable(message, hint=did_you_mean(str(error.name), keys, otherwise))


def _with_hint(error: UndefinedVariable) -> str:
    return f"{error.message} ({error.hint})" if error.hint.startswith("did you") else error.message
