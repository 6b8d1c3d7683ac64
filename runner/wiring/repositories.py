"""The repositories a play may name: definitions from inventory and play -> open repositories."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Final

from runner.errors import InvalidInput, Problem, TaskFailed
from runner.hosts.contract import Host
from runner.repositories.contract import Repository, Transfer
from runner.secret import Redactor, Secret
from runner.units import bytes_of

CREDENTIALS: Final = ("access_key_id", "secret_access_key", "session_token")
PLAIN: Final = ("bucket", "prefix", "endpoint", "region", "addressing", "profile", "ca_bundle")

Definition = Mapping[str, object]


class DefinedRepositories:
    """Opens each repository at its first use and keeps it open until `close`. Thread-safe.

    `definition` gives the rendered, schema-checked definition of a name, None if there is none;
    `host_named` the host a directory lies on, seen as the user who owns it.
    """

    def __init__(
        self,
        definition: Callable[[str], Definition | None],
        host_named: Callable[[str], Host],
        redactor: Redactor,
    ) -> None:
        self._definition = definition
        self._host_named = host_named
        self._redactor = redactor
        self._lock = threading.Lock()
        self._open: dict[str, Repository] = {}

    def get(self, name: str) -> Repository:
        with self._lock:
            if name not in self._open:
                self._open[name] = self._opened(name)
            return self._open[name]

    def close(self) -> None:
        with self._lock:
            for repository in self._open.values():
                repository.close()
            self._open.clear()

    def _opened(self, name: str) -> Repository:
        definition = self._definition(name)
        if definition is None:
            raise TaskFailed(
                f"there is no repository called {name}",
                hint="define it under `repositories` in group_vars/all.yml or in the play",
            )
        if definition["type"] == "directory":
            return self._directory(name, definition)
        return self._s3(name, definition)

    def _directory(self, name: str, definition: Definition) -> Repository:
        from runner.repositories.directory import DirectoryRepository

        return DirectoryRepository(
            name, self._host_named(str(definition.get("host", "localhost"))), str(definition["path"])
        )

    def _s3(self, name: str, definition: Definition) -> Repository:
        from runner.repositories.s3 import S3Repository, S3Settings

        given: dict[str, object] = {key: definition[key] for key in PLAIN if definition.get(key) is not None}
        for key in CREDENTIALS:
            if definition.get(key):
                given[key] = self._secret(str(definition[key]))
        if definition.get("part_size") is not None:
            given["part_size"] = bytes_of(_size(definition["part_size"]))
        given["transfer"] = Transfer(str(definition.get("transfer", Transfer.AUTO)))
        return S3Repository(name, S3Settings(**given))  # type: ignore[arg-type]  # types are the schema's

    def _secret(self, text: str) -> Secret:
        self._redactor.register(text)
        return Secret(text)


def _size(value: object) -> str | int:
    return value if isinstance(value, int) else str(value)


def refuse(problems: list[Problem]) -> None:
    """InvalidInput if there are any."""
    if problems:
        raise InvalidInput(problems)
