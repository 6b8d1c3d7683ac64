"""The Jinja2 environment: sandboxed, strict, and with results that keep their types."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from types import GeneratorType
from typing import Any, NoReturn, cast

import jinja2
from jinja2 import nodes
from jinja2.nativetypes import NativeCodeGenerator
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing

from runner.template.lazy import names_a_secret
from runner.template.taint import Taint


class UndefinedAccessError(jinja2.UndefinedError):
    """A template used something that does not exist: `name` was looked for in `owner`, or among the variables.

    `name` is None if `message` says everything.
    """

    def __init__(self, message: str, name: object, owner: object, is_variable: bool) -> None:
        super().__init__(message)
        self.name = name
        self.owner = owner
        self.is_variable = is_variable


class Undefined(jinja2.StrictUndefined):
    """Fails at any use but `default`, `is defined` and reading further into it (`a.b.c | default(…)`)."""

    __slots__ = ()

    def _fail_with_undefined_error(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise self.error()

    def error(self) -> UndefinedAccessError:
        """What using it means."""
        name = None if self._undefined_hint else self._undefined_name
        owner = self._undefined_obj
        return UndefinedAccessError(self._undefined_message, name, owner, is_variable=owner is missing)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __getitem__(self, _: object) -> Any:
        return self

    __iter__ = __str__ = __len__ = _fail_with_undefined_error
    __eq__ = __ne__ = __bool__ = __hash__ = _fail_with_undefined_error
    __contains__ = __call__ = __lt__ = __gt__ = __le__ = __ge__ = _fail_with_undefined_error
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _fail_with_undefined_error
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = _fail_with_undefined_error
    __mod__ = __rmod__ = __pos__ = __neg__ = __int__ = __float__ = _fail_with_undefined_error


class _CodeGenerator(NativeCodeGenerator):
    """Constants keep their types too: `{{ 42 }}` is a number."""

    def _output_const_repr(self, group: Iterable[Any]) -> str:
        values = list(group)
        return repr(values[0] if len(values) == 1 else "".join(_text(value) for value in values))

    def visit_Getitem(self, node: nodes.Getitem, frame: Any) -> None:  # noqa: N802  the name is Jinja's
        """A part of text is asked of the environment too, which Jinja itself does for single items only."""
        if not isinstance(node.arg, nodes.Slice):
            super().visit_Getitem(node, frame)
            return
        self.write("environment.getitem(")
        self.visit(node.node, frame)
        self.write(", slice(")
        for part in (node.arg.start, node.arg.stop, node.arg.step):
            self.visit(part or nodes.Const(None), frame)
            self.write(", ")
        self.write("))")


class _Context(Context):
    def get_all(self) -> Any:
        return ChainMap(self.vars, self.parent)


class _Template(jinja2.Template):
    """Reads variables from any mapping, one at a time, without copying it."""

    def new_context(
        self,
        vars: Mapping[str, Any] | None = None,  # noqa: A002  the name is Jinja's
        shared: bool = False,
        locals: Mapping[str, Any] | None = None,  # noqa: A002  the name is Jinja's
    ) -> Context:
        known = {name: value for name, value in (locals or {}).items() if value is not missing}
        layers: list[Any] = [known, {} if vars is None else vars]
        if not shared:
            layers.append(self.globals)
        return _Context(self.environment, ChainMap(*layers), self.name, self.blocks)  # type: ignore[arg-type]  # any mapping does


class Environment(ImmutableSandboxedEnvironment):
    """`note_secret` is told every value read from a key whose name says it is secret; `taint` what is made of text."""

    code_generator_class = _CodeGenerator
    template_class = _Template

    @staticmethod
    def concat(parts: Iterable[object]) -> Any:
        """What macros, `{% set %}` and `{% filter %}` blocks give."""
        return _joined(parts)

    def __init__(self, search_path: Sequence[Path], note_secret: Callable[[object], None], taint: Taint) -> None:
        super().__init__(
            undefined=Undefined,
            loader=jinja2.FileSystemLoader([str(path) for path in search_path]),
            keep_trailing_newline=True,
            trim_blocks=True,
            cache_size=0,
            auto_reload=False,
        )
        self._note_secret = note_secret
        self._taint = taint

    def getitem(self, obj: Any, argument: Any) -> Any:
        found = self._noted(argument, super().getitem(obj, argument))
        if isinstance(obj, str):
            self._taint.note((obj,), found)
        return found

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self._noted(attribute, super().getattr(obj, attribute))

    def _noted(self, name: object, value: Any) -> Any:
        if isinstance(value, str) and names_a_secret(name):
            self._note_secret(value)
        return value

    def call(self, context: Context, obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Text's own methods are watched: `password.upper()`."""
        result = super().call(context, obj, *args, **kwargs)
        owner = getattr(obj, "__self__", None)
        if isinstance(owner, str):
            self._taint.note((owner, *args, *kwargs.values()), result)
        return result

    def compiled(self, text: str) -> jinja2.Template:
        """A template of a file; raises jinja2.TemplateSyntaxError."""
        return self.from_string(text)

    def compiled_value(self, text: str) -> jinja2.Template:
        """A template that stands as a value in YAML: a backslash in the texts of its expressions means itself.

        So `regex_replace('(.)', '<\\1>')` needs none doubled. In statements, in files and in conditions they do,
        all as in Ansible. Raises jinja2.TemplateSyntaxError.
        """
        return self.from_string(self._with_backslashes_kept(text) if "\\" in text else text)

    def _with_backslashes_kept(self, text: str) -> str:
        parts: list[str] = []
        inside = False
        for _, token, piece in self.lexer.tokeniter(text, None):
            if token in ("variable_begin", "variable_end"):
                inside = token == "variable_begin"
            parts.append(piece.replace("\\", "\\\\") if inside and token == "string" else piece)
        return "".join(parts)

    def compiled_expression(self, text: str) -> jinja2.Template:
        """An expression, without braces, as a template that gives its value; raises jinja2.TemplateSyntaxError."""
        return self.from_string(self.expression_tree(text))

    def expression_tree(self, text: str) -> nodes.Template:
        """The syntax tree of an expression; raises jinja2.TemplateSyntaxError."""
        parser = Parser(self, text, state="variable")
        expression = parser.parse_expression()
        if not parser.stream.eos:
            line = parser.stream.current.lineno
            raise jinja2.TemplateSyntaxError(f"'{parser.stream.current}' is too much here", line)
        tree = nodes.Template([nodes.Output([expression], lineno=1)], lineno=1)
        return tree.set_environment(self)  # type: ignore[return-value]  # gives back the node itself


def value_of(template: jinja2.Template, variables: Mapping[str, object]) -> object:
    """What a template gives: the value itself of a single expression, else text."""
    return _joined(template.root_render_func(template.new_context(cast(Any, variables))))


def text_of(template: jinja2.Template, variables: Mapping[str, object]) -> str:
    """A template's text."""
    return "".join(_text(part) for part in template.root_render_func(template.new_context(cast(Any, variables))))


def _joined(parts: Iterable[object]) -> object:
    iterator = iter(parts)
    first = list(islice(iterator, 2))
    if len(first) == 1:
        return first[0]
    return "".join(_text(part) for part in (*first, *iterator))


def _text(value: object) -> str:
    if isinstance(value, Undefined):
        raise value.error()
    if isinstance(value, GeneratorType):
        value = list(value)
    return "" if value is None else str(value)
