"""Inventories in Ansible's INI form: `[group]`, `[group:children]`, `[group:vars]`, and hosts with `key=value`."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from runner.document import Document, Path
from runner.errors import Location, Problem, Severity
from runner.frozen import frozen
from runner.inventory.hostnames import examined_host
from runner.inventory.ini_values import loses_a_zero, value_of
from runner.inventory.ini_words import IniSyntaxError, Word, words_of
from runner.inventory.written import UNGROUPED, Gathered, Layer, Origin, Source
from runner.rules import Rule
from runner.schema import as_described, name_problem, variable_problems
from runner.suggestions import did_you_mean

KINDS: Final = ("hosts", "children", "vars")

_SECTION: Final = re.compile(r"\[(?P<group>[^:\[\]\s]+)(?::(?P<kind>[^:\[\]\s]+))?\]\s*(?:#.*)?")
_LOOKS_LIKE_SECTION: Final = re.compile(r"\[[^\]]*$|\[[^\]]*\](?:\s|$)")
_NAME: Final = re.compile(r"(?P<name>[^:\[\]\s]+)\s*(?:#.*)?")


def read_ini(text: str, file: str, gathered: Gathered, origin: Origin) -> list[Problem]:
    """Add what an INI inventory says to `gathered`; returns everything that is wrong with it."""
    reading = _Ini(file, gathered, origin)
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped and stripped[0] not in "#;":
            try:
                reading.line(number, line.rstrip(), len(line) - len(line.lstrip()))
            except IniSyntaxError as error:
                place = Location(file, number, error.column)
                reading.problems.append(Problem(error.message, place, error.hint, rule=Rule.INI_SYNTAX))
    reading.finish()
    return reading.problems


@frozen
class _Assigned:
    """What stands behind `name=`, and where name and text begin."""

    text: str
    column: int
    value_column: int


class _Ini:
    """Reads line by line; a line before the first section is a host without a group.

    Lines behind a section that cannot be read are passed over: nobody knows what they are.
    """

    def __init__(self, file: str, gathered: Gathered, origin: Origin) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._gathered = gathered
        self._origin = origin
        self._group = UNGROUPED
        self._kind = "hosts"
        self._places: dict[Path, Location] = {}
        self._key_places: dict[Path, Location] = {}
        self._document = Document({}, self._places, self._key_places, file)
        self._said: dict[tuple[str, str], int] = {}
        # Groups that are named before their own section, as Ansible allows: who is waiting for them, and where.
        self._awaited: dict[str, list[tuple[str, Location]]] = {}
        self._only_vars: dict[str, Location] = {}

    def line(self, number: int, line: str, indent: int) -> None:
        if _LOOKS_LIKE_SECTION.match(line, indent):
            self._section(number, line, indent)
        elif self._kind == "vars":
            self._variable(number, line, indent)
        elif self._kind == "children":
            self._child(number, line, indent)
        elif self._kind == "hosts":
            self._host(number, words_of(line))

    def finish(self) -> None:
        """Note the groups that were named and never came."""
        known = self._gathered.groups
        for child, waiting in self._awaited.items():
            for parent, place in waiting:
                hint = did_you_mean(child, known, f"give it a section [{child}]")
                message = f"[{parent}:children] names a group '{child}' that this file does not have"
                self.problems.append(Problem(message, place, hint, rule=Rule.UNKNOWN_HOST))
        for group, place in self._only_vars.items():
            hint = did_you_mean(group, known.keys() - {group}, f"give it a section [{group}]")
            message = f"[{group}:vars] is for a group that this file does not have"
            self.problems.append(Problem(message, place, hint, rule=Rule.UNKNOWN_HOST))

    def _section(self, number: int, line: str, indent: int) -> None:
        place = Location(self._file, number, indent + 1)
        found = _SECTION.fullmatch(line, indent)
        self._kind = ""
        if found is None:
            raise IniSyntaxError("this is no section", indent + 1, "write [group], [group:children] or [group:vars]")
        kind = found["kind"] or "hosts"
        if kind not in KINDS:
            hint = did_you_mean(kind, KINDS, "a section is [group], [group:children] or [group:vars]")
            raise IniSyntaxError(f"there is no kind of section ':{kind}'", found.start("kind") + 1, hint)
        self._kind, self._group = kind, found["group"]
        if self._group not in self._gathered.groups:
            self._note(name_problem(self._group, "group", replace(place, column=found.start("group") + 1)))
        self._declare(place)

    def _declare(self, place: Location) -> None:
        name = self._group
        if self._kind == "vars":
            if name not in self._gathered.groups:
                self._only_vars[name] = place
            self._gathered.group(name, place)
            return
        self._only_vars.pop(name, None)
        self._gathered.group(name, place)
        for parent, named in self._awaited.pop(name, ()):
            self._gathered.groups[parent].children.setdefault(name, named)

    def _child(self, number: int, line: str, indent: int) -> None:
        found = _NAME.fullmatch(line, indent)
        if found is None:
            hint = "write one group to a line; a host belongs into [group]"
            raise IniSyntaxError("this is not the name of a group", indent + 1, hint)
        name, place = found["name"], Location(self._file, number, indent + 1)
        if name in self._gathered.groups:
            self._gathered.groups[self._group].children.setdefault(name, place)
        else:
            self._awaited.setdefault(name, []).append((self._group, place))

    def _variable(self, number: int, line: str, indent: int) -> None:
        name, equals, written = line[indent:].partition("=")
        name = name.strip()
        if not equals:
            raise IniSyntaxError(f"no '=' in a line of [{self._group}:vars]", indent + 1, "write name=value")
        start = len(line) - len(written.lstrip())
        if (self._group, name) in self._said:
            first = self._said[self._group, name]
            place = Location(self._file, number, indent + 1)
            self.problems.append(_twice(name, place, f"first in line {first}"))
        self._said.setdefault((self._group, name), number)
        layer = self._layer(number, {name: _Assigned(written.strip(), indent + 1, start + 1)})
        self._warn_of_comment(number, layer[name][0], written.strip(), start)
        self._gathered.groups[self._group].variables.update(layer)

    def _warn_of_comment(self, number: int, value: object, text: str, start: int) -> None:
        if value == text and " #" in text:
            place = Location(self._file, number, start + text.index(" #") + 2)
            hint = "put a comment on a line of its own; put the value in quotes if this is meant"
            message = "what looks like a comment is part of the value, as in Ansible"
            self.problems.append(Problem(message, place, hint, Severity.WARNING, rule=Rule.INI_SYNTAX))

    def _host(self, number: int, words: list[Word]) -> None:
        first = words[0]
        place = Location(self._file, number, first.column)
        if "=" in first.text:
            hint = "variables of a group belong into [group:vars], those of a host behind its name"
            name = first.text.partition("=")[0]
            raise IniSyntaxError(f"'{name}=…' stands where the name of a host must be", first.column, hint)
        found, problems = examined_host(first.text, place)
        self.problems.extend(problems)
        layer = self._layer(number, self._assignments(number, words[1:]))
        self._gathered.add_hosts(self._group, found, layer, self._origin, place)

    def _assignments(self, number: int, words: list[Word]) -> dict[str, _Assigned]:
        found: dict[str, _Assigned] = {}
        for word in words:
            name, equals, written = word.text.partition("=")
            if not equals:
                hint = "write name=value, without spaces around '='; a value with spaces needs quotes"
                # The word itself is not repeated: it may be the second half of a password.
                raise IniSyntaxError("a word without '=' is no variable of a host", word.column, hint)
            if name in found:
                place = Location(self._file, number, word.column)
                self.problems.append(_twice(name, place, "in this line"))
            found[name] = _Assigned(written, word.column, word.column_of(len(name) + 1))
        return found

    def _layer(self, number: int, written: dict[str, _Assigned]) -> Layer:
        """The variables of one line."""
        values: dict[str, object] = {}
        for name, assigned in written.items():
            self._key_places[number, name] = Location(self._file, number, assigned.column)
            self._places[number, name] = Location(self._file, number, assigned.value_column)
            values[name] = as_described(name, value_of(assigned.text), assigned.text)
            if loses_a_zero(values[name], assigned.text):
                self._note(self._lost_zero(assigned.text, self._places[number, name]))
        self.problems.extend(variable_problems(values, self._document, (number,)))
        return {name: (value, Source(self._document, (number, name))) for name, value in values.items()}

    def _lost_zero(self, text: str, place: Location) -> Problem:
        quoted = f"'{text}'" if self._kind == "vars" else f"\"'{text}'\""
        message = f"{text} is the number {float(text)!r}: the last zero would be lost"
        hint = f"write {quoted} if it is a version, or {float(text)!r} if it is a number"
        return Problem(message, place, hint, rule=Rule.AMBIGUOUS_VALUE)

    def _note(self, problem: Problem | None) -> None:
        if problem is not None:
            self.problems.append(problem)


def _twice(name: str, place: Location, where: str) -> Problem:
    message = f"'{name}' is set a second time ({where})"
    hint = "remove or rename one of the two; only one of them could take effect"
    return Problem(message, place, hint, rule=Rule.DUPLICATE_KEY)
