"""Everything that opens, in one hand."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from runner.document import (
    Cipher,
    Document,
    Encrypted,
    Examined,
    SecretTemplate,
    TemplateText,
    cipher_of,
    content_of,
    examine_content,
    sealed_problem,
)
from runner.errors import InvalidInput, Location, Problem
from runner.rules import Rule
from runner.secret import Redactor, Secret, register_all
from runner.vault.age import name_in, open_age, open_value
from runner.vault.errors import CannotOpen, NoKey
from runner.vault.identities import IdentityFiles
from runner.vault.passwords import VaultPassword, open_ansible

LARGEST_KNOWN: Final = 64 * 1024
"""A file of more bytes is not looked for in what is shown: it would cost too much."""

_NO_KEY: Final = {
    Cipher.ANSIBLE: ("no vault password was given", "give --vault-password-file FILE, or --ask-vault-pass"),
    Cipher.AGE: ("no identity was given", "give --identity FILE, the private key of one of its recipients"),
}


class Keys:
    """Opens values and files. Thread-safe; each is opened once, and the redactor knows what was in it.

    Not `required`: what there is no key for may stay closed, because nothing is going to be done.
    """

    def __init__(
        self,
        redactor: Redactor,
        passwords: Sequence[VaultPassword] = (),
        identities: IdentityFiles | None = None,
        *,
        required: bool = True,
    ) -> None:
        self.redactor = redactor
        self._passwords = tuple(passwords)
        self._identities = identities or IdentityFiles()
        self.required = required
        self._lock = threading.Lock()
        self._opened: dict[tuple[str, tuple[str, ...]], str] = {}

    def identities(self, files: Sequence[Path] = ()) -> tuple[Secret, ...]:
        """The private keys at hand, or those in `files`, as text that the redactor knows; they are read now."""
        texts = (self._identities.of(files) if files else self._identities).texts
        for text in texts:
            for line in text.reveal().splitlines():
                self.redactor.register(line)
        return texts

    def may_stay_closed(self, cipher: Cipher) -> bool:
        """Whether it is no error that there is no key for it."""
        return not self.required and not self.fit(cipher)

    def fit(self, cipher: Cipher) -> bool:
        """Whether there is any key of that kind."""
        return bool(self._passwords if cipher is Cipher.ANSIBLE else self._identities)

    def value(self, value: Encrypted) -> str:
        """What an encrypted value says. Raises CannotOpen, with the place."""
        known = (value.ciphertext, value.names)
        with self._lock:
            if known not in self._opened:
                try:
                    self._opened[known] = self._value(value)
                except CannotOpen as error:
                    colon = "" if isinstance(error, NoKey) else ":"
                    message = f"'{value.name}'{colon} {error.message}"
                    raise replace(error, message=message, where=str(value.place), place=value.place) from None
                self.redactor.register(self._opened[known])
            return self._opened[known]

    def name_of(self, value: Encrypted) -> str:
        """The name an encrypted value is bound to; in Ansible's format it is bound to none, so it is its variable's."""
        if value.cipher is Cipher.ANSIBLE:
            return value.name
        self._refuse_without(value.cipher)
        return name_in(value.ciphertext, self._identities.all)

    def _value(self, value: Encrypted) -> str:
        self._refuse_without(value.cipher)
        if value.cipher is Cipher.AGE:
            return open_value(value.ciphertext, value.names, self._identities.all)
        try:
            return open_ansible(value.ciphertext, self._passwords).decode("utf-8")
        except UnicodeDecodeError:
            raise CannotOpen("what was encrypted is not text", hint="encrypt a file of its own for it") from None

    def content(self, content: bytes, cipher: Cipher) -> bytes:
        """What an encrypted file holds. Raises CannotOpen."""
        self._refuse_without(cipher)
        if cipher is Cipher.AGE:
            return open_age(content, self._identities.all)
        return open_ansible(content.decode("utf-8", "replace"), self._passwords)

    def file(self, path: Path) -> bytes:
        """What a file holds, which may be encrypted as a whole: then the redactor knows it. OSError, CannotOpen."""
        content = path.read_bytes()
        cipher = cipher_of(content)
        if cipher is None:
            return content
        place = Location(str(path), 1, 1)
        try:
            opened = self.content(content, cipher)
        except CannotOpen as error:
            what = "the file" if isinstance(error, NoKey) else "the file:"
            message = f"{what} {error.message}"
            raise replace(error, message=message, where=str(place), place=place) from None
        if len(opened) <= LARGEST_KNOWN:
            self.redactor.register(opened.decode("utf-8", "surrogateescape"))
        return opened

    def check_file(self, path: Path) -> None:
        """Raise CannotOpen if the file is encrypted and cannot be opened, though it has to be."""
        try:
            if not path.is_file() or not self.is_encrypted(path):
                return
            cipher = cipher_of(path.read_bytes())
            if cipher and not self.may_stay_closed(cipher):
                self.file(path)
        except OSError:
            return  # Whoever reads it tells.

    def is_encrypted(self, path: Path) -> bool:
        """Whether a file is encrypted as a whole."""
        with path.open("rb") as file:
            return cipher_of(file.read(64)) is not None

    def _refuse_without(self, cipher: Cipher) -> None:
        if not self.fit(cipher):
            message, hint = _NO_KEY[cipher]
            raise NoKey(f"is encrypted, and {message}", hint=hint)

    def examine(self, path: Path, shown_as: str | None = None, *, allow_empty: bool = False) -> Examined:
        """As `document.examine`, with a file opened that is encrypted as a whole.

        If it cannot be opened it is `sealed`.
        """
        file = shown_as or str(path)
        content = content_of(path, file)
        if isinstance(content, Problem):
            return Examined(None, (content,))
        cipher = cipher_of(content)
        if cipher is None:
            return examine_content(content, file, allow_empty=allow_empty)
        if not self.fit(cipher):
            return Examined(None, (sealed_problem(file),) if self.required else (), sealed=True)
        try:
            opened = self.content(content, cipher)
        except CannotOpen as error:
            problem = Problem(error.message, Location(file, 1, 1), error.hint, rule=Rule.ENCRYPTED)
            return Examined(None, (problem,), sealed=True)
        examined = examine_content(opened, file, allow_empty=allow_empty)
        document = replace(examined.document, is_secret=True) if examined.document else None
        return replace(examined, document=document)

    def variables(self, path: Path, *, allow_empty: bool = False) -> Examined:
        """A file of variables. If it was encrypted as a whole, every value in it is a secret from here on."""
        examined = self.examine(path, allow_empty=allow_empty)
        document = examined.document
        if document is None or not document.is_secret:
            return examined
        return replace(examined, document=replace(document, data=self._noted(document.data)))

    def load_variables(self, path: Path) -> Document:
        """As `variables`; InvalidInput carries all problems."""
        examined = self.variables(path)
        if examined.problems or examined.document is None:
            raise InvalidInput(examined.problems)
        return examined.document

    def _noted(self, value: object) -> object:
        if isinstance(value, dict):
            return {key: self._noted(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._noted(item) for item in value]
        if type(value) is TemplateText:
            return SecretTemplate(value)
        if not isinstance(value, TemplateText):
            register_all(value, self.redactor)
        return value
