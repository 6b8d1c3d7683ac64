"""Who shall be able to read what is encrypted."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from runner.frozen import frozen
from runner.vault.recipients import recipients

F = TypeVar("F", bound=Callable[..., Any])


@frozen
class Readers:
    """Who shall be able to read it, as the command line says."""

    given: tuple[str, ...]
    files: tuple[Path, ...]

    def beside(self, file: Path | None) -> tuple[str, ...]:
        """Their public keys; without any given, those a file beside `file` names. They are told."""
        found = recipients(self.given, self.files, file.parent if file else Path())
        click.echo("encrypted for:\n" + "".join(f"  {one}\n" for one in found), err=True, nl=False)
        return found


def readers(function: F) -> F:
    """--recipient and --recipients-file, as one argument `readers`."""

    @functools.wraps(function)
    def packed(*args: Any, recipient: tuple[str, ...], recipients_file: tuple[Path, ...], **others: Any) -> Any:
        return function(*args, readers=Readers(recipient, recipients_file), **others)

    key = click.option("-r", "--recipient", metavar="KEY", multiple=True, help="age1…, ssh-ed25519 … or ssh-rsa ….")
    path = click.Path(path_type=Path)
    file = click.option(
        "-R",
        "--recipients-file",
        metavar="FILE",
        multiple=True,
        type=path,
        show_default=".age-recipients beside the file or above",
        help="File of public keys, one a line, as in authorized_keys.",
    )
    found: Any = key(file(packed))
    return found  # type: ignore[no-any-return]  # the same function for its caller
