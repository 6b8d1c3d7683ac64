"""Options that several commands share, and what their texts mean."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import click

from runner.errors import UsageError

if TYPE_CHECKING:
    from runner.journal import Journal
    from runner.vault import Keys
    from runner.wiring.watching import Watching

F = TypeVar("F", bound=Callable[..., Any])
Output = Literal["text", "json"]

_INVENTORIES: Final = ("-i", "--inventory", "inventories")
_SOURCES: Final = "PATH|HOST,..."
NAME_HINT: Final = "use letters, digits and underscores, not starting with a digit"


def playbooks(function: F) -> F:
    """PLAYBOOK…: at least one, each an existing file."""
    return click.argument("playbooks", metavar="PLAYBOOK...", nargs=-1, required=True, type=click.Path(path_type=Path))(
        function
    )


def inventories(function: F) -> F:
    """-i: inventory sources; without any, inventory.yml of the current directory if it is there."""
    return click.option(
        *_INVENTORIES,
        metavar=_SOURCES,
        multiple=True,
        callback=lambda _context, _option, given: given or default_inventory(),
        help="Inventory to read: a file, a directory, a script, or hosts with a comma (web1,). May be given several "
        "times. Without one it is ./inventory.yml, or only localhost.",
    )(function)


def other_inventories(function: F) -> F:
    """-i: inventory sources in place of those that are known."""
    return click.option(
        *_INVENTORIES, metavar=_SOURCES, multiple=True, help="Inventory to read instead of those of the run."
    )(function)


def default_inventory() -> tuple[str, ...]:
    """The inventory that needs no -i."""
    return ("inventory.yml",) if Path("inventory.yml").is_file() else ()


def limits(function: F) -> F:
    """--limit: which hosts only."""
    return click.option(
        "--limit",
        "-l",
        "limits",
        metavar="PATTERN|@FILE",
        multiple=True,
        help="Only hosts that match this pattern too; of several, or of those in a file, one of them.",
    )(function)


def journal(function: F) -> F:
    """--journal: where runs are recorded."""
    return click.option(
        "--journal",
        metavar="PATH",
        type=click.Path(path_type=Path),
        show_default="sentraplay/journal.sqlite3 in the user's state directory",
        help="File that records runs, so that they can be resumed and looked at.",
    )(function)


@contextmanager
def opened(path: Path | None) -> Iterator[Journal]:
    """The journal at `path`, or the user's own, closed at the end."""
    from runner.journal import Journal, default_path

    with closing(Journal(path or default_path())) as found:
        yield found


def output(function: F) -> F:
    """--output: what is written to standard output."""
    return click.option(
        "--output",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="Text for people, or JSON for programs (one object per line while running).",
    )(function)


def variables(function: F) -> F:
    """-e: extra variables."""
    return click.option(
        "-e",
        "--extra-vars",
        "extra",
        metavar="KEY=VALUE|JSON|@FILE",
        multiple=True,
        help="Variables that win over all others: KEY=VALUE pairs, a JSON object, or a YAML or JSON file.",
    )(function)


def yes(function: F) -> F:
    """--yes: the answer to every `confirm`."""
    return click.option("--yes", "-y", is_flag=True, help="Answer yes to whatever tasks want confirmed.")(function)


def break_lock(function: F) -> F:
    """--break-lock: locks to take from whoever has them."""
    return click.option(
        "--break-lock",
        metavar="NAME",
        multiple=True,
        help="Take this lock even if another run holds it: only if you are sure that it is dead.",
    )(function)


def passwords(function: F) -> F:
    """-K and -k: passwords asked for before anything starts."""
    ask_become = click.option(
        "-K",
        "--ask-become-pass",
        is_flag=True,
        help="Ask for the password sudo wants (read from standard input if that is no terminal).",
    )
    ask_login = click.option(
        "-k",
        "--ask-pass",
        is_flag=True,
        help="Ask for the SSH login password (read from standard input if that is no terminal).",
    )
    return ask_login(ask_become(function))


def verbose(function: F) -> F:
    """-v: how much is shown."""
    return click.option(
        "-v", "--verbose", count=True, help="Show what commands print while they run; -vv: every result too."
    )(function)


def split(texts: Sequence[str]) -> tuple[str, ...]:
    """`-t a,b -t c` -> a, b, c."""
    return tuple(word.strip() for text in texts for word in text.split(",") if word.strip())


@contextmanager
def watching(output: Output, verbosity: int, diff: bool) -> Iterator[Watching]:
    """How and where a run is shown.

    With JSON, standard output belongs to the events alone: whatever else writes there, a library
    included, ends up on standard error.
    """
    from runner.wiring.watching import Watching

    if output == "text":
        yield Watching("text", sys.stdout, sys.stderr, verbosity, diff)
        return
    sys.stdout.flush()
    with os.fdopen(os.dup(1), "w", encoding="ascii") as events:
        os.dup2(2, 1)
        try:
            yield Watching("json", events, sys.stderr)
        finally:
            sys.stdout.flush()
            os.dup2(events.fileno(), 1)


def extra_variables(texts: Sequence[str], keys: Keys) -> dict[str, object]:
    """What all -e together say; a later one wins. UsageError for text that is none of the three forms."""
    merged: dict[str, object] = {}
    for text in texts:
        merged.update(_variables_of(text, keys))
    for name in merged:
        if not name.isidentifier():
            raise UsageError(f"-e: '{name}' cannot be the name of a variable", hint=NAME_HINT)
    return merged


def _variables_of(text: str, keys: Keys) -> Mapping[str, object]:
    if text.startswith("@"):
        return _from_file(Path(text[1:]), keys)
    if text.lstrip().startswith("{"):
        return _from_json(text)
    return dict(_from_pairs(text))


def _from_file(path: Path, keys: Keys) -> Mapping[str, object]:
    if not path.is_file():
        raise UsageError(f"-e: there is no file {path}")
    data = keys.load_variables(path).data
    if not isinstance(data, dict):
        raise UsageError(f"-e: {path} does not hold a mapping of names to values")
    return data


def _from_json(text: str) -> Mapping[str, object]:
    try:
        data = json.loads(text)
    except ValueError as error:
        hint = """quote it for the shell: -e '{"name": 1}'"""
        raise UsageError(f"-e: not a JSON object: {error}", hint=hint) from None
    return dict(data)


def _from_pairs(text: str) -> Iterator[tuple[str, object]]:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"-e: quotes do not match ({error})", hint="or give JSON, or @FILE") from None
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            # The word itself is not repeated: it may be the second half of a password.
            raise UsageError(
                "-e: a word without '=' is no KEY=VALUE pair",
                hint="""a value with spaces needs quotes of its own: -e "name='two words'", or give JSON""",
            )
        yield name, value
