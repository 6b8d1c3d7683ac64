"""What goes wrong with an S3 store, said so that somebody can act on it.

Goes by the codes of the S3 protocol and by the names of botocore's exceptions, so that reading
about errors costs no import of botocore.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from runner.errors import AlreadyExists, ObjectNotFound, RepositoryError

_CREDENTIALS: Final = (
    "check access_key_id and secret_access_key of the repository, and that they belong to this endpoint"
)
_HINTS: Final[Mapping[str, tuple[str, str]]] = {
    "SignatureDoesNotMatch": ("the secret access key is wrong", _CREDENTIALS),
    "InvalidAccessKeyId": ("the access key is not known there", _CREDENTIALS),
    "AccessDenied": (
        "these credentials may not do that",
        "the key needs to list, read, write and delete under the prefix",
    ),
    "403": ("these credentials may not do that", _CREDENTIALS),
    "ExpiredToken": ("the session token has expired", "get new temporary credentials and run again"),
    "InvalidToken": ("the session token is not valid", "get new temporary credentials and run again"),
    "NoSuchBucket": ("there is no such bucket", "check the bucket's name and region, or create it first"),
    "BucketNotEmpty": ("the bucket is not empty", "remove what is in it first, versions included; nothing was removed"),
    "RequestTimeTooSkewed": (
        "this machine's clock differs too much from the store's",
        "set the clock (timedatectl set-ntp true) and run again",
    ),
    "PermanentRedirect": ("the bucket is in another region", "set the repository's region to the bucket's"),
    "AuthorizationHeaderMalformed": ("the bucket is in another region", "set the repository's region to the bucket's"),
    "EntityTooLarge": ("the object is larger than the store allows", "raise the repository's part_size"),
    "InvalidPart": ("a part the store should hold is missing or differs", "run again; nothing of it was kept"),
    "SlowDown": ("the store asks to slow down and did so for too long", "run again later"),
    "ServiceUnavailable": ("the store was not available for too long", "run again later"),
    "BadDigest": (
        "what arrived is not what was sent",
        "check the link and the memory of both machines, then run again",
    ),
    "NoCredentialsError": ("no credentials were found", "set access_key_id and secret_access_key of the repository"),
    "PartialCredentialsError": ("the credentials are incomplete", "set both access_key_id and secret_access_key"),
    "ProfileNotFound": ("the profile does not exist", "check the repository's profile and ~/.aws/credentials"),
    "NoRegionError": ("no region is set", "set the repository's region"),
    "EndpointConnectionError": ("nothing answers at the endpoint", "check the repository's endpoint and that it is up"),
    "ConnectTimeoutError": ("the endpoint does not answer in time", "check the repository's endpoint and the network"),
    "SSLError": (
        "the endpoint's certificate is not trusted",
        "set the repository's ca_bundle to the right certificates",
    ),
    "ParamValidationError": ("the repository's settings are not valid", "check bucket, prefix and region"),
}


def code_of(error: Exception) -> str:
    """The S3 error code, else the name of the exception."""
    response = getattr(error, "response", None)
    if isinstance(response, Mapping):
        return str(response.get("Error", {}).get("Code", "")) or type(error).__name__
    return type(error).__name__


def status_of(error: Exception) -> int:
    """The HTTP status, 0 if there was no answer."""
    response: Any = getattr(error, "response", None)
    if not isinstance(response, Mapping):
        return 0
    return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def explained(error: Exception, what: str, where: str) -> RepositoryError:
    """`error`, met while doing `what`, as an error of ours; `where` describes the repository."""
    code = code_of(error)
    if code in {"NoSuchKey", "NotFound", "404"}:
        return ObjectNotFound(message=f"{what}: there is no such object", where=where)
    if code == "PreconditionFailed":
        return AlreadyExists(message=f"{what}: there is already an object", where=where)
    cause, hint = _HINTS.get(code, (f"the store answered {code}", ""))
    return RepositoryError(message=f"{what}: {cause}", where=where, why=str(error), hint=hint)
