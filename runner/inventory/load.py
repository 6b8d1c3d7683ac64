"""Inventory sources -> an inventory: files in YAML or INI form, directories of them, scripts, lists of hosts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from runner.document import Examined, cipher_of, content_of, decoded, examine_text, sealed_problem
from runner.errors import InvalidInput, Location, Problem, Severity
from runner.inventory.forms import Form, form_of, is_script
from runner.inventory.hostlist import is_host_list, read_host_list
from runner.inventory.ini import read_ini
from runner.inventory.merge import merged
from runner.inventory.model import Inventory
from runner.inventory.precedence import Written
from runner.inventory.script import RunScript, read_script
from runner.inventory.variable_files import GROUP_VARS, HOST_VARS, variable_files
from runner.inventory.written import Gathered, Origin
from runner.inventory.yaml import read_yaml
from runner.rules import Rule
from runner.secret import Redactor
from runner.vault import Keys

_IGNORED: Final = re.compile(
    rf"\..*|{GROUP_VARS}|{HOST_VARS}|vars_plugins|.*(?:~|\.(?:pyc|pyo|swp|bak|rpm|md|txt|rst|orig|cfg|retry))"
)
"""Names in a directory of inventories that are none, as in Ansible."""


def load_inventory(
    sources: Sequence[str | Path], keys: Keys | None = None, run_script: RunScript | None = None
) -> Inventory:
    """The inventory of these sources, the later ones winning; only localhost if there is none.

    Files that are encrypted as a whole are opened with `keys`; those of variables may stay closed. `run_script`
    runs inventory scripts; without it they are errors. Raises InvalidInput with everything
    that is wrong in all of them.
    """
    keys = keys or Keys(Redactor())
    reading = _Reading(keys, run_script)
    for source in map(str, sources):
        reading.source(source)
    reading.gathered.settle()
    reading.problems.extend(reading.gathered.problems())
    shown = ", ".join(map(str, sources)) or "the empty inventory"
    beside = []
    for directory in _directories(sources):
        files, problems = variable_files(directory, reading.gathered, keys)
        beside.append(files)
        reading.problems.extend(problems)
    errors, warnings = _told((*reading.problems, *reading.gathered.warnings()))
    if errors:
        raise InvalidInput(errors)
    return merged(Written(reading.gathered, shown, tuple(beside), odd=warnings))


def beside_playbook(
    inventory: Inventory, directory: Path, keys: Keys, *, grows: bool = False
) -> tuple[Inventory, tuple[Problem, ...]]:
    """The inventory with group_vars/ and host_vars/ beside a playbook, and the errors in those files.

    If it `grows` while the playbook runs, those of groups and hosts that nobody knows yet are read as well.
    """
    written = inventory.written
    if written is None or not (grows or any((directory / name).is_dir() for name in (GROUP_VARS, HOST_VARS))):
        return inventory, ()
    found: list[Problem] = []
    if grows:
        again = [
            variable_files(files.directory, written.gathered, keys, grows=True) for files in written.beside_inventories
        ]
        written = replace(written, beside_inventories=tuple(files for files, _ in again))
        found += [problem for _, problems in again for problem in problems]
    files, problems = variable_files(directory, written.gathered, keys, shared=True, grows=grows)
    errors, warnings = _told((*found, *problems, *written.odd))
    return merged(replace(written, beside_playbook=files, odd=warnings)), errors


def with_defaults(inventory: Inventory, defaults: Mapping[str, object]) -> Inventory:
    """The inventory with variables for all hosts that count where nobody says anything."""
    if inventory.written is None or not defaults:
        return inventory
    return merged(replace(inventory.written, defaults=defaults))


class _Reading:
    def __init__(self, keys: Keys, run_script: RunScript | None) -> None:
        self._keys = keys
        self.gathered = Gathered()
        self.problems: list[Problem] = []
        self._run_script = run_script

    def source(self, source: str) -> None:
        if is_host_list(source):
            self.problems.extend(read_host_list(source, self.gathered))
            return
        path = Path(source)
        for file in _files(path):
            self.problems.extend(self._file(file))
        if path.is_dir():
            self.problems.extend(_misplaced(path))

    def _file(self, path: Path) -> list[Problem]:
        file = str(path)
        origin = Origin(str(path.absolute()), str(path.absolute().parent))
        if is_script(path):
            return self._script(path, origin)
        content = content_of(path, file)
        if isinstance(content, Problem):
            return [content]
        if cipher_of(content):
            examined = self._keys.variables(path)
            if examined.sealed:
                return list(examined.problems or (sealed_problem(file),))
            return self._yaml(examined, origin)
        text = decoded(content, file)
        if isinstance(text, Problem):
            return [text]
        form = form_of(path, text)
        if isinstance(form, Problem):
            return [form]
        if form is Form.INI:
            return read_ini(text, file, self.gathered, origin)
        return self._yaml(examine_text(text, file), origin)

    def _yaml(self, examined: Examined, origin: Origin) -> list[Problem]:
        if examined.document is None:
            return list(examined.problems)
        known = {problem.location for problem in examined.problems}
        found = read_yaml(examined.document, self.gathered, origin)
        return [*examined.problems, *(problem for problem in found if problem.location not in known)]

    def _script(self, path: Path, origin: Origin) -> list[Problem]:
        if self._run_script is None:
            message = "this is an inventory script, and scripts are not run here"
            return [Problem(message, Location(str(path), 1, 1), rule=Rule.UNSUPPORTED)]
        return read_script(path, self._run_script, self.gathered, origin)


def _files(path: Path) -> Iterator[Path]:
    """The inventories at a path: of a directory all in it, in order of their names, but for what is none."""
    if not path.is_dir():
        yield path
        return
    for entry in sorted(path.iterdir(), key=lambda entry: entry.name):
        if not _IGNORED.fullmatch(entry.name):
            yield from _files(entry)


def _misplaced(directory: Path) -> Iterator[Problem]:
    """A warning for each directory of variables that is too deep below a directory of inventories."""
    for name in (GROUP_VARS, HOST_VARS):
        for found in sorted(directory.glob(f"*/**/{name}")):
            if not any(_IGNORED.fullmatch(part) for part in found.relative_to(directory).parts[:-1]):
                message = f"these variables are not used: only {directory / name} counts for {directory}"
                hint = f"move them there, or add -i {found.parent}"
                place = Location(str(found), 1, 1)
                yield Problem(message, place, hint, Severity.WARNING, rule=Rule.UNUSED_VARIABLE_FILE)


def _directories(sources: Sequence[str | Path]) -> list[Path]:
    """The directories of the sources, each where it comes last, for there it wins."""
    paths = [Path(source) for source in map(str, sources) if not is_host_list(source)]
    every = [path if path.is_dir() else path.parent for path in paths]
    return list(reversed(dict.fromkeys(reversed(every))))


def _told(problems: Sequence[Problem]) -> tuple[tuple[Problem, ...], tuple[Problem, ...]]:
    """Errors and warnings apart, each once, in order of place."""
    nowhere = Location("", 0, 0)
    ordered = sorted(dict.fromkeys(problems), key=lambda problem: problem.location or nowhere)
    errors = tuple(problem for problem in ordered if problem.severity is Severity.ERROR)
    return errors, tuple(problem for problem in ordered if problem.severity is not Severity.ERROR)
