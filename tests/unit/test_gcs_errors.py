"""What goes wrong at Google's is said with what to do; without its packages the way to them is told."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from runner.errors import AlreadyExists, ObjectNotFound, RepositoryError, SentraPlayError
from runner.repositories import gcs_errors
from runner.repositories.gcs import GcsRepository, GcsSettings


class Answer(Exception):
    """As google.api_core raises them."""

    def __init__(self, code: int, text: str = "") -> None:
        super().__init__(text)
        self.code = code


class Response(Exception):
    """As the uploads raise them: with the whole answer."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__("Request failed with status code")
        self.response = SimpleNamespace(status_code=status, text=text)


class Given(Exception):
    """What was repeated in vain."""

    def __init__(self, cause: Exception) -> None:
        super().__init__("Timeout exceeded")
        self.cause = cause


@pytest.mark.parametrize(
    ("error", "words", "hint"),
    [
        (Answer(401), "credentials are not accepted", "service account"),
        (Answer(403), "may not do that", "Storage Object Admin"),
        (Answer(429), "slow down", "later"),
        (Answer(502), "not available for too long", "later"),
        (Answer(418), "answered 418", ""),
        (Given(Answer(503)), "not available for too long", "later"),
        (Answer(404, "The specified bucket does not exist."), "no such bucket", "create it"),
        (Response(404, "The specified bucket does not exist."), "no such bucket", "create it"),
        (Given(ConnectionError("refused")), "does not answer", "endpoint"),
    ],
)
def test_every_answer_is_told_with_what_to_do(error: Exception, words: str, hint: str) -> None:
    found = gcs_errors.explained(error, "storing key", "gs://bucket")
    assert type(found) is RepositoryError
    assert found.message.startswith("storing key: ") and words in found.message and found.where == "gs://bucket"
    assert hint in found.hint


def test_absence_and_presence_are_errors_of_their_own() -> None:
    assert type(gcs_errors.explained(Answer(404), "x", "y")) is ObjectNotFound
    assert type(gcs_errors.explained(Answer(412), "x", "y")) is AlreadyExists


def test_without_googles_packages_the_way_to_them_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "google.api_core.exceptions", None)
    gcs_errors.kinds.cache_clear()
    with pytest.raises(SentraPlayError, match="google-cloud-storage, which is not installed") as failed:
        list(GcsRepository("google", GcsSettings("bucket")).list(""))
    assert "sentraplay[gcs]" in failed.value.hint
    gcs_errors.kinds.cache_clear()
