"""group_vars/ and host_vars/ of a directory: variables in files named after groups and hosts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from runner.errors import Location, Problem, Severity
from runner.frozen import frozen
from runner.inventory.written import LOCALHOST, PRIORITY, Gathered, Layer, layer_of
from runner.rules import Rule
from runner.schema import variable_problems
from runner.suggestions import did_you_mean, nearest
from runner.vault import Keys

GROUP_VARS: Final = "group_vars"
HOST_VARS: Final = "host_vars"
_SUFFIXES: Final = ("", ".yml", ".yaml", ".json")


@frozen
class Sealed:
    """A file of variables that could not be opened: the group or host it is for, and what is wrong, if anything."""

    kind: str
    owner: str
    file: Path
    problems: tuple[Problem, ...]


@frozen
class VariableFiles:
    """The variables that the files of one directory give to groups and to hosts.

    `sealed` are those that are encrypted as a whole and could not be opened, `unused` has a warning for each that is
    for nobody.
    """

    directory: Path
    groups: Mapping[str, Layer]
    hosts: Mapping[str, Layer]
    sealed: tuple[Sealed, ...] = ()
    unused: tuple[Problem, ...] = ()


def variable_files(
    directory: Path, gathered: Gathered, keys: Keys, *, shared: bool = False, grows: bool = False
) -> tuple[VariableFiles, list[Problem]]:
    """What the files beside an inventory or a playbook say, and everything that is wrong or odd with them.

    Only files of groups and hosts that exist are read, unless the inventory `grows`. That others are there is worth
    a warning; if the directory is `shared` between inventories, only if their name looks like a slip.
    """
    reading = _Reading(keys, shared, grows)
    groups = reading.owners(directory / GROUP_VARS, gathered.groups, "group")
    hosts = reading.owners(directory / HOST_VARS, {**gathered.hosts, LOCALHOST: None}, "host")
    for name, layer in groups.items():
        reading.warn_of_priority(name, layer)
    files = VariableFiles(directory, groups, hosts, tuple(reading.sealed), tuple(reading.unused))
    return files, reading.problems


class _Reading:
    def __init__(self, keys: Keys, shared: bool, grows: bool) -> None:
        self.problems: list[Problem] = []
        self.sealed: list[Sealed] = []
        self.unused: list[Problem] = []
        self._keys = keys
        self._shared = shared
        self._grows = grows

    def owners(self, place: Path, owners: Iterable[str], kind: str) -> dict[str, Layer]:
        names = _names_in(place)
        found: dict[str, Layer] = {}
        known = dict.fromkeys(owners)
        others = dict.fromkeys(sorted(name.removesuffix(_suffix_of(name)) for name in names)) if self._grows else {}
        for owner in {**known, **others}:
            mine = [name for name in (f"{owner}{suffix}" for suffix in _SUFFIXES) if name in names]
            if mine:
                names.difference_update(mine)
                found[owner] = self._layers(place, mine, kind, owner)
        for name in sorted(names):
            self._nobody(place / name, name.removesuffix(_suffix_of(name)), set(known), kind)
        return found

    def _layers(self, place: Path, names: list[str], kind: str, owner: str) -> Layer:
        """The variables of one owner; of several files or directories only the first counts, as in Ansible."""
        for other in names[1:]:
            message = f"this is not read, because {place / names[0]} is there"
            hint = f"move it into {place / names[0]}/, or join the two"
            self.problems.append(
                Problem(message, Location(str(place / other), 1, 1), hint, rule=Rule.UNUSED_VARIABLE_FILE)
            )
        found: Layer = {}
        for file in _files(place / names[0]):
            found.update(self._variables(file, kind, owner))
        return found

    def _variables(self, file: Path, kind: str, owner: str) -> Layer:
        examined = self._keys.variables(file, allow_empty=True)
        if examined.sealed:
            self.sealed.append(Sealed(kind, owner, file, examined.problems))
            return {}
        self.problems.extend(examined.problems)
        document = examined.document
        if document is None or document.data is None:
            return {}
        self.problems.extend(variable_problems(document.data, document, ()))
        return layer_of(document.data, document, ())

    def warn_of_priority(self, group: str, layer: Layer) -> None:
        """Ansible takes a group's priority from inventories alone."""
        _, source = layer.pop(PRIORITY, (None, None))
        if source is not None:
            message = f"{PRIORITY} has no effect in a file of variables"
            hint = f"write it among the vars of '{group}' in the inventory itself"
            self.problems.append(Problem(message, source.at(), hint, Severity.WARNING, rule=Rule.UNUSED_VARIABLE))

    def _nobody(self, path: Path, name: str, known: set[str], kind: str) -> None:
        if self._shared and nearest(name, known) is None:
            return
        hint = did_you_mean(name, known, "rename or remove it if it is not for another inventory")
        message = f"these variables are not used: the inventory has no {kind} '{name}'"
        place = Location(str(path), 1, 1)
        self.unused.append(Problem(message, place, hint, Severity.WARNING, rule=Rule.UNUSED_VARIABLE_FILE))


def _names_in(place: Path) -> set[str]:
    if not place.is_dir():
        return set()
    return {entry.name for entry in place.iterdir() if not _hidden(entry)}


def _files(path: Path) -> Iterator[Path]:
    """The file itself; of a directory, its files in order of their names, those of directories in it too."""
    if not path.is_dir():
        yield path
        return
    for entry in sorted(path.iterdir(), key=lambda entry: entry.name):
        if not _hidden(entry) and entry.suffix in (_SUFFIXES[:1] if entry.is_dir() else _SUFFIXES):
            yield from _files(entry)


def _hidden(entry: Path) -> bool:
    return entry.name.startswith(".") or entry.name.endswith("~")


def _suffix_of(name: str) -> str:
    suffix = Path(name).suffix
    return suffix if suffix in _SUFFIXES else ""
