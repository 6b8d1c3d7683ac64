"""`lookup(…)` and the other functions templates can call. They read on the controller only."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from jinja2 import Undefined, pass_context
from jinja2.runtime import Context

from runner.suggestions import did_you_mean
from runner.template.absent import unknown
from runner.template.controller import Controller
from runner.template.errors import TemplateError
from runner.template.lookups.asked import Asked, Lookup
from runner.template.lookups.files import FILE_LOOKUPS
from runner.template.lookups.items import ITEM_LOOKUPS
from runner.template.lookups.passwords import PASSWORD_LOOKUPS
from runner.template.lookups.surroundings import SURROUNDING_LOOKUPS

LOOKUPS: Final[Mapping[str, Lookup]] = {
    **SURROUNDING_LOOKUPS,
    **FILE_LOOKUPS,
    **PASSWORD_LOOKUPS,
    **ITEM_LOOKUPS,
}

OPTIONS_OF_ALL: Final = frozenset({"wantlist", "errors"})
"""What every lookup can be given: whether it gives a list in any case, and whether it may fail."""

_ERRORS: Final = ("strict", "warn", "ignore")


def globals_for(controller: Controller, note_secret: Callable[[object], None]) -> dict[str, object]:
    """The functions templates can call."""

    @pass_context
    def query(context: Context, kind: str, *terms: object, **options: Any) -> object:
        return found(kind, terms, context, controller, {**options, "wantlist": True}, note_secret)

    @pass_context
    def lookup(context: Context, kind: str, *terms: object, **options: Any) -> object:
        return found(kind, terms, context, controller, options, note_secret)

    return {"lookup": lookup, "query": query, "q": query, "now": _now, "undef": _undef}


def found(
    kind: str,
    terms: tuple[object, ...],
    context: Context,
    controller: Controller,
    options: Mapping[str, Any],
    note_secret: Callable[[object], None],
    *,
    looping: bool = False,
) -> object:
    """What `lookup(kind, *terms, **options)` gives."""
    known = LOOKUPS.get(kind)
    if known is None:
        raise unknown("lookup", kind, LOOKUPS)
    own = {name: value for name, value in options.items() if name not in OPTIONS_OF_ALL}
    refuse_unknown_options(kind, own)
    wants_list, errors = options.get("wantlist", False), options.get("errors", "strict")
    if errors not in _ERRORS:
        raise ValueError(f"errors='{errors}' is not known; use one of {', '.join(_ERRORS)}")
    asked = Asked(terms, {**known.options, **own}, context, controller, looping)
    values = known.act(asked) if errors == "strict" else _at_least(known, asked)
    if values is None:
        return [] if wants_list else None
    if known.secret:
        for value in values:
            note_secret(value)
    return values if wants_list else _alone(values)


def _at_least(known: Lookup, asked: Asked) -> list[Any] | None:
    """What is found, if everything asked for is."""
    try:
        values = known.act(asked)
    except (TemplateError, ValueError, TypeError, LookupError, OSError):
        return None
    return None if any(isinstance(value, Undefined) for value in values) else values


def refuse_unknown_options(kind: str, names: Iterable[str]) -> None:
    """ValueError for an option the lookup does not have."""
    options = LOOKUPS[kind].options
    for name in names:
        if name not in options and name not in OPTIONS_OF_ALL:
            hint = did_you_mean(name, options, f"it knows {', '.join(options)}" if options else "it has none")
            raise ValueError(f"lookup('{kind}') knows no option '{name}'; {hint}")


def _alone(values: list[Any]) -> object:
    """The one value there is, or all texts in one with commas; whatever else as it is."""
    if len(values) == 1:
        return values[0]
    if values and all(isinstance(value, str) and not isinstance(value, Undefined) for value in values):
        return ",".join(values)
    return values


def _now(utc: bool = False, fmt: str | None = None) -> object:
    moment = datetime.datetime.now(datetime.UTC if utc else None).replace(tzinfo=None)
    return moment.strftime(fmt) if fmt else moment


@pass_context
def _undef(context: Context, hint: str | None = None) -> object:
    return context.environment.undefined(hint=hint or "the value is required and was left open")
