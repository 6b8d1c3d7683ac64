"""Templates and expressions: Jinja2, strict, sandboxed, with values that keep their types.

The only room that knows Jinja2. Templates in variables are rendered when they are read, and only those
somebody wrote (`document.TemplateText`): what a host answered is never run as a template.
"""

from __future__ import annotations

from runner.template.errors import TemplateError, UndefinedVariable
from runner.template.omit import OMIT
from runner.template.templar import Templar, is_template
from runner.template.usage import Usage, is_filled_text, usage_of

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
