"""Lookups of what is around a template: environment, variables, what programs of the controller say."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Final

from runner.template.lookups.asked import Asked, Lookup

NOTHING: Final = object()


def _env(asked: Asked) -> list[object]:
    return [
        os.environ.get(name, _otherwise(asked, f"the environment variable {name} is not set")) for name in asked.names()
    ]


def _otherwise(asked: Asked, hint: str) -> object:
    default = asked.options["default"]
    return asked.context.environment.undefined(hint=hint) if default is NOTHING else default


def _vars(asked: Asked) -> list[object]:
    return [_variable(asked, name) for name in asked.names()]


def _variable(asked: Asked, name: str) -> object:
    if name in asked.context.parent:
        return asked.context[name]
    default = asked.options["default"]
    return asked.context.environment.undefined(name=name) if default is NOTHING else default


def _varnames(asked: Asked) -> list[object]:
    return [name for pattern in asked.names() for name in asked.context.parent if re.search(pattern, str(name))]


def _pipe(asked: Asked) -> list[object]:
    return [_output(asked, line).rstrip() for line in asked.names()]


def _lines(asked: Asked) -> list[object]:
    return [line for program in asked.names() for line in _output(asked, program).splitlines()]


def _output(asked: Asked, line: str) -> str:
    return asked.controller.programs(line, asked.controller.directory)


SURROUNDING_LOOKUPS: Final[Mapping[str, Lookup]] = {
    "env": Lookup(_env, {"default": NOTHING}),
    "vars": Lookup(_vars, {"default": NOTHING}),
    "varnames": Lookup(_varnames),
    "pipe": Lookup(_pipe),
    "lines": Lookup(_lines),
}
