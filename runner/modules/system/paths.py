"""Paths of a host: making them absolute, following links, hashing; and failures said in words."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from runner.errors import TaskFailed
from runner.hosts.contract import Host, Reader, Result, Script

HASHED_AT_ONCE: Final = 200

HINTS: Final[Mapping[str, str]] = {
    "permission denied": "this user may not do that: add `become: true`, or choose another `become_user`",
    "operation not permitted": "this user may not do that: add `become: true`",
    "no space left": "the disk is full: make room first; nothing was half-written",
    "read-only file system": "the file system is mounted read-only: the kernel's log may name a disk error",
    "invalid user": "create the user first, or give its number",
    "unknown user": "create the user first, or give its number",
    "invalid group": "create the group first, or give its number",
    "unknown group": "create the group first, or give its number",
}

HOME: Final = 'printf %s "$HOME"'
FOLLOW: Final = 'readlink -f "$1" || exit 1'
IS_DIRECTORY: Final = '[ -d "$1" ]'
MISSING: Final = """
for path do
  if [ -d "$path" ]; then echo there; else echo missing; fi
done
"""
# A name is given to the program on its standard input, so that no name is taken for an option.
HASH: Final = """
program=$1; shift
for path do
  if [ -f "$path" ]; then
    sum=$("$program" < "$path") || exit 1
    printf '%s\\n' "${sum%% *}"
  else
    echo -
  fi
done
"""


def ask(reader: Reader, script: str, *args: str, doing: str, statuses: tuple[int, ...] = (0,)) -> Result:
    """Run a script that reads; TaskFailed "cannot `doing`: …" if it ends with a status not among `statuses`."""
    return _checked(reader.query, script, args, doing, statuses)


def act(host: Host, script: str, *args: str, doing: str, statuses: tuple[int, ...] = (0,)) -> Result:
    """Run a script that changes something; fails like `ask`."""
    return _checked(host.run, script, args, doing, statuses)


def _checked(
    run: Callable[..., Result], script: str, args: tuple[str, ...], doing: str, statuses: tuple[int, ...]
) -> Result:
    result = run(Script(script, args), check=False)
    if result.exit_code in statuses:
        return result
    said = result.stderr.strip().splitlines()
    words = said[-1] if said else f"status {result.exit_code}"
    raise TaskFailed(
        f"cannot {doing}: {words}",
        hint=next((hint for sign, hint in HINTS.items() if sign in words.lower()), ""),
        data={"rc": result.exit_code, "stderr": result.stderr},
    )


def absolute(reader: Reader, path: str) -> str:
    """`path` with a leading `~` replaced and without a trailing slash; TaskFailed if it is relative."""
    if path == "~" or path.startswith("~/"):
        path = ask(reader, HOME, doing="tell the home directory").stdout + path[1:]
    if not path.startswith("/"):
        raise TaskFailed(
            f"{path!r} is not an absolute path",
            why="where a relative path leads on a host depends on how the connection was made",
            hint="write it from the root: /opt/…, or from the user's home: ~/…",
        )
    return path.rstrip("/") or "/"


def follow(reader: Reader, path: str) -> str:
    """Where a path leads when every link in it is followed; the path itself if that cannot be told."""
    result = ask(reader, FOLLOW, path, doing=f"follow {path}", statuses=(0, 1))
    return result.stdout.removesuffix("\n") if result.ok else path


def is_directory(reader: Reader, path: str) -> bool:
    """Whether it is a directory, or a link that leads to one."""
    return ask(reader, IS_DIRECTORY, path, doing=f"look at {path}", statuses=(0, 1)).ok


def missing_directories(reader: Reader, path: str) -> tuple[str, ...]:
    """Those of a directory and its parents that do not exist, the outermost first."""
    ancestors = [path]
    while (parent := posixpath.dirname(ancestors[-1])) != ancestors[-1]:
        ancestors.append(parent)
    ancestors.reverse()
    there = ask(reader, MISSING, *ancestors, doing=f"look at {path}").stdout.split()
    return tuple(one for one, state in zip(ancestors, there, strict=True) if state == "missing")


def digests(reader: Reader, paths: Sequence[str], algorithm: str = "sha256") -> tuple[str | None, ...]:
    """The hash (hex) of each regular file, links followed; None for what is not one."""
    found: list[str | None] = []
    for start in range(0, len(paths), HASHED_AT_ONCE):
        some = paths[start : start + HASHED_AT_ONCE]
        result = ask(reader, HASH, f"{algorithm}sum", *some, doing=f"hash {some[0]}")
        found += [None if line == "-" else line for line in result.stdout.splitlines()]
    return tuple(found)
