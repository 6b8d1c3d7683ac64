"""What an inventory script prints: groups with lists of hosts, and the variables of hosts under `_meta`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from runner.document import Document, Path
from runner.errors import Location, Problem, Severity
from runner.inventory.hostnames import HostNames
from runner.inventory.written import Gathered, Origin, layer_of
from runner.rules import Rule
from runner.schema import name_problem, variable_problems
from runner.suggestions import did_you_mean

_META: Final = "_meta"
_KEYS: Final = ("hosts", "vars", "children")


def read_groups(
    document: Document, gathered: Gathered, origin: Origin, ask: Callable[[str], Document | None]
) -> list[Problem]:
    """Add the groups and hosts of a `--list` to `gathered`; returns everything that is wrong with it.

    `ask` gives the variables of one host; it is asked for each if the document has no `_meta`.
    """
    reading = _Output(document, gathered, origin)
    data = document.data
    if not isinstance(data, dict):
        reading.note((), "an inventory is an object of groups", 'for example {"web": {"hosts": ["web1"]}}')
        return reading.problems
    for name, content in data.items():
        if name != _META:
            reading.group(name, content)
    if _META in data:
        reading.meta(data[_META])
    else:
        for host in reading.hosts:
            if (answer := ask(host)) is not None:
                reading.variables(host, answer.data, answer, ())
    return reading.problems


class _Output:
    def __init__(self, document: Document, gathered: Gathered, origin: Origin) -> None:
        self.problems: list[Problem] = []
        self.hosts: dict[str, Location] = {}
        self._document = document
        self._gathered = gathered
        self._origin = origin

    def note(self, at: Path, message: str, hint: str = "") -> None:
        place = self._document.at(at)
        self.problems.append(Problem(message, place, hint, rule=Rule.WRONG_STRUCTURE))

    def group(self, name: str, content: Any) -> None:
        self._declare(name, self._document.key_at((name,)))
        if isinstance(content, list):  # the oldest form: nothing but hosts
            self._names(name, "hosts", content, (name,))
        elif not isinstance(content, dict):
            self.note((name,), f"the group '{name}' must be an object", "it holds hosts, vars and children")
        else:
            for key, inner in content.items():
                self._part(name, key, inner)

    def _part(self, name: str, key: str, inner: Any) -> None:
        at: Path = (name, key)
        if key == "vars":
            self.problems.extend(variable_problems(inner, self._document, at))
            self._gathered.groups[name].variables.update(layer_of(inner, self._document, at))
        elif key not in _KEYS:
            place = self._document.key_at(at)
            hint = did_you_mean(key, _KEYS, "a group holds hosts, vars and children")
            self.problems.append(
                Problem(f"unknown key '{key}' of the group '{name}'", place, hint, rule=Rule.UNKNOWN_KEY)
            )
        else:
            self._names(name, key, inner, at)

    def _names(self, group: str, key: str, names: Any, at: Path) -> None:
        if not isinstance(names, list):
            self.note(at, f"'{key}' of the group '{group}' must be a list of names")
            return
        for index, name in enumerate(names):
            place = self._document.at((*at, index))
            if not isinstance(name, str):
                self.note((*at, index), f"'{key}' of the group '{group}' must be a list of names")
            elif key == "children":
                self._declare(name, place)
                self._gathered.groups[group].children.setdefault(name, place)
            else:
                problem = name_problem(name, "host", place)
                self.problems.extend([problem] if problem else [])
                self.hosts.setdefault(name, place)
                self._gathered.add_hosts(group, HostNames((name,)), {}, self._origin, place)

    def _declare(self, name: str, place: Location) -> None:
        if name not in self._gathered.groups and (problem := name_problem(name, "group", place)):
            self.problems.append(problem)
        self._gathered.group(name, place)

    def meta(self, meta: Any) -> None:
        """Add the variables of all hosts."""
        hostvars = meta.get("hostvars") if isinstance(meta, dict) else None
        if not isinstance(hostvars, dict):
            self.note((_META,), "'_meta' must hold 'hostvars', an object of hosts", 'for example {"hostvars": {}}')
            return
        for host, variables in hostvars.items():
            at: Path = (_META, "hostvars", host)
            if host in self.hosts:
                self.variables(host, variables, self._document, at)
            else:
                place = self._document.key_at(at)
                hint = did_you_mean(host, self.hosts, "put it into the `hosts` of a group")
                message = f"these variables are not used: no group has the host '{host}'"
                self.problems.append(Problem(message, place, hint, Severity.WARNING, rule=Rule.UNKNOWN_HOST))

    def variables(self, host: str, variables: Any, document: Document, at: Path) -> None:
        """Add the variables of one host, which stand in `document`."""
        self.problems.extend(variable_problems(variables, document, at))
        self._gathered.hosts[host].variables.update(layer_of(variables, document, at))
