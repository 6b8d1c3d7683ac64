"""The one place that turns what is to run into POSIX sh text.

Every word is quoted here and nowhere else, so whatever bytes an argument holds, no shell reads it.
The text reaches the host's shell on its standard input: environment values, script text and input
data never stand in the argv of any process, and no here-document (a file on disk in some shells)
is used. Names that start with `_sp_` belong to `driver.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from runner.errors import TaskFailed
from runner.hosts.contract import Command, Pipeline, Runnable, Script

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Nothing where there is no setsid; in quotes because the command's environment may set IFS.
_SETSID: Final = '${_sp_setsid:+"$_sp_setsid"}'
_PLAIN: Final = re.compile(r"[A-Za-z0-9_@+=:,./-]+")
# Bytes a printf format holds as themselves; the rest is written in octal.
_LITERAL: Final = frozenset(
    b'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 \t\n_@+=:,./(){}[]<>;#&|$*?~^"!'
)
_OCTAL: Final = tuple(chr(byte) if byte in _LITERAL else f"\\{byte:03o}" for byte in range(256))


def quote(word: str) -> str:
    """`word` as one word of sh text; raises TaskFailed for a NUL, which no argument can hold."""
    if "\0" in word:
        raise TaskFailed(
            "an argument holds a NUL byte",
            why="the operating system ends an argument at the first NUL",
            hint="give binary data on standard input",
        )
    if _PLAIN.fullmatch(word):
        return word
    return "'" + word.replace("'", "'\\''") + "'"


def words(argv: tuple[str, ...]) -> str:
    """Several words, quoted and joined by spaces."""
    if not argv:
        raise TaskFailed("a command without a program", hint="give at least the program's name")
    return " ".join(map(quote, argv))


def feed(data: bytes) -> str:
    """A command that writes exactly `data`: printf is built into the shell, so it shows in no argv."""
    return "printf '" + "".join([_OCTAL[byte] for byte in data]) + "'"


def shown(what: Runnable) -> tuple[str, ...]:
    """The argv to show to people."""
    if isinstance(what, Command):
        return what.argv
    if isinstance(what, Script):
        return ("sh", "-c", what.text, "sh", *what.args)
    argv: list[str] = []
    for member in what.members:
        argv += ["|"] * bool(argv) + list(shown(member))
    return tuple(argv)


def request(what: Runnable, env: Mapping[str, str], stdin: bytes, mark: str) -> str:
    """The lines that make the persistent shell run `what` in a process group of its own and report its end.

    One compound command, so that a request cut short is never run in part. `env` is added to
    everything that runs, `mark` starts the line that reports the statuses of a pipeline's members.
    """
    if isinstance(what, Command):
        start = f"{_prepare(what.cwd, {**env, **what.env})}exec {_SETSID} {words(what.argv)}"
        source = f"{feed(stdin)} | " if stdin else ""
    else:
        # A shell of its own in the group reads the program from its standard input; being one compound
        # command it has been read to its end before it starts, so the input inside can be another one.
        inner = f"{{\n{program(what, env, mark)}\n}}"
        inner = f"{feed(stdin)} | {inner}\nexit\n" if stdin else f"{inner} </dev/null\nexit\n"
        start = f"exec {_SETSID} sh"
        source = f"printf %s {quote(inner)} | "
    empty = "" if source else " </dev/null"
    return f"{{ _sp_busy=1\n{source}( {start} ){empty} &\n_sp_wait; }}\n"


def program(what: Runnable, env: Mapping[str, str], mark: str) -> str:
    """sh text for a shell of its own: reads its standard input, writes its standard output, ends with the status.

    For a pipeline the status is 0 and the members' are reported on standard error instead.
    """
    if isinstance(what, Pipeline):
        return _pipeline(what, env, mark)
    return _member(what, env)


def detached(what: Command | Script, stdin: bytes) -> str:
    """sh text for a shell that reads it from its standard input: runs `what` with `stdin` as its input.

    One compound command: it has been read to its end before it starts.
    """
    inner = f"{{\n{_member(what, {})}\n}}"
    return f"{feed(stdin)} | {inner}\nexit\n" if stdin else f"{inner} </dev/null\nexit\n"


def _member(what: Command | Script, env: Mapping[str, str]) -> str:
    prepare = _prepare(what.cwd, {**env, **what.env})
    if isinstance(what, Command):
        return f"{prepare}exec {words(what.argv)}"
    # eval: a syntax error in the text stays in this shell and gets its status.
    arguments = f"set -- {words(what.args)}" if what.args else "set --"
    return f"{prepare}{arguments}\neval {quote(what.text)}"


def _prepare(cwd: str | None, env: Mapping[str, str]) -> str:
    lines = [f"export {_name(name)}={quote(value)}\n" for name, value in env.items()]
    if cwd is not None:
        # Before the exports: CDPATH and HOME among them must not lead cd elsewhere.
        lines.insert(0, f"CDPATH= cd -P -- {quote(cwd)} || exit 1\n")
    return "".join(lines)


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise TaskFailed(
            f"{name!r} cannot be the name of an environment variable",
            hint="names have letters, digits and underscores, and no digit first",
        )
    return name


def _pipeline(what: Pipeline, env: Mapping[str, str], mark: str) -> str:
    """POSIX has no pipefail: every member writes its status to descriptor 4, which a substitution collects."""
    if not what.members:
        raise TaskFailed("a pipeline without members")
    members = " |\n".join(
        f'{{ (\n{_member(member, env)}\n) 3>&- 4>&-; echo "{index} $?" >&4; }}'
        for index, member in enumerate(what.members)
    )
    return (
        f"exec 3>&1\n_sp_all=$( {{ {{ {members}\n}} >&3 3>&-; }} 4>&1 )\n"
        f"printf '\\n%s s %s\\n' {quote(mark)} \"$(echo $_sp_all)\" >&2\ntrue"
    )
