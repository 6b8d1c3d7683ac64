"""What a template uses, found without rendering it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import jinja2
from jinja2 import meta, nodes

from runner.rules import Rule
from runner.template.absent import unknown
from runner.template.environment import Environment
from runner.template.errors import TemplateError, shortened, syntax_error
from runner.template.filters import UNSTEADY_FILTERS
from runner.template.lookups import LOOKUPS, refuse_unknown_options
from runner.template.outcome import no_condition
from runner.template.tests import UNSTEADY_TESTS
from runner.template.usage import NOT_SIMPLE, SIMPLE, Usage

KEPT: Final = 16384

_GUARD_FILTERS: Final = frozenset({"default", "d", "mandatory"})
_GUARD_TESTS: Final = frozenset({"defined", "undefined"})
_BY_FILTER: Final = frozenset({"map"})
_BY_TEST: Final[Mapping[str, int]] = {"select": 0, "reject": 0, "selectattr": 1, "rejectattr": 1}
"""Filters that are given the name of another filter, or of a test, and as which argument."""

_LOOKUP_CALLS: Final = frozenset({"lookup", "query", "q"})
_UNSTEADY_CALLS: Final = _LOOKUP_CALLS | {"now"}

_WORDS: Final = frozenset(
    {"true", "false", "none", "True", "False", "None", "not", "and", "or", "if", "else", "is", "in"}
)
"""What looks like a name in a template and is none."""


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
        if parse == self._environment.parse and (simple := self._simple(text)):
            return simple
        try:
            tree = parse(text)
            survey = Survey(self._environment)
            survey.visit(tree)
        except jinja2.TemplateSyntaxError as error:
            return syntax_error(error, text)
        except RecursionError:
            return TemplateError(f"'{shortened(text)}' is nested too deeply", rule=Rule.TEMPLATE_SYNTAX)
        return survey.unknown or self._usage(tree, survey)

    def _simple(self, text: str) -> Usage | None:
        """What a text uses whose only templates are `{{ name }}`, or None if there is more to it."""
        if NOT_SIMPLE.search(SIMPLE.sub("", text)):
            return None
        lines: dict[str, int] = {}
        for found in SIMPLE.finditer(text):
            if found[1] in _WORDS:
                return None
            lines.setdefault(found[1], text.count("\n", 0, found.start()) + 1)
        names = frozenset(lines) - self._environment.globals.keys()
        rest = SIMPLE.sub("", text, count=1)
        whole = (next(iter(lines)),) if lines and not rest else None
        return Usage(
            names, names, names, steady=True, lines=lines, paths=frozenset((name,) for name in names), whole=whole
        )

    def _usage(self, tree: nodes.Template, survey: Survey) -> Usage:
        names = frozenset(survey.lines)
        if not all(isinstance(node, nodes.Output) for node in tree.body):
            names = frozenset(meta.find_undeclared_variables(tree))
        free = names - self._environment.globals.keys()
        required = free - survey.guarded
        return Usage(
            names=free,
            required=required,
            certain=required & survey.certain,
            steady=survey.steady,
            lookups=tuple(sorted(survey.lookups - survey.optional_lookups)),
            lines=survey.lines,
            paths=frozenset(path for path in survey.paths if path[0] in required),
            whole=_sole_path(tree),
            no_condition=no_condition(tree),
        )


class Survey:
    """One walk over a syntax tree."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self.unknown: TemplateError | None = None
        self.lines: dict[str, int] = {}
        self.certain: set[str] = set()
        self.paths: set[tuple[str, ...]] = set()
        self.guarded: set[str] = set()
        self.lookups: set[tuple[str, str]] = set()
        self.optional_lookups: set[tuple[str, str]] = set()
        self.steady = True

    def visit(self, node: nodes.Node | None, certain: bool = True, guarded: bool = False) -> None:
        """Note what `node` uses. `certain`: it is read whichever way conditions go; `guarded`: it may be undefined."""
        if node is None:
            return
        if isinstance(node, nodes.Name):
            self._name(node, certain, guarded, ())
        elif isinstance(node, (nodes.Filter, nodes.Test)):
            self._filter_or_test(node, certain, guarded)
        elif path := _path_of(node):
            base, *keys = path
            self._name(base, certain, guarded, tuple(keys))
        else:
            steady_call = isinstance(node, nodes.Call) and self._call(node, guarded)
            if isinstance(node, (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)):
                self.steady = False
            first = _read_first(node)
            for child in node.iter_child_nodes(exclude=("node",) if steady_call else None):
                self.visit(child, certain and (first is None or child is first), guarded)

    def _name(self, node: nodes.Name, certain: bool, guarded: bool, keys: tuple[str, ...]) -> None:
        self.lines.setdefault(node.name, node.lineno)
        if guarded:
            self.guarded.add(node.name)
        elif certain:
            self.certain.add(node.name)
            self.paths.add((node.name, *keys))
        if node.name in _UNSTEADY_CALLS:
            self.steady = False

    def _filter_or_test(self, node: nodes.Filter | nodes.Test, certain: bool, guarded: bool) -> None:
        is_filter = isinstance(node, nodes.Filter)
        self._known("filter" if is_filter else "test", node.name, node.lineno)
        if is_filter:
            self._named_inside(node)
        if node.name in (UNSTEADY_FILTERS if is_filter else UNSTEADY_TESTS):
            self.steady = False
        guards = node.name in (_GUARD_FILTERS if is_filter else _GUARD_TESTS)
        for child in node.iter_child_nodes():
            self.visit(child, certain, guarded or (guards and child is node.node))

    def _known(self, kind: str, name: str, line: int) -> None:
        known: Iterable[str] = LOOKUPS if kind == "lookup" else getattr(self._environment, f"{kind}s")
        if name not in known and self.unknown is None:
            self.unknown = unknown(kind, name, known, line)

    def _named_inside(self, node: nodes.Filter | nodes.Test) -> None:
        """The filter or test that a filter like `map` or `select` is told to use."""
        constants = [arg.value if isinstance(arg, nodes.Const) else None for arg in node.args]
        if node.name in _BY_FILTER and constants and isinstance(constants[0], str):
            self._known("filter", constants[0], node.lineno)
            self.steady = self.steady and constants[0] not in UNSTEADY_FILTERS
        at = _BY_TEST.get(node.name)
        if at is not None and len(constants) > at and isinstance(name := constants[at], str):
            self._known("test", name, node.lineno)
            self.steady = self.steady and name not in UNSTEADY_TESTS

    def _call(self, node: nodes.Call, guarded: bool) -> bool:
        """Note what a call looks up. True if it is a lookup that gives equal lists for equal terms."""
        if not (isinstance(node.node, nodes.Name) and node.node.name in _LOOKUP_CALLS and node.args):
            return False
        constants = [arg.value if isinstance(arg, nodes.Const) else None for arg in node.args]
        kind = constants[0]
        if not isinstance(kind, str):
            return False
        self._known("lookup", kind, node.lineno)
        if kind not in LOOKUPS:
            return False
        self._options(kind, node)
        if len(constants) == 2 and isinstance(constants[1], str) and not node.kwargs:
            (self.optional_lookups if guarded else self.lookups).add((kind, constants[1]))
        return LOOKUPS[kind].steady

    def _options(self, kind: str, node: nodes.Call) -> None:
        try:
            refuse_unknown_options(kind, [option.key for option in node.kwargs])
        except ValueError as error:
            self.unknown = self.unknown or TemplateError(str(error), line=node.lineno, rule=Rule.UNKNOWN_LOOKUP)


def _path_of(node: nodes.Node) -> tuple[nodes.Name, *tuple[str, ...]] | None:
    """The name and the constant keys of `name.key['key']`; None for anything else."""
    keys: list[str] = []
    while isinstance(node, (nodes.Getattr, nodes.Getitem)):
        if isinstance(node, nodes.Getattr):
            keys.append(node.attr)
        elif isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            keys.append(node.arg.value)
        else:
            return None
        node = node.node
    return (node, *reversed(keys)) if isinstance(node, nodes.Name) and keys else None


def _sole_path(tree: nodes.Template) -> tuple[str, ...] | None:
    """The path whose value the template is, if it is nothing but that."""
    if len(tree.body) != 1 or not isinstance(tree.body[0], nodes.Output) or len(tree.body[0].nodes) != 1:
        return None
    only = tree.body[0].nodes[0]
    if isinstance(only, nodes.Name):
        return (only.name,)
    path = _path_of(only)
    return (path[0].name, *path[1:]) if path else None


def _read_first(node: nodes.Node) -> nodes.Node | None:
    """The only child that is read in any case, of a node whose other children need not be; None if all are."""
    if isinstance(node, (nodes.And, nodes.Or)):
        return node.left
    if isinstance(node, (nodes.CondExpr, nodes.If)):
        return node.test
    if isinstance(node, nodes.For):
        return node.iter
    return node if isinstance(node, (nodes.Macro, nodes.CallBlock)) else None
