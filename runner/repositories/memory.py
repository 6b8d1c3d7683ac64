"""A repository in this process's memory, for tests of whatever uses repositories."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import BinaryIO

from runner.errors import AlreadyExists, ObjectNotFound
from runner.frozen import frozen
from runner.repositories.contract import NOT_ENCRYPTED, EncryptionKeys, ObjectInfo, StoredObject
from runner.repositories.keys import check_key, check_prefix


@frozen
class _Held:
    data: bytes
    modified: datetime


class MemoryRepository:
    """Keeps every guarantee of the contract until the process ends."""

    def __init__(self, name: str, encryption: EncryptionKeys = NOT_ENCRYPTED) -> None:
        self._name = name
        self._encryption = encryption
        self._objects: dict[str, _Held] = {}
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        return self._name

    @property
    def encryption(self) -> EncryptionKeys:
        return self._encryption

    def describe(self) -> str:
        return f"memory of this process ({self._name})"

    def put_if_absent(self, key: str, data: bytes) -> None:
        with self._lock:
            if check_key(key) in self._objects:
                raise AlreadyExists(message=f"there is already an object {key}", where=self._name)
            self._objects[key] = _Held(data, datetime.now(UTC))

    def put(self, key: str, source: BinaryIO) -> StoredObject:
        check_key(key)
        data = source.read()
        with self._lock:
            self._objects[key] = _Held(data, datetime.now(UTC))
        return StoredObject(key, len(data), hashlib.sha256(data).hexdigest())

    @contextmanager
    def get(self, key: str, *, offset: int = 0, length: int | None = None) -> Iterator[BinaryIO]:
        with self._lock:
            held = self._objects.get(check_key(key))
        if held is None:
            raise ObjectNotFound(message=f"there is no object {key}", where=self._name)
        end = None if length is None else offset + length
        yield io.BytesIO(held.data[offset:end])

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        check_prefix(prefix)
        with self._lock:
            found = [
                ObjectInfo(key, len(held.data), held.modified)
                for key, held in self._objects.items()
                if key.startswith(prefix)
            ]
        yield from sorted(found, key=lambda info: info.key)

    def delete(self, key: str) -> None:
        with self._lock:
            self._objects.pop(check_key(key), None)

    def sweep(self, older_than: timedelta) -> int:
        return 0

    def close(self) -> None:
        """Nothing to give back."""
