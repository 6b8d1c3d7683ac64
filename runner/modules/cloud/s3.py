"""A connection to an S3-compatible store, and its errors as ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from runner.frozen import frozen
from runner.repositories.s3_errors import code_of, explained, status_of
from runner.secret import Secret


@frozen
class Connection:
    """Where the store is and whose keys are used; without keys boto3's usual places are asked."""

    endpoint_url: str | None
    region: str
    access_key: Secret | None
    secret_key: Secret | None
    session_token: Secret | None
    profile: str | None

    @property
    def where(self) -> str:
        """The store, for messages."""
        return self.endpoint_url or f"Amazon S3, {self.region}"


class Store:
    """Calls of the S3 protocol by their names in boto3; RepositoryError tells what to do about a refusal."""

    def __init__(self, connection: Connection) -> None:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError

        self.where = connection.where
        self._errors = (BotoCoreError, ClientError)
        config = Config(
            signature_version="s3v4",
            s3={"addressing_style": "path" if connection.endpoint_url else "auto"},
            retries={"total_max_attempts": 5, "mode": "standard"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        with self.explained("opening the store"):
            session = boto3.session.Session(profile_name=connection.profile)
            self.client = session.client(
                "s3",
                endpoint_url=connection.endpoint_url,
                region_name=connection.region,
                aws_access_key_id=_revealed(connection.access_key),
                aws_secret_access_key=_revealed(connection.secret_key),
                aws_session_token=_revealed(connection.session_token),
                config=config,
            )

    def call(self, what: str, **arguments: Any) -> dict[str, Any]:
        """The answer."""
        with self.explained(what.replace("_", " ")):
            found: dict[str, Any] = getattr(self.client, what)(**arguments)
        return found

    def ask(self, what: str, **arguments: Any) -> dict[str, Any] | None:
        """The answer; None if the store says that there is none (404)."""
        with self.explained(what.replace("_", " ")):
            try:
                found: dict[str, Any] = getattr(self.client, what)(**arguments)
            except self._errors as error:
                if status_of(error) == 404 or code_of(error).startswith("NoSuch"):
                    return None
                raise
        return found

    @contextmanager
    def explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except self._errors as error:
            raise explained(error, what, self.where) from error

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()


def _revealed(secret: Secret | None) -> str | None:
    return None if secret is None else secret.reveal()
