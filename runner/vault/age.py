"""age: encryption for several recipients, SSH keys among them. The one file that imports pyrage.

A value is sealed together with its variable's name, so that nobody can move it to another variable: with
`database_password` in the place of `motd` a playbook would print it. A whole file is sealed as it is and can be
read with any age. age does not say who sealed something: whoever has a recipient can make a new value.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from runner.errors import SentraPlayError, UsageError
from runner.vault.errors import CannotOpen

_FORMAT: Final = "sentraplay"
_VERSION: Final = 1


def seal(data: bytes, recipients: Iterable[str]) -> str:
    """`data` encrypted as text. Each recipient is age1…, ssh-ed25519 … or ssh-rsa …; UsageError for any other."""
    wanted = [recipient(text) for text in recipients]
    sealed: bytes = package().encrypt(data, wanted, armored=True)
    return sealed.decode("ascii")


def seal_value(name: str, value: str, recipients: Iterable[str]) -> str:
    """A variable's value encrypted as text, for that variable alone."""
    content = {_FORMAT: _VERSION, "name": name, "value": value}
    return seal(json.dumps(content, ensure_ascii=False).encode("utf-8", "surrogateescape"), recipients)


def open_age(text: bytes, identities: Sequence[Any]) -> bytes:
    """What was encrypted. Raises CannotOpen."""
    pyrage = package()
    try:
        opened: bytes = pyrage.decrypt(text.strip() if text.lstrip().startswith(b"-----") else text, list(identities))
    except pyrage.DecryptError as error:
        said = str(error).splitlines()[0]
        if "No matching keys" in said:
            hint = "ask one of those who can read it to add your key: sentraplay vault rekey"
            raise CannotOpen("no identity that was given opens this", hint=hint) from None
        raise CannotOpen(f"the encrypted text is damaged ({said})", hint="take it from its source again") from None
    return opened


def open_value(text: str, names: Sequence[str], identities: Sequence[Any]) -> str:
    """The value of the variable that is known by one of `names`. Raises CannotOpen if it was sealed for another."""
    content = _content(open_age(text.encode("utf-8", "surrogateescape"), identities))
    if content["name"] not in names:
        raise CannotOpen(
            f"this value was encrypted for the variable '{content['name']}', not for '{min(names, key=len)}'",
            hint="put it back; to use it here too, refer to it by a template, or encrypt it for this name",
        )
    return str(content["value"])


def name_in(text: str, identities: Sequence[Any]) -> str:
    """The name of the variable a value was sealed for. Raises CannotOpen."""
    return str(_content(open_age(text.encode("utf-8", "surrogateescape"), identities))["name"])


def identity_from(text: bytes) -> Any:
    """An identity of pyrage's from a line AGE-SECRET-KEY-1… or an SSH private key. ValueError if it is neither."""
    pyrage = package()
    try:
        if text.startswith(b"AGE-SECRET-KEY-1"):
            return pyrage.x25519.Identity.from_str(text.decode("ascii"))
        return pyrage.ssh.Identity.from_buffer(text)
    except pyrage.IdentityError as error:
        raise ValueError(str(error)) from None


def recipient(text: str) -> Any:
    """A recipient of pyrage's; UsageError for text that is none, which may be a private key and so is not repeated."""
    pyrage = package()
    kind = pyrage.ssh if text.startswith("ssh-") else pyrage.x25519
    try:
        return kind.Recipient.from_str(text)
    except pyrage.RecipientError:
        shown = f"'{text[:24]}…'" if text.startswith(("age1", "ssh-")) else "what was given"
        hint = "a recipient is age1…, ssh-ed25519 … or ssh-rsa …, and never a private key"
        raise UsageError(f"{shown} is no recipient", hint=hint) from None


def _content(opened: bytes) -> dict[str, object]:
    try:
        content = json.loads(opened)
        if content[_FORMAT] == _VERSION and isinstance(content["name"], str) and isinstance(content["value"], str):
            return dict(content)
    except (ValueError, TypeError, KeyError):
        pass
    hint = "encrypt values with: sentraplay vault encrypt --name NAME"
    raise CannotOpen("this value does not carry the name of its variable", hint=hint)


def package() -> Any:
    """pyrage; SentraPlayError if it is not installed."""
    try:
        import pyrage
    except ImportError:
        hint = "install it: python3 -m pip install 'sentraplay[age]'"
        raise SentraPlayError("age needs the package pyrage, which is not installed", hint=hint) from None
    return pyrage
