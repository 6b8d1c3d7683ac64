"""Files whose content, or a part of it, is encrypted: read whole, written whole."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from runner.document import Cipher, cipher_of
from runner.errors import Refused, UsageError
from runner.frozen import frozen
from runner.vault import CannotOpen, Keys
from runner.vault.age import seal
from runner.vault.rewriting import all_encrypted, encrypted, named, opened, sealed_anew, with_value

_MARK: Final = b"\xef\xbb\xbf"


@frozen
class Vaulted:
    """A file as it was read. `cipher` tells how it is encrypted as a whole, if it is."""

    path: Path
    content: bytes

    @property
    def cipher(self) -> Cipher | None:
        return cipher_of(self.content)

    @property
    def text(self) -> str:
        """The content, which must be text; every line end as it is."""
        try:
            return self.content.removeprefix(_MARK).decode("utf-8")
        except UnicodeDecodeError:
            raise UsageError(f"{self.path} is not UTF-8 text") from None

    def encoded(self, text: str) -> bytes:
        """`text` as it stands in the file."""
        return (_MARK if self.content.startswith(_MARK) else b"") + text.encode("utf-8")


def read(path: Path) -> Vaulted:
    """The file at `path`; UsageError if it cannot be read."""
    try:
        return Vaulted(path, path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None


def write(path: Path, content: bytes) -> None:
    """Put `content` in the place of the file, whole or not at all, for this user alone (0600)."""
    target = Path(os.path.realpath(path))
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        try:
            with open(descriptor, "wb") as file:  # noqa: PTH123 a descriptor
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            os.replace(name, target)  # noqa: PTH105 beside os.fsync
        except BaseException:
            with suppress(OSError):
                os.unlink(name)  # noqa: PTH108
            raise
        _sync(target.parent)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", hint="it is as it was") from None


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def decrypted(file: Vaulted, name: str | None, keys: Keys) -> bytes:
    """The whole file, or the value of the variable `name`, in plain text."""
    content = _content(file, keys)
    if content is not None and name:
        raise UsageError(f"{file.path} is encrypted as a whole", hint="leave --name out")
    if content is not None:
        return content
    if name:
        return keys.value(encrypted(named(file.text, str(file.path), name))).encode("utf-8", "surrogateescape")
    if not all_encrypted(file.text, str(file.path)):
        raise UsageError(f"nothing in {file.path} is encrypted")
    return file.encoded(opened(file.text, str(file.path), keys))


def _content(file: Vaulted, keys: Keys) -> bytes | None:
    """What a file holds that is encrypted as a whole; None if it is not."""
    if file.cipher is None:
        return None
    try:
        return keys.content(file.content, file.cipher)
    except CannotOpen as error:
        raise UsageError(f"{file.path}: {error.message}", hint=error.hint) from None


def edited(before: Vaulted, name: str | None, changed: bytes, who: tuple[str, ...], keys: Keys) -> bytes:
    """The file with its content, or the value of `name`, as it was `changed` in an editor."""
    if not name:
        return seal(changed, who).encode()
    span = named(before.text, str(before.path), name)
    # Editors end a text with a line end; a value has one only if it had one.
    had_end = keys.value(encrypted(span)).endswith("\n")
    try:
        value = changed.decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError("what was edited is not UTF-8 text; nothing was changed") from None
    value = value if had_end else value.removesuffix("\n")
    return before.encoded(with_value(before.text, span, keys.name_of(encrypted(span)), value, who))


def rekeyed(before: Vaulted, who: tuple[str, ...], keys: Keys) -> bytes:
    """The file with what is encrypted in it, or as a whole, encrypted for others."""
    content = _content(before, keys)
    if content is not None:
        return seal(content, who).encode()
    if not all_encrypted(before.text, str(before.path)):
        raise UsageError(f"nothing in {before.path} is encrypted")
    return before.encoded(sealed_anew(before.text, str(before.path), keys, who))


def replace(before: Vaulted, new: bytes, keys: Keys) -> None:
    """Put `new` in the place of what was read, if that is still there and the new can be read."""
    refuse_locking_out(before, new, keys)
    if read(before.path) != before:
        raise Refused(f"{before.path} was changed meanwhile", hint="do it again on what it is now")
    write(before.path, new)


def refuse_locking_out(before: Vaulted, content: bytes, keys: Keys) -> None:
    """What was encrypted anew is opened once before it takes the place of the only copy."""
    new = Vaulted(before.path, content)
    try:
        if new.cipher:
            keys.content(new.content, new.cipher)
            return
        known = {span.value for span in all_encrypted(before.text, str(before.path))}
        for span in all_encrypted(new.text, str(new.path)):
            if span.value not in known:
                keys.value(encrypted(span))
    except CannotOpen as error:
        raise Refused(
            f"you could not read {new.path} any more; it is as it was",
            why=error.message,
            hint="add your own public key to the recipients, and give its private key with --identity",
        ) from None
