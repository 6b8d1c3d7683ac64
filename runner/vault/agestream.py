"""Streams through age in this process, with flat memory: for bytes that pass through the controller anyway."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Iterable
from typing import Any, BinaryIO

from runner.errors import VerificationFailed
from runner.secret import Secret
from runner.vault.age import identity_from, package, recipient


def seal_stream(source: BinaryIO, recipients: Iterable[str]) -> io.RawIOBase:
    """`source` encrypted for every one of `recipients`. An error of `source` reaches the reader in place of the end."""
    age, wanted = package(), [recipient(text) for text in recipients]
    return _Through(source, lambda reader, writer: age.encrypt_io(reader, writer, wanted))


def open_stream(source: BinaryIO, identity: Secret) -> io.RawIOBase:
    """`source` decrypted; VerificationFailed in place of the end if it is damaged or for somebody else."""
    age, key = package(), identity_from(identity.reveal().encode())

    def opened(reader: Any, writer: Any) -> None:
        try:
            age.decrypt_io(reader, writer, [key])
        except (age.DecryptError, OSError) as error:
            if isinstance(error, BrokenPipeError):
                raise
            raise VerificationFailed(
                f"the encrypted bytes cannot be opened: {str(error).splitlines()[0]}",
                hint="restore from another backup, or with the identity of one of its recipients",
            ) from error

    return _Through(source, opened)


def opens(head: bytes, identity: Secret) -> bool:
    """Whether an identity opens what begins with `head`, which holds at least the whole header (64 KiB are enough)."""
    age = package()
    try:
        age.decrypt_io(io.BytesIO(head), io.BytesIO(), [identity_from(identity.reveal().encode())])
    except age.DecryptError:
        return False
    except OSError:
        # Only behind the header, which is authenticated: the head ends in the middle of a block.
        return True
    return True


class _Through(io.RawIOBase):
    """What `work(reader, writer)` writes while it reads `source`, in a thread of its own."""

    def __init__(self, source: BinaryIO, work: Callable[[Any, Any], None]) -> None:
        out, into = os.pipe()
        self._out = os.fdopen(out, "rb", buffering=0)
        self._source, self._work, self._into = source, work, os.fdopen(into, "wb", buffering=0)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="age", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        reader = _Reader(self._source)
        try:
            with self._into:
                self._work(reader, self._into)
        except BaseException as error:  # noqa: BLE001  raised again where it is read
            # What the source raised says more than what age made of it.
            self._error = reader.error or error

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._out.read(len(buffer))
        if not data:
            self._thread.join()
            if self._error is not None:
                raise self._error
            return 0
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            # The thread then meets a broken pipe and ends.
            self._out.close()
        super().close()


class _Reader:
    """What pyrage reads from."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self.error: BaseException | None = None

    def read(self, size: int = -1) -> bytes:
        try:
            return self._source.read(size)
        except BaseException as error:
            self.error = error
            raise
