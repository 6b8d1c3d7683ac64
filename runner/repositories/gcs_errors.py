"""What goes wrong with Google Cloud Storage, said so that somebody can act on it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

from runner.errors import AlreadyExists, ObjectNotFound, RepositoryError, SentraPlayError

_KEY: Final = "check the service account's key: whether it is this project's, and whether it was deleted or disabled"
_HINTS: Final[Mapping[int, tuple[str, str]]] = {
    401: ("the credentials are not accepted", _KEY),
    403: (
        "these credentials may not do that, or something holds the object",
        "the account needs the role Storage Object Admin on the bucket; a retention or a hold must end first",
    ),
    429: ("the store asks to slow down and did so for too long", "run again later"),
}


@cache
def kinds() -> tuple[type[Exception], ...]:
    """The exceptions of Google's packages and of what they send requests with; SentraPlayError without them."""
    try:
        from google.api_core.exceptions import GoogleAPIError
        from google.auth.exceptions import GoogleAuthError
        from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
        from requests import RequestException
    except ImportError:
        raise SentraPlayError(
            "Google Cloud Storage needs the package google-cloud-storage, which is not installed",
            hint="install it: python3 -m pip install 'sentraplay[gcs]'",
        ) from None

    return (GoogleAPIError, GoogleAuthError, DataCorruption, InvalidResponse, RequestException)


def status_of(error: BaseException) -> int:
    """The HTTP status, 0 if there was no answer; of what was repeated in vain, the last one."""
    if cause := getattr(error, "cause", None):
        return status_of(cause)
    code = getattr(error, "code", None)
    if isinstance(code, int):
        return int(code)
    answer = getattr(error, "response", None)
    return int(getattr(answer, "status_code", 0) or 0)


def is_damaged(error: BaseException) -> bool:
    """Whether the store has an object that is not what was sent."""
    return type(error).__name__ == "DataCorruption"


def explained(error: Exception, what: str, where: str) -> RepositoryError:
    """`error`, met while doing `what`, as an error of ours; `where` describes the repository."""
    status, name = status_of(error), type(error).__name__
    if status == 404 and "bucket does not exist" in _said(error):
        hint = "check the bucket's name, or create it first"
        return RepositoryError(f"{what}: there is no such bucket", where=where, why=str(error), hint=hint)
    if status == 404:
        return ObjectNotFound(f"{what}: there is no such object", where=where)
    if status == 412:
        return AlreadyExists(f"{what}: there is already an object", where=where)
    if name == "DefaultCredentialsError":
        hint = "set service_account_file, or GOOGLE_APPLICATION_CREDENTIALS on this machine"
        return RepositoryError(f"{what}: no credentials were found", where=where, why=str(error), hint=hint)
    if name == "RefreshError":
        return RepositoryError(
            f"{what}: the credentials are not accepted",
            where=where,
            why=str(error),
            hint=f"{_KEY}; a clock that is minutes wrong (timedatectl) has the same effect",
        )
    if is_damaged(error):
        hint = "check the link and the memory of this machine, then run again"
        return RepositoryError(f"{what}: what arrived is not what was sent", where=where, why=str(error), hint=hint)
    if status == 0:
        hint = "check the network and the repository's endpoint, then run again"
        return RepositoryError(f"{what}: the store does not answer", where=where, why=str(error), hint=hint)
    otherwise = ("the store was not available for too long", "run again later") if status >= 500 else None
    cause, hint = _HINTS.get(status) or otherwise or (f"the store answered {status}", "")
    return RepositoryError(f"{what}: {cause}", where=where, why=str(error), hint=hint)


def _said(error: BaseException) -> str:
    """The error's own words, and the store's where Google's package leaves them out."""
    return f"{error} {getattr(getattr(error, 'response', None), 'text', '')}"
