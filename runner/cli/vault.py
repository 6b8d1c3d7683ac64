"""`sentraplay vault`: encrypt, look at, edit and rekey values and files."""

from __future__ import annotations

import getpass
import sys
from functools import partial
from pathlib import Path

import click

from runner.cli import vaulted
from runner.cli.invocation import Invocation
from runner.cli.keys import GivenKeys, given, keys_from
from runner.cli.lazy import Entry, LazyGroup
from runner.cli.readers import Readers, readers
from runner.cli.vaulted import Vaulted
from runner.document import Cipher
from runner.errors import UsageError
from runner.vault.age import seal, seal_value
from runner.vault.rewriting import sealed_in_place

file_argument = click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
name_option = click.option(
    "--name", metavar="NAME", help="The variable whose value is meant: db_password, or db.password."
)


@click.command("encrypt")
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False, exists=True))
@name_option
@readers
@given
@click.pass_obj
def encrypt(invocation: Invocation, file: Path | None, name: str | None, readers: Readers, keys: GivenKeys) -> None:
    """Encrypt a value, or FILE in its place.

    Without FILE: the value is asked for, or read from standard input, and written as YAML to standard output;
    --name is the variable it is for, and only there it can be read. With FILE and --name: that variable's
    value in the file. With FILE alone: the whole file.
    """
    if file is None:
        if not name:
            raise UsageError("the name of the variable is missing", hint="give --name, or a FILE to encrypt as a whole")
        value = _value(name, invocation)
        _show(name, seal_value(name, value, readers.beside(None)))
        return
    plain = _plain(file)
    who = readers.beside(file)
    if name:
        new = plain.encoded(sealed_in_place(plain.text, str(file), name, who))
    else:
        new = seal(plain.content, who).encode()
    opening = keys_from(invocation, keys)
    if opening.fit(Cipher.AGE):
        vaulted.refuse_locking_out(plain, new, opening)
    else:
        click.echo("no identity is given, so it is not proved that you can read it", err=True)
    vaulted.write(file, new)


@click.command("view")
@file_argument
@name_option
@given
@click.pass_obj
def view(invocation: Invocation, file: Path, name: str | None, keys: GivenKeys) -> None:
    """Show FILE, or one value of it, decrypted, on standard output."""
    click.echo(vaulted.decrypted(vaulted.read(file), name, keys_from(invocation, keys)), nl=False)


@click.command("decrypt")
@file_argument
@name_option
@click.option(
    "--output", metavar="PATH", type=click.Path(path_type=Path), help="Where the plain text goes (mode 0600)."
)
@given
@click.pass_obj
def decrypt(invocation: Invocation, file: Path, name: str | None, output: Path | None, keys: GivenKeys) -> None:
    """Write FILE, or one value of it, decrypted into another file."""
    if output is None:
        hint = "give --output PATH to have it in a file, or use `vault view` to see it"
        raise UsageError("where the plain text shall go is not said", hint=hint)
    vaulted.write(output, vaulted.decrypted(vaulted.read(file), name, keys_from(invocation, keys)))


@click.command("edit")
@file_argument
@name_option
@readers
@given
@click.pass_obj
def edit(invocation: Invocation, file: Path, name: str | None, readers: Readers, keys: GivenKeys) -> None:
    """Edit a file that is encrypted as a whole, or one value, with $VISUAL or $EDITOR."""
    from runner.cli.editor import edited

    before, opening = vaulted.read(file), keys_from(invocation, keys)
    if before.cipher is Cipher.ANSIBLE:
        raise UsageError(
            f"{file} is in Ansible's format", hint="use ansible-vault edit, or `vault rekey` it to age first"
        )
    if not before.cipher and not name:
        hint = "give --name to edit one of its values, or edit it as it is"
        raise UsageError(f"{file} is not encrypted as a whole", hint=hint)
    plain = vaulted.decrypted(before, name, opening)
    changed = edited(plain, "" if name else file.suffix)
    if changed == plain:
        click.echo("not changed", err=True)
        return
    vaulted.replace(before, vaulted.edited(before, name, changed, readers.beside(file), opening), opening)


@click.command("rekey")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False, exists=True))
@readers
@given
@click.pass_obj
def rekey(invocation: Invocation, files: tuple[Path, ...], readers: Readers, keys: GivenKeys) -> None:
    """Encrypt FILES anew for other recipients.

    What is encrypted in them, or they as a whole, in Ansible's format too, becomes age's. Everything else of
    them stays as it is, to the byte. All are made before the first is replaced.
    """
    opening = keys_from(invocation, keys)
    found = [vaulted.read(file) for file in files]
    made = [(before, vaulted.rekeyed(before, readers.beside(before.path), opening)) for before in found]
    for before, new in made:
        vaulted.refuse_locking_out(before, new, opening)
    for before, new in made:
        vaulted.write(before.path, new)


def _commands() -> dict[str, Entry]:
    found = (encrypt, decrypt, view, edit, rekey)
    return {str(one.name): Entry(one.get_short_help_str(80), partial(_itself, one)) for one in found}


def _itself(command: click.Command) -> click.Command:
    return command


vault = LazyGroup(name="vault", help="Encrypt, look at, edit and rekey values and files.", entries=_commands())


def _value(name: str, invocation: Invocation) -> str:
    if sys.stdin.isatty():
        value = getpass.getpass(f"value of {name}: ")
        if getpass.getpass("once more: ") != value:
            raise UsageError("the two were not the same; nothing was encrypted")
    else:
        value = sys.stdin.read().removesuffix("\n")
    if not value:
        raise UsageError("there is no value", hint="type it at the prompt, or pipe it in")
    invocation.redactor.register(value)
    return value


def _show(name: str, sealed: str) -> None:
    lines = "".join(f"  {line}\n" for line in sealed.splitlines())
    click.echo(f"{name.rpartition('.')[2]}: !age |\n{lines}", nl=False)


def _plain(file: Path) -> Vaulted:
    found = vaulted.read(file)
    if found.cipher:
        raise UsageError(f"{file} is encrypted already", hint="see `vault edit` and `vault rekey`")
    return found
