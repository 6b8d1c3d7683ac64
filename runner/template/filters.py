"""Filters, with Ansible's names and meaning. Those of Jinja2 itself are there too."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import posixpath
import re
import shlex
import time
import uuid
from collections.abc import Callable, Mapping
from itertools import zip_longest
from typing import Any, Final
from urllib.parse import quote, urlsplit

from jinja2 import Undefined

from runner.document import dump, load_text
from runner.errors import InvalidInput
from runner.template.collections import COLLECTION_FILTERS
from runner.template.values import items_of, plain, truth
from runner.units import bytes_of, human_bytes, human_seconds, seconds


def _mandatory(value: object, msg: str | None = None) -> object:
    if isinstance(value, Undefined):
        raise ValueError(msg or f"the mandatory variable {value._undefined_name or ''} is undefined")
    return value


def _to_json(value: object, **options: Any) -> str:
    return json.dumps(plain(value), **options)


def _to_nice_json(value: object, indent: int = 4, sort_keys: bool = True, **options: Any) -> str:
    return json.dumps(plain(value), indent=indent, sort_keys=sort_keys, **options)


def _from_json(text: str) -> object:
    return json.loads(text)


def _to_yaml(value: object, indent: int = 2, width: int = 100) -> str:
    return dump(plain(value), indent=indent, width=width)


def _to_nice_yaml(value: object, indent: int = 4, width: int = 100) -> str:
    return dump(plain(value), indent=indent, width=width)


def _from_yaml(text: str) -> object:
    try:
        return plain(load_text(text, "from_yaml").data)
    except InvalidInput as error:
        raise ValueError(f"not valid YAML: {error}") from None


def _b64encode(text: str, encoding: str = "utf-8") -> str:
    return base64.b64encode(str(text).encode(encoding)).decode()


def _b64decode(text: str, encoding: str = "utf-8") -> str:
    return base64.b64decode(text, validate=True).decode(encoding)


def _flags(ignorecase: bool, multiline: bool) -> int:
    return (re.IGNORECASE if ignorecase else 0) | (re.MULTILINE if multiline else 0)


def _regex_replace(
    value: object,
    pattern: str,
    replacement: str = "",
    ignorecase: bool = False,
    multiline: bool = False,
    count: int = 0,
) -> str:
    return re.sub(pattern, replacement, str(value), count=count, flags=_flags(ignorecase, multiline))


def _regex_search(
    value: object, pattern: str, *groups: str, ignorecase: bool = False, multiline: bool = False
) -> object:
    """The part that matches, or the groups asked for (`'\\1'`, `'\\g<name>'`); None if nothing matches."""
    found = re.search(pattern, str(value), _flags(ignorecase, multiline))
    if found is None:
        return None
    if not groups:
        return found[0]
    return [found[_group(name)] for name in groups]


def _group(text: str) -> int | str:
    if named := re.fullmatch(r"\\g<(\w+)>", text):
        return int(named[1]) if named[1].isdigit() else named[1]
    if numbered := re.fullmatch(r"\\(\d+)", text):
        return int(numbered[1])
    raise ValueError(f"'{text}' names no group: write '\\\\1' or '\\\\g<name>'")


def _regex_findall(value: object, pattern: str, multiline: bool = False, ignorecase: bool = False) -> list[object]:
    found = re.findall(pattern, str(value), _flags(ignorecase, multiline))
    return [list(item) if isinstance(item, tuple) else item for item in found]


def _hash(value: object, algorithm: str = "sha1") -> str:
    return hashlib.new(algorithm, str(value).encode()).hexdigest()


def _ternary(value: object, if_true: object, if_false: object, if_none: object = None) -> object:
    if value is None and if_none is not None:
        return if_none
    return if_true if value else if_false


def _human_readable(value: object, isbits: bool = False, unit: str | None = None) -> str:
    if isbits or unit:
        raise ValueError("human_readable shows bytes in the unit that fits; it has no options here")
    return human_bytes(int(str(value)))


def _strftime(form: str, second: float | None = None, utc: bool = False) -> str:
    moment = time.time() if second is None else float(second)
    return time.strftime(form, time.gmtime(moment) if utc else time.localtime(moment))


def _to_datetime(text: str, form: str = "%Y-%m-%d %H:%M:%S") -> datetime.datetime:
    return datetime.datetime.strptime(text, form)  # noqa: DTZ007  the zone is the format's business


def _type_debug(value: object) -> str:
    names = {"LazyMapping": "dict", "Scope": "dict", "LazyList": "list", "TemplateText": "str"}
    return names.get(type(value).__name__, type(value).__name__)


def _urlsplit(value: str, query: str = "") -> object:
    parts = urlsplit(value)
    known = {
        "scheme": parts.scheme,
        "netloc": parts.netloc,
        "hostname": parts.hostname,
        "port": parts.port,
        "path": parts.path,
        "query": parts.query,
        "fragment": parts.fragment,
        "username": parts.username,
        "password": parts.password,
    }
    if query and query not in known:
        raise ValueError(f"an address has no part '{query}'; use one of {', '.join(known)}")
    return known[query] if query else known


def _path_join(parts: object) -> str:
    return posixpath.join(*[parts] if isinstance(parts, str) else [str(part) for part in items_of(parts)])


def _split(value: str, separator: str | None = None, maxsplit: int = -1) -> list[str]:
    return str(value).split(separator, maxsplit)


FILTERS: Final[Mapping[str, Callable[..., object]]] = {
    **COLLECTION_FILTERS,
    "mandatory": _mandatory,
    "to_json": _to_json,
    "to_nice_json": _to_nice_json,
    "from_json": _from_json,
    "to_yaml": _to_yaml,
    "to_nice_yaml": _to_nice_yaml,
    "from_yaml": _from_yaml,
    "b64encode": _b64encode,
    "b64decode": _b64decode,
    "regex_replace": _regex_replace,
    "regex_search": _regex_search,
    "regex_findall": _regex_findall,
    "regex_escape": lambda value: re.escape(str(value)),
    "basename": lambda path: posixpath.basename(str(path)),
    "dirname": lambda path: posixpath.dirname(str(path)),
    "splitext": lambda path: list(posixpath.splitext(str(path))),
    "normpath": lambda path: posixpath.normpath(str(path)),
    "path_join": _path_join,
    "quote": lambda value: shlex.quote(str(value)),
    "urlquote": lambda value: quote(str(value), safe=""),
    "urlsplit": _urlsplit,
    "hash": _hash,
    "bool": truth,
    "ternary": _ternary,
    "human_readable": _human_readable,
    "human_to_bytes": bytes_of,
    "human_seconds": human_seconds,
    "seconds": seconds,
    "strftime": _strftime,
    "to_datetime": _to_datetime,
    "to_uuid": lambda value: str(uuid.uuid5(uuid.NAMESPACE_URL, str(value))),
    "type_debug": _type_debug,
    "split": _split,
    "splitlines": lambda value: str(value).splitlines(),
    "zip": lambda *lists: [list(items) for items in zip(*map(items_of, lists), strict=False)],
    "zip_longest": lambda *lists, fillvalue=None: [
        list(items) for items in zip_longest(*map(items_of, lists), fillvalue=fillvalue)
    ],
}
