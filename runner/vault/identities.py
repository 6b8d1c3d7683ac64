"""Files with private keys: age's own, and SSH's."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from runner.errors import UsageError
from runner.secret import Secret
from runner.vault.age import identity_from

AskPassphrase = Callable[[Path], Secret]

_SECRET_KEY: Final = b"AGE-SECRET-KEY-1"
_PRIVATE: Final = 0o077


class IdentityFiles:
    """Reads identity files when the first of them is needed, and asks for a passphrase then.

    UsageError for a file that others may read, or that holds no private key.
    """

    def __init__(self, paths: Sequence[Path] = (), ask: AskPassphrase | None = None) -> None:
        self._paths = tuple(paths)
        self._ask = ask

    def __bool__(self) -> bool:
        return bool(self._paths)

    def of(self, paths: Sequence[Path]) -> IdentityFiles:
        """Those in other files, whose passphrases are asked for in the same way."""
        return IdentityFiles(paths, self._ask)

    @cached_property
    def all(self) -> tuple[Any, ...]:
        """What age opens with."""
        return tuple(identity for _, identity in self._both)

    @cached_property
    def texts(self) -> tuple[Secret, ...]:
        """The private keys themselves, each as a program named age reads it from its standard input."""
        return tuple(text for text, _ in self._both)

    @cached_property
    def _both(self) -> tuple[tuple[Secret, Any], ...]:
        return tuple(one for path in self._paths for one in self._read(path))

    def _read(self, path: Path) -> Iterator[tuple[Secret, Any]]:
        content = _private_content(path)
        try:
            if b"PRIVATE KEY-----" in content:
                key = self._without_passphrase(content, path)
                yield Secret(key.decode()), identity_from(key)
                return
            lines = [line.strip() for line in content.splitlines() if line.strip().startswith(_SECRET_KEY)]
            for line in lines:
                yield Secret(line.decode()), identity_from(line)
        except ValueError as error:
            raise UsageError(f"the identity {path} cannot be used: {error}") from None
        if not lines:
            hint = "make one: age-keygen, or use the private key of ssh-keygen -t ed25519"
            raise UsageError(f"{path} holds no private key", hint=hint)

    def _without_passphrase(self, content: bytes, path: Path) -> bytes:
        """The private key as age can use it, in memory alone."""
        from cryptography.hazmat.primitives import serialization as form

        try:
            form.load_ssh_private_key(content, None)
            return content
        except ValueError:
            return content  # PEM, or nothing at all: age says which.
        except TypeError:
            if self._ask is None:
                raise ValueError("it has a passphrase") from None
        try:
            key = form.load_ssh_private_key(content, self._ask(path).reveal().encode())
        except ValueError:
            raise ValueError("the passphrase is another one") from None
        return key.private_bytes(form.Encoding.PEM, form.PrivateFormat.OpenSSH, form.NoEncryption())


def _private_content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            about = os.fstat(file.fileno())
            if about.st_mode & _PRIVATE or about.st_uid not in (os.geteuid(), 0):
                hint = f"chmod 600 {path}, and make a new key if others could have read it"
                raise UsageError(
                    f"the identity {path} is not yours alone (mode {about.st_mode & 0o777:04o})", hint=hint
                )
            return file.read()
    except OSError as error:
        raise UsageError(f"the identity {path} cannot be read: {error.strerror}") from None
