"""Inventory files in Ansible's YAML shape, with group_vars/ and host_vars/ beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from runner.document import Document
from runner.document import Path as Inside
from runner.errors import InvalidInput, Location, Problem, Severity
from runner.inventory.merge import Gathered, Group, Layer, merged
from runner.inventory.model import LOCALHOST, Inventory, Source
from runner.inventory.ranges import expanded
from runner.rules import Rule
from runner.schema import inventory_problems, variable_problems
from runner.secret import Redactor
from runner.suggestions import did_you_mean
from runner.vault import Keys

_SUFFIXES = ("", ".yml", ".yaml", ".json")


def load_inventory(paths: Sequence[Path], keys: Keys | None = None) -> Inventory:
    """The inventory in these files, the later ones winning; only localhost if there is none.

    Files that are encrypted as a whole are opened with `keys`; those of variables may stay closed.

    Raises InvalidInput with everything that is wrong in all of them.
    """
    reading = _Reading(keys or Keys(Redactor()))
    for path in paths:
        reading.file(path)
    for directory in dict.fromkeys(path.parent for path in paths):
        reading.variable_files(directory)
    reading.problems.extend(reading.gathered.cycles())
    if reading.problems:
        raise InvalidInput(sorted(reading.problems, key=lambda problem: problem.location or Location("", 0, 0)))
    shown = ", ".join(str(path) for path in paths) or "the empty inventory"
    return replace(merged(reading.gathered, shown, tuple(reading.warnings)), sealed=tuple(reading.sealed))


class _Reading:
    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self.sealed: list[Problem] = []
        self.gathered = Gathered()
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def file(self, path: Path) -> None:
        if path.is_dir():
            hint = "name the YAML file in it; a directory of inventories is not supported"
            self.problems.append(
                Problem(f"{path} is a directory", Location(str(path), 1, 1), hint, rule=Rule.UNREADABLE_FILE)
            )
            return
        examined = self._keys.examine(path)
        document = examined.document
        if document is None:
            self.problems.extend(_perhaps_ini(problem, path) for problem in examined.problems)
            return
        self.problems.extend(examined.problems)
        known = {problem.location for problem in examined.problems}
        self.problems.extend(problem for problem in inventory_problems(document) if problem.location not in known)
        for name, content in _mapping(document.data).items():
            self._group(name, content, document, (name,))

    def _group(self, name: str, content: Any, document: Document, at: Inside) -> Group:
        group = self.gathered.group(name)
        content = _mapping(content)
        for host, variables in _mapping(content.get("hosts")).items():
            self._hosts(group, host, variables, document, (*at, "hosts", host))
        group.inline.update(_layer(content.get("vars"), document, (*at, "vars")))
        for child, inner in _mapping(content.get("children")).items():
            self._group(child, inner, document, (*at, "children", child))
            group.children.setdefault(child, document.key_at((*at, "children", child)))
        return group

    def _hosts(self, group: Group, name: str, variables: Any, document: Document, at: Inside) -> None:
        try:
            names = expanded(name)
        except ValueError as error:
            message = f"the host name '{name}': {error}"
            self.problems.append(Problem(message, document.key_at(at), rule=Rule.BAD_NAME))
            return
        for host in names:
            group.hosts[host] = None
            self.gathered.host(host).inline.update(_layer(variables, document, at))

    def variable_files(self, directory: Path) -> None:
        hosts = {LOCALHOST: self.gathered.implicit, **self.gathered.hosts}
        for kind, owners in (("group_vars", self.gathered.groups), ("host_vars", hosts)):
            place = directory / kind
            if not place.is_dir():
                continue
            for name in sorted({_owner(entry) for entry in place.iterdir() if not entry.name.startswith(".")}):
                owner = owners.get(name)
                for file in _files_of(place, name):
                    layer = self._variables(file)
                    if owner is not None:
                        owner.files.update(layer)
                if owner is None and not (kind == "group_vars" and name in ("all", "ungrouped")):
                    self._nobody(kind, name, place, owners)

    def _nobody(self, kind: str, name: str, place: Path, owners: Any) -> None:
        what = kind.removesuffix("_vars")
        hint = did_you_mean(name, owners, "rename or remove it if it is not for another inventory")
        message = f"these variables are not used: the inventory has no {what} '{name}'"
        where = Location(str(place / name), 1, 1)
        self.warnings.append(Problem(message, where, hint, Severity.WARNING, rule=Rule.UNUSED_VARIABLE_FILE))

    def _variables(self, file: Path) -> Layer:
        examined = self._keys.variables(file, allow_empty=True)
        (self.sealed if examined.sealed else self.problems).extend(examined.problems)
        document = examined.document
        if document is None or document.data is None:
            return {}
        self.problems.extend(variable_problems(document.data, document, ()))
        return _layer(document.data, document, ())


def _perhaps_ini(problem: Problem, path: Path) -> Problem:
    """The problem of an inventory that cannot be read, with what is to be done if it is in Ansible's older form."""
    try:
        is_ini = path.read_text(encoding="utf-8").lstrip().startswith("[")
    except (OSError, UnicodeDecodeError):
        return problem
    return replace(problem, hint="inventories are YAML here, not INI") if is_ini else problem


def _mapping(value: Any) -> dict[str, Any]:
    """`value` if it is a mapping, else an empty one: that it is none has been reported."""
    return value if isinstance(value, dict) else {}


def _layer(variables: Any, document: Document, at: Inside) -> Layer:
    if not isinstance(variables, dict):
        return {}
    return {name: (value, Source(document, (*at, name))) for name, value in variables.items()}


def _owner(entry: Path) -> str:
    return entry.stem if entry.is_file() and entry.suffix in _SUFFIXES else entry.name


def _files_of(place: Path, name: str) -> list[Path]:
    """The files for one group or host: NAME.yml and the like, then those of the directory NAME, in order of names."""
    files = [place / f"{name}{suffix}" for suffix in _SUFFIXES]
    inside = sorted((place / name).rglob("*")) if (place / name).is_dir() else []
    return [
        file
        for file in (*files, *inside)
        if file.is_file() and file.suffix in _SUFFIXES and not file.name.startswith(".")
    ]
