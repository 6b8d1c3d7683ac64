"""What a lookup is, and what it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any

from jinja2.runtime import Context

from runner.frozen import frozen
from runner.template.controller import Controller


@frozen
class Asked:
    """One call: its terms, its options with defaults filled in, the variables (`context`) and the controller.

    `looping`: it is not called in a template, but is the loop of a task.
    """

    terms: tuple[object, ...]
    options: Mapping[str, Any]
    context: Context
    controller: Controller
    looping: bool = False

    def names(self) -> list[str]:
        """The terms, which must be text."""
        for term in self.terms:
            if not isinstance(term, str):
                raise ValueError(f"the lookup takes text, not {type(term).__name__}")
        return [str(term) for term in self.terms]


@frozen
class Lookup:
    """`act` gives the list that `query` gives. `options` are those it knows, with their defaults.

    `steady`: equal terms always give an equal list. `secret`: nobody may read what it gives.
    """

    act: Callable[[Asked], list[Any]]
    options: Mapping[str, object] = field(default_factory=dict)
    steady: bool = False
    secret: bool = False
