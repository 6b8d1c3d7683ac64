"""Values that only those with a key can read, as they stand in a document."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from runner.document.model import Path, TemplateText
from runner.errors import Location


class Cipher(StrEnum):
    """Whose format something is encrypted in."""

    ANSIBLE = "vault"
    AGE = "age"


TAGS: Final[Mapping[str, Cipher]] = {
    "!vault": Cipher.ANSIBLE,
    "!vault-encrypted": Cipher.ANSIBLE,
    "!age": Cipher.AGE,
}

_BEGINNINGS: Final[Mapping[bytes, Cipher]] = {
    b"$ANSIBLE_VAULT;": Cipher.ANSIBLE,
    b"-----BEGIN AGE ENCRYPTED FILE-----": Cipher.AGE,
    b"age-encryption.org/v1": Cipher.AGE,
}
_AFTER: Final[Mapping[str, int]] = {"vars": 1, "set_fact": 1, "ansible.builtin.set_fact": 1, "hosts": 2}
"""How far behind one of these keys the name of a variable stands."""


class Encrypted(TemplateText):
    """A value written with one of `TAGS`: it has its value as soon as somebody with a key reads it.

    It counts as a template, for like one it is known where it stands before it is known what it says. As text it is
    one that cannot be rendered: whoever forgets what it is fails instead of using the wrong value.
    `names` are those the variable at its place can be known by.
    """

    __slots__ = ("cipher", "ciphertext", "names", "place")

    cipher: Cipher
    ciphertext: str
    names: tuple[str, ...]
    place: Location

    def __new__(cls, cipher: Cipher, ciphertext: str, names: tuple[str, ...], place: Location) -> Encrypted:
        digest = hashlib.sha256(ciphertext.encode("utf-8", "surrogateescape")).hexdigest()
        self = super().__new__(cls, f"{{{{ encrypted('{cipher}', '{digest[:16]}') }}}}")
        self.cipher, self.ciphertext, self.names, self.place = cipher, ciphertext, names, place
        return self

    def __getnewargs__(self) -> tuple[Cipher, str, tuple[str, ...], Location]:  # type: ignore[override]  # to be copied
        return self.cipher, self.ciphertext, self.names, self.place

    @property
    def tag(self) -> str:
        """What it is written with."""
        return f"!{self.cipher}"

    @property
    def name(self) -> str:
        """The shortest of its names, for messages."""
        return min(self.names, key=len)


def cipher_of(content: bytes) -> Cipher | None:
    """How a whole file is encrypted; None if it is not."""
    return next((cipher for start, cipher in _BEGINNINGS.items() if content.startswith(start)), None)


def variable_names(path: Path) -> tuple[str, ...]:
    """The names a value at that place of a document may have, with the keys inside the variable: `db.password`.

    A document of variables is named from its root, an inventory or playbook from its `vars` or its host. Which of
    them it is cannot be told from a place alone. The items of a list have one name, `users[].password`: their order
    may change.
    """
    starts = {index + _AFTER[step] for index, step in enumerate(path) if isinstance(step, str) and step in _AFTER}
    starts = {start for start in starts if start < len(path)}
    if path and isinstance(path[0], str):
        starts.add(0)
    if not starts:
        starts.add(1 + max((index for index, step in enumerate(path) if isinstance(step, int)), default=-1))
    return tuple(dict.fromkeys(_dotted(path[start:]) for start in sorted(starts)))


def _dotted(path: Path) -> str:
    return "".join("[]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")
