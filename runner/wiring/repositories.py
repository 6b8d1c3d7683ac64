"""The repositories plays may name: definitions from inventory and play -> open repositories."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from runner.errors import SentraPlayError, TaskFailed
from runner.inventory import LOCALHOST
from runner.localfiles import expanded
from runner.repositories.contract import EncryptionKeys, Repository, Transfer
from runner.schema import schema, value_problems
from runner.secret import Redactor, Secret
from runner.suggestions import did_you_mean
from runner.template import Templar
from runner.units import bytes_of, seconds
from runner.wiring.hosts import InventoryHosts

if TYPE_CHECKING:
    from runner.repositories.gcs_client import Account
    from runner.repositories.s3 import S3Settings

CREDENTIALS: Final = ("access_key_id", "secret_access_key", "session_token")
PLAIN: Final = (
    "bucket",
    "prefix",
    "endpoint",
    "region",
    "addressing",
    "profile",
    "ca_bundle",
    "server_side_encryption",
    "kms_key_id",
    "storage_class",
)
GCS_PLAIN: Final = ("bucket", "prefix", "storage_class", "kms_key_name")
ACCOUNT: Final = ("service_account_file", "service_account_contents")

Definition = Mapping[str, Any]


class DefinedRepositories:
    """Opens each repository at its first use and keeps it open until `close`. Thread-safe.

    `variables` gives what templates in a definition see, the reserved variable `repositories` included;
    it is asked at the first use. `own` are a play's definitions, which win by name.
    """

    def __init__(
        self,
        variables: Callable[[], Mapping[str, object]],
        own: Mapping[str, object],
        *,
        templar: Templar,
        hosts: InventoryHosts,
        redactor: Redactor,
    ) -> None:
        self._variables = variables
        self._own = own
        self._templar = templar
        self._hosts = hosts
        self._redactor = redactor
        self._lock = threading.Lock()
        self._open: dict[str, Repository] = {}

    def get(self, name: str) -> Repository:
        """The repository of that name; TaskFailed if there is none or its definition cannot be used."""
        with self._lock:
            if name not in self._open:
                self._open[name] = self._opened(name)
            return self._open[name]

    def retention(self, name: str) -> Mapping[str, object]:
        """What its definition says under `retention`; TaskFailed like `get`."""
        return self._definition(name).get("retention") or {}

    def close(self) -> None:
        with self._lock:
            for repository in self._open.values():
                repository.close()
            self._open.clear()

    def _opened(self, name: str) -> Repository:
        definition = self._definition(name)
        make = {"directory": self._directory, "s3": self._s3, "gcs": self._gcs}[definition["type"]]
        return make(name, definition)

    def _definition(self, name: str) -> Definition:
        variables = self._variables()
        known = {**_defined(variables), **self._own}
        if name not in known:
            hint = "define it under `repositories` in group_vars/all.yml or in the play"
            raise TaskFailed(f"there is no repository called {name}", hint=did_you_mean(name, known, otherwise=hint))
        found = self._rendered(name, known[name], variables)
        problems = value_problems(schema("definitions.json")["definitions"]["repository"], found, rendered=True)
        if problems or not isinstance(found, Mapping):
            raise TaskFailed(
                f"the repository {name} cannot be used: " + "; ".join(problem.message for problem in problems),
                hint=next((problem.hint for problem in problems if problem.hint), ""),
            )
        return found

    def _rendered(self, name: str, written: object, variables: Mapping[str, object]) -> object:
        try:
            return self._templar.render(written, variables)
        except SentraPlayError as error:
            message = f"the repository {name} cannot be used: {error.message}"
            hint = error.hint or "its definition is under `repositories`, in the inventory or the play"
            raise replace(error, message=message, hint=hint) from error

    def _directory(self, name: str, definition: Definition) -> Repository:
        from runner.repositories.directory import DirectoryRepository

        host = self._hosts.as_inventory_says(definition.get("host", LOCALHOST))
        path, mount = definition["path"], definition.get("mount") or ""
        if mount and not f"{path}/".startswith(f"{mount}/"):
            raise TaskFailed(
                f"the repository {name} cannot be used: {path} is not below {mount}",
                why="whether a disk is mounted elsewhere says nothing of this directory",
                hint="give the mount point that the path is on as `mount`",
            )
        return DirectoryRepository(name, host, path, self._encryption(definition), mount)

    def _s3(self, name: str, definition: Definition) -> Repository:
        from runner.repositories.s3 import S3Repository
        from runner.repositories.s3_locking import LockingS3Repository, ObjectLock, PastS3Repository

        settings, encryption = self._s3_settings(definition), self._encryption(definition)
        if moment := definition.get("as_of"):
            return PastS3Repository(name, settings, _moment(name, moment), encryption)
        if lock := definition.get("object_lock"):
            wish = ObjectLock(lock["mode"], timedelta(seconds=seconds(lock["retain"])))
            return LockingS3Repository(name, settings, wish, encryption)
        return S3Repository(name, settings, encryption)

    def _s3_settings(self, definition: Definition) -> S3Settings:
        from runner.repositories.s3 import Credentials, S3Settings

        given: dict[str, Any] = {key: definition[key] for key in PLAIN if definition.get(key) is not None}
        given |= {key: self._secret(definition[key]) for key in CREDENTIALS if definition.get(key)}
        if definition.get("part_size") is not None:
            given["part_size"] = bytes_of(definition["part_size"])
        if said := definition.get("delete_with"):
            keys: dict[str, Any] = {key: self._secret(said[key]) for key in CREDENTIALS if said.get(key)}
            given["deleting"] = Credentials(**keys, profile=said.get("profile"))
        return S3Settings(**given, transfer=Transfer(definition.get("transfer", "auto")))

    def _gcs(self, name: str, definition: Definition) -> Repository:
        from runner.repositories.gcs import GcsRepository, GcsSettings
        from runner.repositories.gcs_locking import LockingGcsRepository, Retention
        from runner.repositories.gcs_past import PastGcsRepository

        given: dict[str, Any] = {key: definition[key] for key in GCS_PLAIN if definition.get(key) is not None}
        if said := definition.get("delete_with"):
            given["deleting"] = self._account({**definition, **dict.fromkeys(ACCOUNT), **said})
        given["transfer"] = Transfer(definition.get("transfer", "relay"))
        settings, encryption = GcsSettings(**given, account=self._account(definition)), self._encryption(definition)
        if moment := definition.get("as_of"):
            return PastGcsRepository(name, settings, _moment(name, moment), encryption)
        if lock := definition.get("object_lock"):
            wish = Retention(lock["mode"] == "compliance", timedelta(seconds=seconds(lock["retain"])))
            return LockingGcsRepository(name, settings, wish, encryption)
        return GcsRepository(name, settings, encryption)

    def _account(self, definition: Definition) -> Account:
        from runner.repositories.gcs_client import Account

        contents = definition.get("service_account_contents")
        return Account(
            service_account_file=definition.get("service_account_file"),
            service_account_contents=self._secret(contents) if contents else None,
            project=definition.get("project"),
            endpoint=definition.get("endpoint"),
        )

    def _encryption(self, definition: Definition) -> EncryptionKeys:
        """Its recipients; the identities it names, or else those that open what is encrypted in playbooks."""
        said = definition.get("encryption") or {}
        files = tuple(expanded(path) for path in said.get("identity_files", ()))
        # Read once: a passphrase is asked for once, however many objects are opened.
        identities = cache(lambda: self._templar.keys.identities(files))
        return EncryptionKeys(tuple(said.get("recipients", ())), identities)

    def _secret(self, text: str) -> Secret:
        self._redactor.register(text)
        return Secret(text)


def _moment(name: str, text: object) -> datetime:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        found = datetime.min
    if found.tzinfo is None:
        raise TaskFailed(
            f"the repository {name} cannot be read as of {text!r}",
            why="without its offset the same text is another moment in another place",
            hint="write 2026-11-26T03:00:00+01:00, or end with Z for UTC",
        )
    return found.astimezone(UTC)


def _defined(variables: Mapping[str, object]) -> Mapping[str, object]:
    found = variables.get("repositories") or {}
    if not isinstance(found, Mapping):
        raise TaskFailed("the variable `repositories` is not a mapping of names to definitions")
    return found
