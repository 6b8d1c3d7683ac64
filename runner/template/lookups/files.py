"""Lookups of files on the controller."""

from __future__ import annotations

import configparser
import csv
import glob
import os.path
import re
from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast

from runner.localfiles import exists, is_file
from runner.template.controller import Controller
from runner.template.environment import text_of
from runner.template.lookups.asked import Asked, Lookup
from runner.template.values import is_list, items_of


def found_file(controller: Controller, name: str) -> Path | None:
    """The file that `lookup('file', name)` reads, if there is one."""
    return controller.found(name, "files", test=is_file)


def _file(asked: Asked) -> list[object]:
    return [_content(asked, name) for name in asked.names()]


def _content(asked: Asked, name: str) -> object:
    place = found_file(asked.controller, name)
    if place is None:
        hint = f"lookup('file'): there is no file {name} on the controller"
        return asked.context.environment.undefined(hint=hint)
    content = asked.controller.text(place)
    content = content.lstrip() if asked.options["lstrip"] else content
    return content.rstrip() if asked.options["rstrip"] else content


def _template(asked: Asked) -> list[object]:
    return [_rendered(asked, name) for name in asked.names()]


def _rendered(asked: Asked, name: str) -> str:
    place = _needed(asked, name, "templates")
    environment: Any = asked.context.environment
    variables = ChainMap(asked.options["template_vars"], cast(Any, asked.context.get_all()))
    return text_of(environment.compiled(asked.controller.text(place)), variables)


def _needed(asked: Asked, name: str, kind: str) -> Path:
    place = asked.controller.found(name, kind, test=is_file)
    if place is None:
        raise ValueError(f"there is no file {name} on the controller")
    return place


def _fileglob(asked: Asked) -> list[object]:
    return [found for name in asked.names() for found in _matching(asked.controller, name)]


def _matching(controller: Controller, pattern: str) -> list[str]:
    """What matches in the first directory in which anything does."""
    for place in controller.places(pattern, "files"):
        found = [name for name in sorted(glob.glob(str(place.absolute()))) if is_file(Path(name))]  # noqa: PTH207
        if found:
            return found
    return []


def _first_found(asked: Asked) -> list[object]:
    kinds = ("files", "templates", "vars") if asked.looping else ()
    for name in _candidates(asked.terms or ({},), asked.options):
        if place := asked.controller.found(name, *kinds, test=exists):
            return [os.path.normpath(place.absolute())]
    skip = asked.options["skip"] or any(isinstance(term, Mapping) and term.get("skip") for term in asked.terms)
    if skip:
        return []
    raise ValueError("lookup('first_found') found none of its files")


def _candidates(terms: Iterable[object], options: Mapping[str, Any]) -> Iterator[str]:
    for term in terms:
        if is_list(term):
            yield from _candidates(items_of(term), options)
            continue
        given = {**options, **(term if isinstance(term, Mapping) else {"files": [term]})}
        files, paths = _listed(given["files"], "[,;]"), _listed(given["paths"], "[,:;]")
        yield from (os.path.join(path, name) for path in paths or [""] for name in files)  # noqa: PTH118  still text


def _listed(value: object, separators: str) -> list[str]:
    whole = [value] if isinstance(value, str) else items_of(value)
    return [part for text in whole for part in re.split(separators, str(text)) if part]


def _csvfile(asked: Asked) -> list[object]:
    options = asked.options
    delimiter = "\t" if options["delimiter"] == "TAB" else str(options["delimiter"])
    with _needed(asked, options["file"], "files").open(encoding=options["encoding"], newline="") as file:
        rows = [row for row in csv.reader(file, delimiter=delimiter) if row]
    column, key_column = int(options["col"]), int(options["keycol"])
    found = [next((row[column] for row in rows if row[key_column] == key), options["default"]) for key in asked.names()]
    return [value for value in found if value is not None]


def _ini(asked: Asked) -> list[object]:
    options = asked.options
    interpolation = configparser.BasicInterpolation() if options["interpolation"] else None
    parser = configparser.ConfigParser(interpolation=interpolation, allow_no_value=bool(options["allow_no_value"]))
    if options["case_sensitive"]:
        parser.optionxform = str  # type: ignore[assignment,method-assign]  # the documented way
    text = _needed(asked, options["file"], "files").read_text(encoding=options["encoding"])
    section = "properties" if options["type"] == "properties" else str(options["section"])
    parser.read_string(f"[properties]\n{text}" if options["type"] == "properties" else text)
    if not parser.has_section(section) and section != parser.default_section:
        raise ValueError(f"{options['file']} has no section '{section}'")
    found: list[object] = []
    for key in asked.names():
        if options["re"]:
            found += [value for name, value in parser.items(section) if re.match(key, name)]
        else:
            found.append(parser.get(section, key, fallback=options["default"]))
    return [value for value in found if value is not None]


FILE_LOOKUPS: Final[Mapping[str, Lookup]] = {
    "file": Lookup(_file, {"lstrip": False, "rstrip": True}),
    "template": Lookup(_template, {"template_vars": {}}),
    "fileglob": Lookup(_fileglob),
    "first_found": Lookup(_first_found, {"files": (), "paths": (), "skip": False}),
    "csvfile": Lookup(
        _csvfile,
        {"file": "ansible.csv", "delimiter": "TAB", "col": 1, "keycol": 0, "default": None, "encoding": "utf-8"},
    ),
    "ini": Lookup(
        _ini,
        {
            "file": "ansible.ini",
            "section": "global",
            "type": "ini",
            "default": "",
            "re": False,
            "encoding": "utf-8",
            "case_sensitive": False,
            "allow_no_value": False,
            "interpolation": True,
        },
    ),
}
