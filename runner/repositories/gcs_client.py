"""A connection to Google Cloud Storage: whose account is used, how long a failing request is repeated.

The one file that imports Google's packages, besides the errors'.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from runner.errors import RepositoryError
from runner.frozen import frozen
from runner.repositories.gcs_upload import Asking, Said
from runner.secret import Secret

PATIENCE: Final = 120
_SCOPES: Final = ("https://www.googleapis.com/auth/devstorage.full_control",)


@frozen
class Account:
    """Who asks: a service account's key, as a file of this machine or as its text. Without either, Google's usual
    places are asked (GOOGLE_APPLICATION_CREDENTIALS, gcloud's login, the machine's own account).

    `patience` is for how many seconds a request that may be repeated is repeated.
    """

    service_account_file: str | None = None
    service_account_contents: Secret | None = None
    project: str | None = None
    endpoint: str | None = None
    patience: int = PATIENCE

    @property
    def where(self) -> str:
        """The store, for messages."""
        return self.endpoint or "Google Cloud Storage"


def connect(account: Account) -> Any:
    """A google.cloud.storage.Client; RepositoryError if the key cannot be used."""
    from google.cloud import storage

    credentials, project = _credentials(account)
    options = {"api_endpoint": account.endpoint} if account.endpoint else None
    return storage.Client(project=account.project or project, credentials=credentials, client_options=options)


def _credentials(account: Account) -> tuple[Any, str | None]:
    """Who asks, and the project it belongs to."""
    import google.auth
    from google.oauth2 import service_account

    key = _key(account)
    if key is None:
        return google.auth.default(scopes=_SCOPES)
    # Google's package has no types here.
    made: Any = service_account.Credentials
    try:
        return made.from_service_account_info(key, scopes=_SCOPES), key.get("project_id")
    except ValueError as error:
        raise _unusable(account, str(error)) from None


def can_sign(client: Any) -> bool:
    """Whether the account's private key is at hand, as of a service account."""
    return callable(getattr(client._credentials, "sign_bytes", None))


def signed_address(client: Any, blob: Any, lifetime: timedelta) -> str:
    """An address that gives the object for so long; RepositoryError if the account cannot sign."""
    if not can_sign(client):
        raise RepositoryError(
            "this account cannot sign addresses",
            why="only the private key of a service account can",
            hint="give service_account_file, or leave `transfer` out: then the controller moves the bytes",
        )
    which = {"api_access_endpoint": client._connection.API_BASE_URL, "generation": blob.generation}
    return str(blob.generate_signed_url(version="v4", expiration=lifetime, **which))


def asking(client: Any) -> Asking:
    """How to ask about an upload by its own address, which is all the permission that takes."""

    def ask(method: str, address: str, headers: Mapping[str, str]) -> Said:
        answer = client._http.request(method, address, data=b"", headers=dict(headers), timeout=60)
        return Said(answer.status_code, answer.headers)

    return ask


def patient(seconds: int) -> Any:
    """How requests are repeated that may be: with growing pauses, for so long."""
    from google.cloud.storage.retry import DEFAULT_RETRY

    return DEFAULT_RETRY.with_delay(initial=0.2, maximum=10).with_timeout(seconds)


def _key(account: Account) -> Mapping[str, Any] | None:
    if account.service_account_contents is not None:
        text = account.service_account_contents.reveal()
    elif account.service_account_file is not None:
        try:
            text = Path(account.service_account_file).expanduser().read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise _unusable(account, str(error)) from None
    else:
        return None
    try:
        plain = json.loads(text)
    except ValueError:
        plain = None
    if not isinstance(plain, Mapping):
        raise _unusable(account, "it is not JSON")
    return plain


def _unusable(account: Account, why: str) -> RepositoryError:
    return RepositoryError(
        "the service account's key cannot be used",
        where=account.service_account_file or account.where,
        why=why,
        hint="make one with gcloud iam service-accounts keys create",
    )
