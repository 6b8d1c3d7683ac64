"""Filters that choose, convert and name values, and those about moments."""

from __future__ import annotations

import datetime
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

from jinja2 import Undefined

from runner.template.values import yes_or_no
from runner.units import human_seconds, seconds

_NAMESPACE: Final = uuid.UUID("361e6d51-faec-444a-9079-341386da8e2e")
"""The namespace of Ansible's `to_uuid`, so that both give one name the same identifier."""

_TYPES: Final = {"LazyMapping": "dict", "Scope": "dict", "LazyList": "list", "TemplateText": "str"}


def _mandatory(value: object, msg: str | None = None) -> object:
    if isinstance(value, Undefined):
        raise ValueError(msg or f"the mandatory variable {value._undefined_name or ''} is undefined")
    return value


def _ternary(value: object, true_val: object, false_val: object, none_val: object = None) -> object:
    if value is None and none_val is not None:
        return none_val
    return true_val if value else false_val


def _strftime(string_format: str, second: float | None = None, utc: bool = False) -> str:
    moment = time.time() if second is None else float(second)
    return time.strftime(string_format, time.gmtime(moment) if utc else time.localtime(moment))


def _to_datetime(string: str, format: str = "%Y-%m-%d %H:%M:%S") -> datetime.datetime:  # noqa: A002  Ansible's name
    return datetime.datetime.strptime(string, format)  # noqa: DTZ007  the zone is the format's business


def _type_debug(value: object) -> str:
    return _TYPES.get(type(value).__name__, type(value).__name__)


def _to_uuid(string: object, namespace: object = _NAMESPACE) -> str:
    within = namespace if isinstance(namespace, uuid.UUID) else uuid.UUID(str(namespace))
    return str(uuid.uuid5(within, str(string)))


VALUE_FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "mandatory": _mandatory,
    "ternary": _ternary,
    "bool": yes_or_no,
    "strftime": _strftime,
    "to_datetime": _to_datetime,
    "type_debug": _type_debug,
    "to_uuid": _to_uuid,
    "human_seconds": human_seconds,
    "seconds": seconds,
}
