"""What goes wrong when a template is read or rendered."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from runner.errors import Location, TaskFailed
from runner.rules import Rule

if TYPE_CHECKING:
    import jinja2


@dataclass(eq=False)
class TemplateError(TaskFailed):
    """A template or an expression is wrong, or cannot be carried out with these variables.

    `line` is where in the template's text, from 1. `place` is there if the text itself knows where it stands.
    """

    line: int = field(default=1, kw_only=True)
    rule: Rule = field(default=Rule.TEMPLATE_FAILURE, kw_only=True)
    place: Location | None = field(default=None, kw_only=True)


@dataclass(eq=False)
class UndefinedVariable(TemplateError):  # noqa: N818  it reads as what it is
    """A template needs a value that does not exist."""

    rule: Rule = field(default=Rule.UNDEFINED_VARIABLE, kw_only=True)


def syntax_error(error: jinja2.TemplateSyntaxError, text: str) -> TemplateError:
    """What Jinja2 says about a text, in our words."""
    said = (error.message or "it cannot be read").rstrip(".")
    several_lines = "\n" in text.strip()
    line = f" in line {error.lineno} of the text" if several_lines else ""
    if unknown := re.fullmatch(r"No (filter|test) named '(.*)'", said):
        rule = Rule.UNKNOWN_FILTER if unknown[1] == "filter" else Rule.UNKNOWN_TEST
        return TemplateError(f"there is no {unknown[1]} '{unknown[2]}'{line}", line=error.lineno, rule=rule)
    told, hint = _in_words(said, text)
    what = "this" if several_lines else f"'{shortened(text)}'"
    message = f"{what} is not a valid template: {told}{line}"
    return TemplateError(message, hint=hint, line=error.lineno, rule=Rule.TEMPLATE_SYNTAX)


def _in_words(said: str, text: str) -> tuple[str, str]:
    if text.lstrip().startswith("{{") and "':', got '}'" in said:
        return "an expression stands without braces", "take the braces away"
    if unclosed := re.search(r"block that needs to be closed is '(\w+)'", said):
        return f"'{{% {unclosed[1]} %}}' has no end", f"close it with '{{% end{unclosed[1]} %}}'"
    if re.match(r"unexpected end of template, expected 'end of", said):
        return "a brace is opened and not closed", "check that every '{{' has its '}}' and every '{%' its '%}'"
    if surplus := re.fullmatch(r"expected token '(?:end of print statement|end of statement block)', got '(.*)'", said):
        return f"'{surplus[1]}' is too much here", "compare with ==" if surplus[1] == "=" else ""
    if said == "'=' is too much here":
        return said, "compare with =="
    if said.startswith(("unexpected 'end of", "Expected an expression, got 'end of")):
        return "it ends too early", ""
    return said, ""


def shortened(text: str) -> str:
    """A template's text for a message: one line, 60 characters at most."""
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:57]}…"
