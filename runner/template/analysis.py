"""What a template uses, found without rendering it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import jinja2
from jinja2 import meta, nodes

from runner.suggestions import did_you_mean
from runner.template.environment import Environment
from runner.template.errors import TemplateError, shortened, syntax_error
from runner.template.lookups import LOOKUPS

KEPT: Final = 16384

_GUARD_FILTERS: Final = frozenset({"default", "d", "mandatory"})
_GUARD_TESTS: Final = frozenset({"defined", "undefined"})
_UNSTEADY_FILTERS: Final = frozenset({"random", "strftime"})
_UNSTEADY_CALLS: Final = frozenset({"lookup", "query", "q", "now"})


@dataclass(frozen=True, slots=True)
class Usage:
    """What one template uses.

    `names`: its variables. `required`: those it cannot do without, whatever their values are; the others are
    asked for with `default` or `is defined`. `certain`: those of them that are read whichever way the
    template's own conditions go. `steady`: whether equal variables always give an equal value.
    `lookups`: those with a constant argument, as (kind, argument), that have no `default`. `lines`: where in
    the text each name stands first, from 1.
    """

    names: frozenset[str]
    required: frozenset[str]
    certain: frozenset[str]
    steady: bool
    lookups: tuple[tuple[str, str], ...] = ()
    lines: Mapping[str, int] = field(default_factory=dict)

    @property
    def guarded(self) -> frozenset[str]:
        """Names that may be undefined without harm."""
        return self.names - self.required


class Analyst:
    """Remembers what it found for each text."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._templates: dict[str, Usage | TemplateError] = {}
        self._expressions: dict[str, Usage | TemplateError] = {}

    def template(self, text: str) -> Usage:
        """What a template uses; TemplateError if it is wrong."""
        return self._remembered(self._templates, text, self._environment.parse)

    def expression(self, text: str) -> Usage:
        """What an expression without braces uses; TemplateError if it is wrong."""
        return self._remembered(self._expressions, text, self._environment.expression_tree)

    def _remembered(
        self, known: dict[str, Usage | TemplateError], text: str, parse: Callable[[str], nodes.Template]
    ) -> Usage:
        found = known.get(text)
        if found is None:
            if len(known) >= KEPT:
                known.clear()
            found = known[text] = self._examined(str(text), parse)
        if isinstance(found, TemplateError):
            raise found
        return found

    def _examined(self, text: str, parse: Callable[[str], nodes.Template]) -> Usage | TemplateError:
        try:
            tree = parse(text)
        except jinja2.TemplateSyntaxError as error:
            return syntax_error(error, text)
        except RecursionError:
            return TemplateError(f"'{shortened(text)}' is nested too deeply")
        return self._unknown_word(tree) or self._usage(tree)

    def _unknown_word(self, tree: nodes.Template) -> TemplateError | None:
        for node in tree.find_all((nodes.Filter, nodes.Test)):
            is_filter = isinstance(node, nodes.Filter)
            known = self._environment.filters if is_filter else self._environment.tests
            if node.name not in known:
                kind = "filter" if is_filter else "test"
                hint = did_you_mean(node.name, known)
                return TemplateError(f"there is no {kind} '{node.name}'", hint=hint, line=node.lineno)
        for kind, _ in _lookups(tree):
            if kind not in LOOKUPS:
                return TemplateError(f"there is no lookup '{kind}'", hint=did_you_mean(kind, LOOKUPS))
        return None

    def _usage(self, tree: nodes.Template) -> Usage:
        if all(isinstance(node, nodes.Output) for node in tree.body):
            names = {node.name for node in tree.find_all(nodes.Name)}
        else:
            names = meta.find_undeclared_variables(tree)
        free = frozenset(names) - self._environment.globals.keys()
        lines: dict[str, int] = {}
        for node in tree.find_all(nodes.Name):
            lines.setdefault(node.name, node.lineno)
        guards = list(_guards(tree))
        guarded = {name.name for guard in guards for name in guard.find_all(nodes.Name)}
        optional = {lookup for guard in guards for lookup in _lookups(nodes.Output([guard]))}
        return Usage(
            names=free,
            required=free - guarded,
            certain=(free - guarded) & frozenset(_certain(tree)),
            steady=_is_steady(tree),
            lookups=tuple(sorted({(kind, name) for kind, name in _lookups(tree) if name} - optional)),
            lines=lines,
        )


def _guards(tree: nodes.Template) -> Iterator[nodes.Node]:
    """The operands of `default` and `is defined`."""
    for node in tree.find_all((nodes.Filter, nodes.Test)):
        guards = _GUARD_FILTERS if isinstance(node, nodes.Filter) else _GUARD_TESTS
        if node.name in guards and node.node is not None:
            yield nodes.Output([node.node])


def _certain(node: nodes.Node) -> Iterator[str]:
    """Names that are read in any case: not those behind `and`, `or`, `if`, in loops and macros."""
    if isinstance(node, nodes.Name):
        yield node.name
        return
    inside: Iterable[nodes.Node | None]
    if isinstance(node, (nodes.And, nodes.Or)):
        inside = (node.left,)
    elif isinstance(node, (nodes.CondExpr, nodes.If)):
        inside = (node.test,)
    elif isinstance(node, nodes.For):
        inside = (node.iter,)
    elif isinstance(node, (nodes.Macro, nodes.CallBlock)):
        inside = ()
    else:
        inside = node.iter_child_nodes()
    for child in inside:
        if child is not None:
            yield from _certain(child)


def _lookups(tree: nodes.Node) -> Iterator[tuple[str, str]]:
    """Kind and constant argument ("" if it isn't constant) of every lookup of a constant kind."""
    for call in tree.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name in ("lookup", "query", "q") and call.args:
            constants = [arg.value if isinstance(arg, nodes.Const) else "" for arg in call.args]
            if constants[0]:
                simple = len(constants) == 2 and not call.kwargs
                yield str(constants[0]), str(constants[1]) if simple else ""


def _is_steady(tree: nodes.Template) -> bool:
    if any(node.name in _UNSTEADY_FILTERS for node in tree.find_all(nodes.Filter)):
        return False
    if any(node.name in _UNSTEADY_CALLS for node in tree.find_all(nodes.Name)):
        return False
    return next(iter(tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends))), None) is None
