"""Google Cloud Storage on a bad day: what is stored is whole or not there, and an error says what to do."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runner.errors import AlreadyExists, ObjectNotFound, RepositoryError
from runner.repositories.gcs import GcsRepository
from runner.repositories.gcs_client import Account
from runner.secret import Secret
from tests.support.gcs import GoogleStore
from tests.support.httpfaults import HttpFault, http_faults
from tests.support.proxy import Fault, FaultProxy
from tests.support.repositories import in_google

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]
MEBIBYTE = 1024 * 1024


@pytest.fixture
def bucket(google_store: GoogleStore) -> str:
    return google_store.create_bucket()


def through(store: GoogleStore, bucket: str, endpoint: str, patience: int = 10) -> GcsRepository:
    """The bucket by way of `endpoint`."""
    account = Account(service_account_contents=Secret(store.account), endpoint=endpoint, patience=patience)
    return in_google(store, bucket, account=account)


def content(repository: GcsRepository, key: str) -> bytes:
    with repository.get(key) as source:
        return source.read()


def test_a_wrong_key_is_said_and_not_shown(google_store: GoogleStore, bucket: str) -> None:
    stranger = google_store.stranger
    account = Account(service_account_contents=Secret(stranger), endpoint=google_store.endpoint)
    with pytest.raises(RepositoryError, match="credentials are not accepted") as failed:
        in_google(google_store, bucket, account=account).put("key", io.BytesIO(b"x"))
    assert "clock" in failed.value.hint
    assert "PRIVATE KEY" not in str(failed.value) + failed.value.why


@pytest.mark.parametrize("text", ["not JSON", "[]", "{}", '{"type": "service_account"}'])
def test_what_is_no_key_is_said(google_store: GoogleStore, bucket: str, text: str, tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    file.write_text(text)
    account = Account(service_account_file=str(file), endpoint=google_store.endpoint)
    with pytest.raises(RepositoryError, match="key cannot be used") as failed:
        list(in_google(google_store, bucket, account=account).list(""))
    assert str(file) in failed.value.where and failed.value.hint


def test_a_missing_key_file_is_said(google_store: GoogleStore, bucket: str, tmp_path: Path) -> None:
    account = Account(service_account_file=str(tmp_path / "nothing.json"))
    with pytest.raises(RepositoryError, match="key cannot be used") as failed:
        list(in_google(google_store, bucket, account=account).list(""))
    assert "No such file" in failed.value.why


def test_no_credentials_at_all_are_said(
    google_store: GoogleStore, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    with pytest.raises(RepositoryError, match="no credentials were found") as failed:
        list(in_google(google_store, bucket, account=Account(endpoint=google_store.endpoint)).list(""))
    assert "service_account_file" in failed.value.hint


@pytest.mark.parametrize("use", ["list", "put", "put large", "put_if_absent", "get"])
def test_a_missing_bucket_is_not_taken_for_a_missing_object(google_store: GoogleStore, use: str) -> None:
    repository = in_google(google_store, "nobody-made-this")
    uses: dict[str, Callable[[], Any]] = {
        "list": lambda: list(repository.list("")),
        "put": lambda: repository.put("key", io.BytesIO(b"x")),
        "put large": lambda: repository.put("key", io.BytesIO(b"x" * (2 * MEBIBYTE))),
        "put_if_absent": lambda: repository.put_if_absent("key", b"x"),
        "get": lambda: content(repository, "key"),
    }
    with pytest.raises(RepositoryError, match="no such bucket") as failed:
        uses[use]()
    assert not isinstance(failed.value, ObjectNotFound)


def test_nobody_at_the_endpoint_is_said(google_store: GoogleStore, bucket: str) -> None:
    with pytest.raises(RepositoryError, match="does not answer") as failed:
        list(through(google_store, bucket, "http://127.0.0.1:1", patience=1).list(""))
    assert "endpoint" in failed.value.hint


@pytest.mark.parametrize("status", [429, 503])
def test_a_store_that_is_busy_for_a_moment_is_asked_again(google_store: GoogleStore, bucket: str, status: int) -> None:
    data = os.urandom(3 * MEBIBYTE + 5)
    for method in ("POST", "PUT"):
        fault = HttpFault("answer", method=method, status=status, presigned=False, times=2)
        with http_faults(("127.0.0.1", google_store.port), fault) as proxy:
            stored = through(google_store, bucket, proxy.endpoint).put(method, io.BytesIO(data))
            assert fault.hit == 2
        assert stored.sha256 == hashlib.sha256(data).hexdigest()
        assert content(in_google(google_store, bucket), method) == data


def test_a_store_that_stays_busy_is_said_and_keeps_nothing(google_store: GoogleStore, bucket: str) -> None:
    fault = HttpFault("answer", method="PUT", status=503, presigned=False)
    with http_faults(("127.0.0.1", google_store.port), fault) as proxy:
        with pytest.raises(RepositoryError, match="not available for too long") as failed:
            through(google_store, bucket, proxy.endpoint, patience=2).put("key", io.BytesIO(b"x" * (3 * MEBIBYTE)))
        assert failed.value.hint
    assert google_store.keys(bucket) == []


@pytest.mark.parametrize("kind", ["answer", "lose the reply"])
def test_put_if_absent_survives_a_bad_moment(google_store: GoogleStore, bucket: str, kind: Any) -> None:
    fault = HttpFault(kind, method="POST", presigned=False, times=1)
    with http_faults(("127.0.0.1", google_store.port), fault) as proxy:
        repository = through(google_store, bucket, proxy.endpoint)
        repository.put_if_absent("service/id/manifest.json", b"mine")
        assert fault.hit == 1
        with pytest.raises(AlreadyExists):
            repository.put_if_absent("service/id/manifest.json", b"another")


def test_put_if_absent_takes_no_others_object_for_its_own(google_store: GoogleStore, bucket: str) -> None:
    in_google(google_store, bucket).put_if_absent("key", b"another")
    fault = HttpFault("lose the reply", method="POST", presigned=False, times=1)
    with http_faults(("127.0.0.1", google_store.port), fault) as proxy, pytest.raises(AlreadyExists):
        through(google_store, bucket, proxy.endpoint).put_if_absent("key", b"mine")


@pytest.mark.parametrize("lost", [1, 2, 4])
def test_a_reply_lost_after_a_chunk_was_stored_is_no_failure(google_store: GoogleStore, bucket: str, lost: int) -> None:
    data = os.urandom(3 * MEBIBYTE + 5)
    with http_faults(("127.0.0.1", google_store.port)) as proxy:
        count = 0

        def seen(method: str, path: str) -> None:
            nonlocal count
            count += method == "PUT"
            proxy.fault = HttpFault("lose the reply", presigned=False, times=1) if count == lost else None

        proxy.seen = seen
        through(google_store, bucket, proxy.endpoint).put("key", io.BytesIO(data))
        assert count == 5, "of the four chunks one came twice"
    assert content(in_google(google_store, bucket), "key") == data


@pytest.mark.parametrize("size", [5, 3 * MEBIBYTE + 5])
def test_what_arrives_damaged_is_an_error_and_does_not_stay(google_store: GoogleStore, bucket: str, size: int) -> None:
    fault = HttpFault("flip a byte", method="PUT" if size > MEBIBYTE else "POST", presigned=False)
    with http_faults(("127.0.0.1", google_store.port), fault) as proxy, pytest.raises(RepositoryError) as failed:
        through(google_store, bucket, proxy.endpoint).put("key", io.BytesIO(b"x" * size))
    assert fault.hit and failed.value.message
    assert google_store.keys(bucket) == []


def test_a_link_cut_within_a_chunk_sends_that_chunk_again_and_no_other(
    google_store: GoogleStore, bucket: str, fault_proxy: Callable[..., FaultProxy]
) -> None:
    data = os.urandom(6 * MEBIBYTE)
    proxy = fault_proxy(("127.0.0.1", google_store.port), Fault(cut_up=3 * MEBIBYTE + 300_000, times=1))
    through(google_store, bucket, proxy.url).put("key", io.BytesIO(data))
    assert proxy.connections > 1
    assert proxy.bytes_up < 7.2 * MEBIBYTE
    assert content(in_google(google_store, bucket), "key") == data


def test_a_link_cut_while_reading_goes_on(
    google_store: GoogleStore, bucket: str, fault_proxy: Callable[..., FaultProxy]
) -> None:
    data = os.urandom(6 * MEBIBYTE)
    in_google(google_store, bucket).put("key", io.BytesIO(data))
    proxy = fault_proxy(("127.0.0.1", google_store.port), Fault(cut_down=3 * MEBIBYTE + 300_000, times=1))
    assert content(through(google_store, bucket, proxy.url), "key") == data
    assert proxy.connections > 1


def test_a_link_that_breaks_for_good_leaves_nothing(
    google_store: GoogleStore, bucket: str, fault_proxy: Callable[..., FaultProxy]
) -> None:
    proxy = fault_proxy(("127.0.0.1", google_store.port), Fault(cut_up=300_000))
    with pytest.raises(RepositoryError, match="does not answer"):
        through(google_store, bucket, proxy.url, patience=2).put("key", io.BytesIO(b"x" * (3 * MEBIBYTE)))
    assert google_store.keys(bucket) == []
