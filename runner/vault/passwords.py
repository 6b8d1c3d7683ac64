"""Ansible's vault format: `$ANSIBLE_VAULT;1.1;AES256`, and 1.2 with the id of the password it was made with."""

from __future__ import annotations

import binascii
import hmac
import re
from collections.abc import Sequence
from hashlib import pbkdf2_hmac
from typing import Final

from runner.frozen import frozen
from runner.secret import Secret
from runner.vault.errors import CannotOpen

DEFAULT_ID: Final = "default"

_HEADER: Final = re.compile(r"\$ANSIBLE_VAULT;(?P<version>[^;\n]*);(?P<cipher>[^;\n]*)(?:;(?P<id>[^\n]*))?\s*")
_ROUNDS: Final = 10_000
_KEY: Final = 32
_BLOCK: Final = 16


@frozen
class VaultPassword:
    """A password and the vault id it is for."""

    secret: Secret
    id: str = DEFAULT_ID


@frozen
class _Sealed:
    id: str
    salt: bytes
    mac: bytes
    data: bytes


def open_ansible(text: str, passwords: Sequence[VaultPassword]) -> bytes:
    """What was encrypted. As in Ansible the passwords with its id are tried first, then all others.

    Nothing is decrypted before its HMAC is right. Raises CannotOpen.
    """
    sealed = _parsed(text)
    for password in sorted(passwords, key=lambda password: password.id != sealed.id):
        opened = _opened(sealed, password.secret.reveal().encode())
        if opened is not None:
            return opened
    asked = f" of the id '{sealed.id}'" if sealed.id != DEFAULT_ID else ""
    raise CannotOpen(
        f"no vault password that was given opens this{asked}",
        hint="the password is another one, or the encrypted text was damaged",
    )


def _parsed(text: str) -> _Sealed:
    first, _, body = text.lstrip().partition("\n")
    header = _HEADER.fullmatch(first)
    if header is None:
        raise CannotOpen("this is not in Ansible's vault format", hint="it begins with $ANSIBLE_VAULT;1.1;AES256")
    if header["version"] not in ("1.1", "1.2") or header["cipher"] != "AES256":
        raise CannotOpen(
            f"the vault format {header['version']} with {header['cipher']} is not supported",
            hint="encrypt it anew: ansible-vault rekey writes 1.1 with AES256",
        )
    try:
        parts = binascii.unhexlify("".join(body.split())).split(b"\n")
        salt, mac, data = (binascii.unhexlify(part) for part in parts)
    except ValueError:
        raise CannotOpen("the encrypted text is damaged", hint="take it from its source again, whole") from None
    return _Sealed((header["id"] or DEFAULT_ID).strip(), salt, mac, data)


def _opened(sealed: _Sealed, password: bytes) -> bytes | None:
    """None if it was not made with this password, or was changed since."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.padding import PKCS7

    derived = pbkdf2_hmac("sha256", password, sealed.salt, _ROUNDS, 2 * _KEY + _BLOCK)
    key, mac_key, counter = derived[:_KEY], derived[_KEY : 2 * _KEY], derived[2 * _KEY :]
    if not hmac.compare_digest(hmac.digest(mac_key, sealed.data, "sha256"), sealed.mac):
        return None
    decryptor = Cipher(algorithms.AES(key), modes.CTR(counter)).decryptor()
    unpadder = PKCS7(8 * _BLOCK).unpadder()
    return unpadder.update(decryptor.update(sealed.data) + decryptor.finalize()) + unpadder.finalize()
