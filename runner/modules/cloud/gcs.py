"""A connection to Google Cloud Storage for modules, and its errors as ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from runner.localfiles import expanded
from runner.repositories import gcs_errors
from runner.repositories.gcs_client import Account, connect, patient
from runner.secret import Secret


def account(file: str | None, contents: Secret | None, project: str | None, endpoint: str | None) -> Account:
    """The account that a module's arguments name."""
    return Account(str(expanded(file)) if file else None, contents, project, endpoint)


class GoogleStore:
    """Google's own client; RepositoryError tells what to do about a refusal."""

    def __init__(self, who: Account) -> None:
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
