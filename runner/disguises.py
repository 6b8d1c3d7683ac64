"""The shapes in which a secret can show itself: quoted, escaped or encoded, alone or inside something larger."""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote, quote_plus

SHORTEST: Final = 4
"""Masking a shorter text wherever it occurs would corrupt what is unrelated, and give it away by its holes."""

_PERCENT: Final = re.compile("%[0-9A-F]{2}")


def disguises(secret: str) -> frozenset[str]:
    """Every text of at least `SHORTEST` characters that gives the secret, or one of its lines, away."""
    plain = {secret, secret.strip(), *secret.splitlines(), *(line.strip() for line in secret.splitlines())}
    found = {shape for text in plain if len(text) >= SHORTEST for shape in _shapes(text)}
    return frozenset(shape for shape in found if len(shape) >= SHORTEST)


def _shapes(text: str) -> Iterator[str]:
    yield text
    yield from _quoted(text)
    yield from _escaped(text)
    data = text.encode("utf-8", "surrogateescape")
    yield data.hex()
    yield data.hex().upper()
    yield data.hex(":")
    yield base64.b32encode(data).decode()
    yield from _base64(data)


def _quoted(text: str) -> Iterator[str]:
    yield shlex.quote(text)
    yield text.replace("'", "'\\''")
    yield text.replace("'", "''")
    yield text.replace('"', '""')
    odd: Final = "surrogateescape"
    for percented in (quote(text, errors=odd), quote(text, safe="", errors=odd), quote_plus(text, errors=odd)):
        yield percented
        yield _PERCENT.sub(lambda code: code[0].lower(), percented)


def _escaped(text: str) -> Iterator[str]:
    for json_text in (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]):
        yield json_text
        yield json_text.replace("/", "\\/")
        yield json.dumps(json_text)[1:-1]
    yield repr(text)[1:-1]
    import html  # it brings tables along that only a run with secrets needs

    yield html.escape(text)
    yield html.escape(text, quote=False)
    yield html.escape(text).replace("&#x27;", "&#39;").replace("&quot;", "&#34;")
    yield re.escape(text)
    yield re.sub(r"([^A-Za-z0-9_./:=@%+,-])", r"\\\1", text)


def _base64(data: bytes) -> Iterator[str]:
    """As it is alone, and the part that does not depend on what stands around it, at each of three alignments."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(data).decode()
        for before in range(3):
            encoded = encode(b"\0" * before + data).decode().rstrip("=")
            unsure = (before + len(data)) % 3 != 0
            yield encoded[(0, 2, 3)[before] : len(encoded) - unsure]
