"""What all plays of a playbook share while it is checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from typing import Any

from runner.document import Document
from runner.errors import Severity
from runner.frozen import frozen
from runner.inventory import Inventory
from runner.plan.gathering import fact_names
from runner.plan.growing import Growth
from runner.plan.model import Options
from runner.plan.setters import Setters
from runner.template import Templar


@frozen
class World:
    """What all plays of a playbook share. `set_by_run`: names a task may set; `setters` are those tasks;
    `defaulted` are modules that `module_defaults` names."""

    document: Document
    inventory: Inventory
    options: Options
    templar: Templar
    set_by_run: frozenset[str]
    setters: Setters
    has_inventory: bool = True
    """False while a playbook is checked alone: then `inventory` is empty and says nothing."""
    growth: Growth = Growth()
    defaulted: frozenset[str] = frozenset()
    is_open: bool = False
    """Whether some tasks are only known when the run includes them."""
    open_ended: bool = False
    """Whether any name may exist: some variables cannot be read for want of a key, or only the run knows from which
    file a task takes them in."""
    without_environment: Severity = Severity.ERROR
    """What it is when an environment variable is not set that will be needed."""


@frozen
class FileVariables:
    """The variables of a play's `vars_files`, each with its document.

    `complete` is false if the name of one is not known before the run: then any variable may exist.
    """

    values: Mapping[str, tuple[Any, Document]] = field(default_factory=dict)
    complete: bool = True


def names_set_by(documents: Iterable[Document]) -> frozenset[str]:
    """Every name that a task in them may set, wherever it stands and whether or not it is right."""
    return frozenset(name for document in documents for name in _set_names(document.data))


def _set_names(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("register"), str):
            yield value["register"]
        facts = value.get("set_fact")
        if isinstance(facts, dict):
            yield from facts
        if "setup" in value or ("hosts" in value and value.get("gather_facts") is not False):
            yield from fact_names()
        if "set_fact" in value and isinstance(value.get("args"), dict):
            yield from value["args"]
        for item in value.values():
            yield from _set_names(item)
    elif isinstance(value, list):
        for item in value:
            yield from _set_names(item)
