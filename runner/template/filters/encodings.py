"""Filters between data and its notations: JSON, YAML, base64, addresses, checksums."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote, unquote_plus, urlsplit

from runner.document import dump, load_all, load_text
from runner.errors import InvalidInput
from runner.template.values import plain


def _to_json(value: object, **options: Any) -> str:
    return json.dumps(plain(value), **options)


def _to_nice_json(value: object, indent: int = 4, sort_keys: bool = True, **options: Any) -> str:
    options.pop("separators", None)
    return json.dumps(plain(value), indent=indent, sort_keys=sort_keys, separators=(",", ": "), **options)


def _to_yaml(value: object, indent: int | None = None, default_flow_style: bool | None = None, **options: Any) -> str:
    unknown = options.keys() - {"width", "sort_keys", "explicit_start", "explicit_end"}
    if unknown:
        raise ValueError(f"YAML is not written with '{min(unknown)}' here")
    return dump(plain(value), indent=indent, flow=default_flow_style, **{"width": 80, "sort_keys": True, **options})


def _to_nice_yaml(value: object, indent: int = 4, default_flow_style: bool = False, **options: Any) -> str:
    return _to_yaml(value, indent, default_flow_style, **options)


def _from_yaml(text: str | None) -> object:
    return None if text is None else _read(lambda: plain(load_text(text, "from_yaml").data))


def _from_yaml_all(text: str | None) -> object:
    return [] if text is None else _read(lambda: [plain(found.data) for found in load_all(text, "from_yaml_all")])


def _read(reading: Callable[[], object]) -> object:
    try:
        return reading()
    except InvalidInput as error:
        raise ValueError(f"not valid YAML: {error}") from None


def _b64encode(string: object, encoding: str = "utf-8", urlsafe: bool = False) -> str:
    encode = base64.urlsafe_b64encode if urlsafe else base64.b64encode
    return encode(str(string).encode(encoding)).decode()


def _b64decode(string: str, encoding: str = "utf-8", urlsafe: bool = False) -> str:
    decode = base64.urlsafe_b64decode if urlsafe else base64.b64decode
    return decode(string).decode(encoding)


def _hash(data: object, hashtype: str = "sha1") -> str:
    return hashlib.new(hashtype, str(data).encode("utf-8", "surrogateescape")).hexdigest()


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


ENCODING_FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "to_json": _to_json,
    "to_nice_json": _to_nice_json,
    "from_json": json.loads,
    "to_yaml": _to_yaml,
    "to_nice_yaml": _to_nice_yaml,
    "from_yaml": _from_yaml,
    "from_yaml_all": _from_yaml_all,
    "b64encode": _b64encode,
    "b64decode": _b64decode,
    "hash": _hash,
    "checksum": lambda data: _hash(data, "sha1"),
    "sha1": lambda data: _hash(data, "sha1"),
    "md5": lambda data: _hash(data, "md5"),
    "urlsplit": _urlsplit,
    "urldecode": unquote_plus,
    "urlquote": lambda value: quote(str(value), safe=""),
}
