"""`lookup(…)` and the other functions templates can call. They read on the controller only."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from jinja2 import Undefined, pass_context
from jinja2.runtime import Context

from runner.localfiles import expanded, is_file
from runner.suggestions import did_you_mean

Lookup = Callable[[Context, Sequence[Path], str], object]


def _env(context: Context, _: Sequence[Path], name: str) -> object:
    if name in os.environ:
        return os.environ[name]
    return context.environment.undefined(hint=f"the environment variable {name} is not set")


def _file(context: Context, search_path: Sequence[Path], name: str) -> object:
    place = found_file(search_path, name)
    if place is not None:
        return place.read_text(encoding="utf-8").rstrip()
    return context.environment.undefined(hint=f"lookup('file'): there is no file {name} on the controller")


def _vars(context: Context, _: Sequence[Path], name: str) -> object:
    return context[name] if name in context.parent else context.environment.undefined(name=name)


LOOKUPS: Final[Mapping[str, Lookup]] = {"env": _env, "file": _file, "vars": _vars}


def globals_for(search_path: Sequence[Path]) -> dict[str, object]:
    """The functions templates can call; files are looked for in `search_path` and its `files/`."""

    @pass_context
    def query(context: Context, kind: str, *names: str, **options: Any) -> list[object]:
        return [_looked_up(context, search_path, kind, name, options) for name in names]

    @pass_context
    def lookup(context: Context, kind: str, *names: str, **options: Any) -> object:
        found = [_looked_up(context, search_path, kind, name, options) for name in names]
        return found[0] if len(found) == 1 else found

    return {"lookup": lookup, "query": query, "q": query, "now": _now}


def _looked_up(
    context: Context, search_path: Sequence[Path], kind: str, name: str, options: Mapping[str, object]
) -> object:
    if kind not in LOOKUPS:
        raise ValueError(f"there is no lookup '{kind}'; {did_you_mean(kind, LOOKUPS, 'known are env, file and vars')}")
    unknown = options.keys() - {"default"}
    if unknown:
        raise ValueError(f"lookup('{kind}') knows no option '{min(unknown)}'")
    found = LOOKUPS[kind](context, search_path, name)
    if "default" in options and isinstance(found, Undefined):
        return options["default"]
    return found


def found_file(search_path: Sequence[Path], name: str) -> Path | None:
    """The file that `lookup('file', name)` reads, if there is one."""
    wanted = expanded(name)
    bases = [place for base in search_path for place in (base / "files", base)]
    places = [wanted] if wanted.is_absolute() else [base / wanted for base in bases]
    return next((place for place in places if is_file(place)), None)


def _now(utc: bool = False, fmt: str | None = None) -> object:
    moment = datetime.datetime.now(datetime.UTC if utc else None)
    return moment.strftime(fmt) if fmt else moment
