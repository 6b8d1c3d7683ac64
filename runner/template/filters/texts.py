"""Filters over text: regular expressions, quoting, comments."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from runner.frozen import frozen


def _flags(ignorecase: bool, multiline: bool) -> int:
    return (re.IGNORECASE if ignorecase else 0) | (re.MULTILINE if multiline else 0)


def _regex_replace(
    value: object = "",
    pattern: str = "",
    replacement: str = "",
    ignorecase: bool = False,
    multiline: bool = False,
    count: int = 0,
    mandatory_count: int = 0,
) -> str:
    result, replaced = re.subn(pattern, replacement, str(value), count=count, flags=_flags(ignorecase, multiline))
    if mandatory_count and mandatory_count != replaced:
        raise ValueError(f"'{pattern}' was to match {mandatory_count} times and matched {replaced} times")
    return result


def _regex_search(value: object, regex: str, *groups: str, ignorecase: bool = False, multiline: bool = False) -> object:
    """The part that matches, or the groups asked for (`'\\1'`, `'\\g<name>'`); None if nothing matches."""
    found = re.search(regex, str(value), _flags(ignorecase, multiline))
    if found is None:
        return None
    wanted = [_group(name) for name in groups]
    return [found[name] for name in wanted] if wanted else found[0]


def _group(text: str) -> int | str:
    if named := re.fullmatch(r"\\g<(\w+)>", text):
        return int(named[1]) if named[1].isdigit() else named[1]
    if numbered := re.fullmatch(r"\\(\d+)", text):
        return int(numbered[1])
    raise ValueError(f"'{text}' names no group: write '\\\\1' or '\\\\g<name>'")


def _regex_findall(value: object, regex: str, multiline: bool = False, ignorecase: bool = False) -> list[object]:
    found = re.findall(regex, str(value), _flags(ignorecase, multiline))
    return [list(item) if isinstance(item, tuple) else item for item in found]


def _regex_escape(string: object, re_type: str = "python") -> str:
    if re_type == "python":
        return re.escape(str(string))
    if re_type == "posix_basic":
        return re.sub(r"[][.^$*\\]", r"\\\g<0>", str(string))
    raise ValueError(f"re_type='{re_type}' is not known; use python or posix_basic")


def _split(value: object, sep: str | None = None, maxsplit: int = -1) -> list[str]:
    return str(value).split(sep, maxsplit)


@frozen
class _Comment:
    """How text becomes a comment. `prefix` and `postfix` are lines of their own above and below."""

    decoration: str = ""
    beginning: str = ""
    end: str = ""
    prefix: str | None = None
    postfix: str | None = None
    prefix_count: int = 1
    postfix_count: int = 1
    newline: str = "\n"

    def around(self, text: str) -> str:
        bare = self.decoration.rstrip()
        above = bare if self.prefix is None else self.prefix
        below = bare if self.postfix is None else self.postfix
        lines = [self.decoration + line if line else bare for line in text.split(self.newline)]
        before = [self.beginning] if self.beginning else []
        if above:
            before += ["" if above == self.newline else above] * self.prefix_count
        after = [below] * self.postfix_count + ([self.end] if self.end else [])
        # What stands alone in the last line keeps the blank behind its decoration.
        if not text.rsplit(self.newline, maxsplit=1)[-1]:
            lines[-1] = self.decoration
        return self.newline.join([*before, *lines, *after])


_COMMENTS: Final = {
    "plain": _Comment("# "),
    "erlang": _Comment("% "),
    "c": _Comment("// "),
    "cblock": _Comment(" * ", "/*", " */"),
    "xml": _Comment(" - ", "<!--", "-->"),
}


def _comment(text: str, style: str = "plain", **options: Any) -> str:
    if style not in _COMMENTS:
        raise ValueError(f"there is no style '{style}' of comments; use one of {', '.join(_COMMENTS)}")
    return replace(_COMMENTS[style], **options).around(text)


TEXT_FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "regex_replace": _regex_replace,
    "regex_search": _regex_search,
    "regex_findall": _regex_findall,
    "regex_escape": _regex_escape,
    "quote": lambda value: shlex.quote("" if value is None else str(value)),
    "split": _split,
    "splitlines": lambda value: str(value).splitlines(),
    "comment": _comment,
}
