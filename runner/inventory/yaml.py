"""Inventories in Ansible's YAML form: groups that hold `hosts`, `vars` and `children`."""

from __future__ import annotations

from typing import Any

from runner.document import Document, Path
from runner.errors import Problem
from runner.inventory.hostnames import examined_host
from runner.inventory.written import Gathered, Origin, layer_of
from runner.schema import inventory_problems


def read_yaml(document: Document, gathered: Gathered, origin: Origin) -> list[Problem]:
    """Add what a YAML inventory says to `gathered`; returns everything that is wrong with it."""
    reading = _Yaml(document, gathered, origin)
    for name, content in _mapping(document.data).items():
        reading.group(name, content, (name,))
    return [*inventory_problems(document), *reading.problems]


class _Yaml:
    def __init__(self, document: Document, gathered: Gathered, origin: Origin) -> None:
        self.problems: list[Problem] = []
        self._document = document
        self._gathered = gathered
        self._origin = origin

    def group(self, name: str, content: Any, at: Path) -> None:
        group = self._gathered.group(name, self._document.key_at(at))
        for key, inner in _mapping(content).items():
            if key == "hosts":
                for host, variables in _mapping(inner).items():
                    self._hosts(name, host, variables, (*at, key, host))
            elif key == "vars":
                group.variables.update(layer_of(inner, self._document, (*at, key)))
            elif key == "children":
                for child, below in _mapping(inner).items():
                    self.group(child, below, (*at, key, child))
                    group.children.setdefault(child, self._document.key_at((*at, key, child)))

    def _hosts(self, group: str, written: str, variables: Any, at: Path) -> None:
        place = self._document.key_at(at)
        found, problems = examined_host(written, place)
        self.problems.extend(problems)
        self._gathered.add_hosts(group, found, layer_of(variables, self._document, at), self._origin, place)


def _mapping(value: Any) -> dict[str, Any]:
    """`value` if it is a mapping, else an empty one: that it is none has been reported."""
    return value if isinstance(value, dict) else {}
