"""Templates and expressions: Jinja2, strict, sandboxed, with values that keep their types.

The only room that knows Jinja2. Templates in variables are rendered when they are read, and only those
somebody wrote (`document.TemplateText`): what a host answered is never run as a template.
"""

from __future__ import annotations

from runner.template.analysis import Usage, is_filled_text, usage_of
from runner.template.errors import TemplateError, UndefinedVariable
from runner.template.templar import OMIT, Templar, is_template

__all__ = [
    "OMIT",
    "Templar",
    "TemplateError",
    "UndefinedVariable",
    "Usage",
    "is_filled_text",
    "is_template",
    "usage_of",
]
