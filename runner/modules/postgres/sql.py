"""SQL as text: literals and identifiers, parameters put in their places, a script cut into its statements.

One meaning for both ways to a server: psycopg and psql get the same finished text. Sessions run with
`standard_conforming_strings = on` and `client_encoding = UTF8` (connection.py and psql.py see to it),
which is what the quoting here relies on.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from runner.errors import TaskFailed
from runner.secret import Secret

Parameters = Sequence[object] | Mapping[str, object]

_PLACEHOLDER: Final = re.compile(r"%(?:(?P<plain>s)|\((?P<name>[^)]*)\)s|(?P<percent>%))")

_TOKEN: Final = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<comment>--[^\n]*)
  | (?P<block>/\*)
  | (?P<escaped>[eE]'(?:[^'\\]|''|\\.)*')
  | (?P<string>'(?:[^']|'')*')
  | (?P<quoted>"(?:[^"]|"")*")
  | (?P<dollar>\$(?P<tag>(?:[A-Za-z_\x80-\U0010ffff][\w\x80-\U0010ffff]*)?)\$.*?\$(?P=tag)\$)
  | (?P<word>[A-Za-z_\x80-\U0010ffff][\w$\x80-\U0010ffff]*)
  | (?P<end>;)
  | (?P<backslash>\\)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)


def identifier(*names: str) -> str:
    """A quoted name, or a dotted one: `identifier("public", 'a"b')` is `"public"."a""b"`."""
    return ".".join('"' + _without_nul(name).replace('"', '""') + '"' for name in names)


def literal(value: object) -> str:
    """A value as an SQL literal; mappings become JSON text, lists become arrays.

    Text is a literal of unknown type, so that it takes the type its place asks for.
    """
    if isinstance(value, Secret):
        value = value.reveal()
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else f"'{value}'::float8"
    if isinstance(value, Mapping):
        return _text(json.dumps(value, ensure_ascii=False))
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return f"ARRAY[{', '.join(map(literal, value))}]" if value else "'{}'"
    return _text(str(value))


def bind(sql: str, params: Parameters) -> str:
    """`sql` with `%s` (a list) or `%(name)s` (a mapping) replaced by literals; `%%` is a percent sign.

    Without parameters the text stays as it is. Raises TaskFailed if the two do not fit each other.
    """
    if not params:
        return sql
    named = isinstance(params, Mapping)
    left = iter([] if named else list(params))
    used = 0

    def put(match: re.Match[str]) -> str:
        nonlocal used
        if match["percent"]:
            return "%"
        if named != (match["name"] is not None):
            raise _unfit("named parameters (a mapping) go with %(name)s, positional ones (a list) with %s")
        used += 1
        if isinstance(params, Mapping):
            if match["name"] not in params:
                raise _unfit(f"there is no parameter {match['name']!r}")
            return literal(params[match["name"]])
        try:
            return literal(next(left))
        except StopIteration:
            raise _unfit("there are more %s in the query than parameters") from None

    bound = _PLACEHOLDER.sub(put, sql)
    if not named and used != len(params):
        raise _unfit(f"there are {len(params)} parameters for {used} %s in the query")
    return bound


def statements(script: str) -> list[str]:
    """The statements of an SQL script, without their semicolons, comments kept, empty ones left out.

    Quotes, dollar quotes, nested comments and the body of `CREATE FUNCTION … BEGIN ATOMIC` are
    understood. A backslash outside of quotes (a psql command such as \\copy) is refused: it is not SQL.
    """
    found: list[str] = []
    current: list[str] = []
    words: list[str] = []
    depth = 0
    for kind, text in _tokens(script):
        if kind == "end" and depth == 0:
            _keep(found, current, words)
            current, words = [], []
            continue
        current.append(text)
        if kind == "word":
            words.append(text.upper())
            depth = _body_depth(words, depth)
        elif kind not in ("space", "comment"):
            words.append("")
    _keep(found, current, words)
    return found


def _keep(found: list[str], current: list[str], words: list[str]) -> None:
    if words:
        found.append("".join(current).strip())


def _body_depth(words: list[str], depth: int) -> int:
    """How deep inside the BEGIN … END of an SQL-standard function body, as psql counts it."""
    if words[0] != "CREATE" or not {"FUNCTION", "PROCEDURE"} & set(words[1:4]):
        return 0
    if words[-1] == "BEGIN" or (words[-1] == "CASE" and depth):
        return depth + 1
    return max(0, depth - 1) if words[-1] == "END" else depth


def _tokens(script: str) -> Iterator[tuple[str, str]]:
    position = 0
    while position < len(script):
        match = _TOKEN.match(script, position)
        assert match is not None and match.lastgroup is not None  # `other` takes any character
        kind = "dollar" if match["dollar"] else match.lastgroup
        text = match[0]
        if kind == "block":
            kind, text = "comment", _block_comment(script, position)
        if kind == "backslash":
            raise TaskFailed(
                "a backslash outside of quotes is not SQL",
                where=f"line {script.count(chr(10), 0, position) + 1} of the statement",
                hint="psql's own commands (\\copy, \\i, \\set) do not work here; write plain SQL",
            )
        if kind == "other" and text in "'\"":
            raise TaskFailed(
                "a quote is never closed", where=f"line {script.count(chr(10), 0, position) + 1} of the SQL"
            )
        yield kind, text
        position += len(text)


def _block_comment(script: str, start: int) -> str:
    """A /* comment */ with those nested in it."""
    depth = 0
    for match in re.compile(r"/\*|\*/").finditer(script, start):
        depth += 1 if match[0] == "/*" else -1
        if depth == 0:
            return script[start : match.end()]
    raise TaskFailed("a /* comment is never closed", hint="add the missing */")


def for_psql(statement: str) -> str:
    """A statement as psql must be given it so that its own variables (`:name`) stay out of it."""
    text: list[str] = []
    for kind, token in _tokens(statement):
        after_colon = bool(text) and text[-1] == ":" and (len(text) < 2 or text[-2] != ":")
        if after_colon and kind in ("word", "string", "quoted"):
            text.append(" ")
        text.append(token)
    return "".join(text)


def _text(value: str) -> str:
    quoted = _without_nul(value).replace("'", "''")
    # E'…' reads the same whatever standard_conforming_strings says.
    return " E'" + quoted.replace("\\", "\\\\") + "'" if "\\" in quoted else f"'{quoted}'"


def _without_nul(value: str) -> str:
    if "\0" in value:
        raise TaskFailed("text for PostgreSQL may not hold a NUL character")
    return value


def _unfit(message: str) -> TaskFailed:
    return TaskFailed(
        f"the parameters do not fit the query: {message}",
        hint="a literal percent sign is written %% when there are parameters",
    )
