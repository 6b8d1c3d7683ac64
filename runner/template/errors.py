"""What goes wrong when a template is read or rendered."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import jinja2

from runner.errors import TaskFailed


@dataclass(eq=False)
class TemplateError(TaskFailed):
    """A template or an expression is wrong, or cannot be carried out with these variables.

    `line` is where in the template's text, from 1.
    """

    line: int = field(default=1, kw_only=True)


@dataclass(eq=False)
class UndefinedVariable(TemplateError):  # noqa: N818  it reads as what it is
    """A template needs a value that does not exist."""


def syntax_error(error: jinja2.TemplateSyntaxError, text: str) -> TemplateError:
    """What Jinja2 says about a text, in our words."""
    said = error.message or "not a template"
    line = f" in line {error.lineno} of the text" if "\n" in text.strip() else ""
    if unknown := re.fullmatch(r"No (filter|test) named '(.*)'\.", said):
        return TemplateError(f"there is no {unknown[1]} '{unknown[2]}'{line}", line=error.lineno)
    message = f"'{shortened(text)}' is not a valid template: {said}{line}"
    return TemplateError(message, hint=_hint(text, said), line=error.lineno)


def shortened(text: str) -> str:
    """A template's text for a message: one line, 60 characters at most."""
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:57]}…"


def _hint(text: str, said: str) -> str:
    if text.lstrip().startswith("{{") and "':', got '}'" in said:
        return "an expression stands without braces"
    if text.count("{{") != text.count("}}"):
        return "check that every '{{' has its '}}'"
    if text.count("{%") != text.count("%}"):
        return "check that every '{%' has its '%}'"
    return ""
