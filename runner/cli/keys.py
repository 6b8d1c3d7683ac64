"""Where the keys to encrypted values come from: options, prompts, programs, and one place in the user's directory."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from runner.cli.asking import ask
from runner.cli.invocation import Invocation
from runner.errors import TaskFailed, UsageError
from runner.frozen import frozen
from runner.secret import Secret

if TYPE_CHECKING:
    from runner.vault import Keys

F = TypeVar("F", bound=Callable[..., Any])

IDENTITY: Final = "SENTRAPLAY_IDENTITY"
PASSWORD_FILE: Final = "SENTRAPLAY_VAULT_PASSWORD_FILE"
PROMPTS: Final = frozenset({"prompt", "prompt_ask_vault_pass"})
PATIENCE_SECONDS: Final = 120.0


@frozen
class GivenKeys:
    """What the command line says about keys."""

    password_files: tuple[str, ...] = ()
    vault_ids: tuple[str, ...] = ()
    ask: bool = False
    identities: tuple[Path, ...] = ()


def given(function: F) -> F:
    """--vault-password-file, --ask-vault-pass, --vault-id as in Ansible, and --identity; as one argument `keys`."""

    @functools.wraps(function)
    def packed(
        *args: Any,
        vault_password_file: tuple[str, ...],
        vault_id: tuple[str, ...],
        ask_vault_pass: bool,
        identity: tuple[Path, ...],
        **others: Any,
    ) -> Any:
        return function(*args, keys=GivenKeys(vault_password_file, vault_id, ask_vault_pass, identity), **others)

    found: Any = packed
    for option in reversed(_OPTIONS):
        found = option(found)
    return found  # type: ignore[no-any-return]  # the same function for its caller


_OPTIONS: Final = (
    click.option(
        "--vault-password-file",
        "--vault-pass-file",
        metavar="FILE",
        multiple=True,
        help=f"File with a password of Ansible's vault, or a program that prints it. Also {PASSWORD_FILE}.",
    ),
    click.option(
        "--vault-id",
        metavar="[ID@]FILE|prompt",
        multiple=True,
        help="A password of Ansible's vault with its id: dev@file, dev@program, dev@prompt.",
    ),
    click.option(
        "-J",
        "--ask-vault-pass",
        "--ask-vault-password",
        is_flag=True,
        help="Ask for a password of Ansible's vault (read from standard input if that is no terminal).",
    ),
    click.option(
        "--identity",
        metavar="FILE",
        multiple=True,
        type=click.Path(path_type=Path),
        show_default=f"the file {IDENTITY} names, or sentraplay/identity in the user's configuration directory",
        help="Private key that opens age values: age's own, or SSH's.",
    ),
)


def keys_from(invocation: Invocation, given: GivenKeys, *, required: bool = True) -> Keys:
    """The keys themselves: passwords read and asked for now, identities when something needs them."""
    from runner.vault import IdentityFiles, Keys

    def passphrase(path: Path) -> Secret:
        return ask(f"passphrase of {path}", invocation.redactor)

    passwords = tuple(_passwords(invocation, given))
    identities = IdentityFiles(_identity_files(given), passphrase)
    return Keys(invocation.redactor, passwords, identities, required=required)


def _passwords(invocation: Invocation, given: GivenKeys) -> Iterator[Any]:
    from runner.vault import VaultPassword
    from runner.vault.passwords import DEFAULT_ID

    named = [_parted(text) for text in given.vault_ids]
    files = given.password_files or _from_environment(given)
    sources = [*named, *((DEFAULT_ID, file) for file in files)]
    if given.ask:
        sources.append((DEFAULT_ID, "prompt"))
    for label, source in sources:
        if source in PROMPTS:
            prompt = "Vault password" if label == DEFAULT_ID else f"Vault password ({label})"
            yield VaultPassword(ask(prompt, invocation.redactor), label)
        else:
            secret = _from_file(Path(source).expanduser(), label)
            invocation.redactor.register(secret)
            yield VaultPassword(secret, label)


def _from_environment(given: GivenKeys) -> tuple[str, ...]:
    named = os.environ.get(PASSWORD_FILE)
    return (named,) if named and not given.vault_ids and not given.ask else ()


def _parted(text: str) -> tuple[str, str]:
    label, at, source = text.rpartition("@")
    return (label or "default", source) if at else ("default", text)


def _from_file(path: Path, label: str) -> Secret:
    try:
        text = _printed_by(path, label) if os.access(path, os.X_OK) and path.is_file() else path.read_text().strip()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise UsageError(f"the vault password file {path} cannot be read: {reason}") from None
    if not text:
        raise UsageError(f"the vault password file {path} gives no password")
    return Secret(text)


def _printed_by(path: Path, label: str) -> str:
    """What a program prints. As in Ansible, one whose name ends in -client is told which id is asked for."""
    from contextlib import closing

    from runner.hosts.contract import command
    from runner.hosts.local import open_local

    more = ("--vault-id", label) if path.stem.endswith("-client") else ()
    try:
        with closing(open_local()) as controller:
            printed = controller.query(command(str(path.absolute()), *more), timeout=PATIENCE_SECONDS)
    except TaskFailed as error:
        raise UsageError(f"the vault password program {path} failed: {error.message}", hint=error.hint) from None
    return printed.stdout.strip("\r\n")


def _identity_files(given: GivenKeys) -> tuple[Path, ...]:
    if given.identities or (named := os.environ.get(IDENTITY)):
        files = tuple(path.expanduser() for path in given.identities or (Path(str(named)),))
        for path in files:
            if not path.is_file():
                raise UsageError(f"there is no identity file {path}")
        return files
    usual = default_identity()
    return (usual,) if usual.is_file() else ()


def default_identity() -> Path:
    """The identity that needs no option."""
    base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(base).expanduser() / "sentraplay" / "identity"
