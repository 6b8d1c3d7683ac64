"""What a template can be known to use. Needs no Jinja2: most texts of a playbook hold no template."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Final

from runner.frozen import frozen

SIMPLE: Final = re.compile(r"\{\{ *([A-Za-z_][A-Za-z0-9_]*) *\}\}")
NOT_SIMPLE: Final = re.compile(r"\{[{%#]|[}%#]\}")


@frozen
class Usage:
    """What one template uses.

    `names`: its variables. `required`: those it cannot do without, whatever their values are; the others are
    asked for with `default` or `is defined`. `certain`: those of them that are read whichever way the
    template's own conditions go. `steady`: whether equal variables always give an equal value.
    `lookups`: those with a constant argument, as (kind, argument), that have no `default`. `lines`: where in
    the text each name stands first, from 1. `paths`: how the certain names are read, each with the constant
    keys behind it; `whole` is the path of which the template gives the value as it is. `no_condition` is what
    it certainly gives ("text", "a number"), if that can never be true or false.
    """

    names: frozenset[str]
    required: frozenset[str]
    certain: frozenset[str]
    steady: bool
    lookups: tuple[tuple[str, str], ...] = ()
    lines: Mapping[str, int] = field(default_factory=dict)
    paths: frozenset[tuple[str, ...]] = frozenset()
    whole: tuple[str, ...] | None = None
    no_condition: str = ""

    @property
    def guarded(self) -> frozenset[str]:
        """Names that may be undefined without harm."""
        return self.names - self.required


def usage_of(name: str) -> Usage:
    """What `{{ name }}` uses."""
    names = frozenset({name})
    return Usage(names, names, names, steady=True, paths=frozenset({(name,)}), whole=(name,))


def is_filled_text(text: str) -> bool:
    """Whether a template is text with variables put in, `a {{ b }} c`, and nothing more: it always gives text."""
    rest, found = SIMPLE.subn("", text)
    return found > 0 and rest.strip() != "" and not NOT_SIMPLE.search(rest)
