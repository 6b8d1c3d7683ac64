"""A connection to Google Cloud Storage for modules, and its errors as ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Protocol

from runner.localfiles import expanded
from runner.repositories import gcs_errors
from runner.repositories.gcs_client import Account, connect, patient
from runner.secret import Secret


class Named(Protocol):
    """What of a module's arguments says whose account is used, and where."""

    @property
    def service_account_file(self) -> str | None: ...
    @property
    def service_account_contents(self) -> Secret | None: ...
    @property
    def project(self) -> str | None: ...
    @property
    def endpoint_url(self) -> str | None: ...


class GoogleStore:
    """Google's own client; RepositoryError tells what to do about a refusal."""

    def __init__(self, args: Named) -> None:
        file = str(expanded(args.service_account_file)) if args.service_account_file else None
        who = Account(file, args.service_account_contents, args.project, args.endpoint_url)
        self.where = who.where
        with self.explained("opening the store"):
            self.client = connect(who)
        self._patience = who.patience

    @cached_property
    def retry(self) -> Any:
        """How requests are repeated that may be."""
        return patient(self._patience)

    @contextmanager
    def explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except gcs_errors.kinds() as error:
            raise gcs_errors.explained(error, what, self.where) from error

    def __enter__(self) -> GoogleStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
