"""A host sends to Google's store and fetches from it by itself: in order, resumable, and with no key."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from runner.backup.transfer import fetch, store
from runner.errors import RepositoryError, VerificationFailed
from runner.hosts.contract import CommandFailed, Host, Pipeline, Script, command
from runner.repositories.contract import StoredObject, Transfer
from runner.repositories.gcs import GcsRepository
from runner.repositories.gcs_client import Account
from runner.secret import Secret
from tests.support.gcs import GoogleStore
from tests.support.httpfaults import HttpFault, http_faults
from tests.support.proxy import Fault, FaultProxy
from tests.support.repositories import in_google

pytestmark = [pytest.mark.live, pytest.mark.timeout(180)]
MEBIBYTE = 1024 * 1024
KEY = "service/id/object"


@pytest.fixture
def bucket(google_store: GoogleStore) -> str:
    return google_store.create_bucket()


def itself(google: GoogleStore, bucket: str, endpoint: str = "", **changed: Any) -> GcsRepository:
    """The bucket, by way of `endpoint`, for hosts that move the bytes themselves."""
    account = Account(
        service_account_contents=Secret(google.account), endpoint=endpoint or google.endpoint, patience=10
    )
    return in_google(google, bucket, **{"account": account, "transfer": Transfer.TARGET, **changed})


def producer(size: int) -> Script:
    return Script('yes "some text" | head -c "$1"', (str(size),))


def expected(size: int) -> str:
    return hashlib.sha256((b"some text\n" * (size // 10 + 1))[:size]).hexdigest()


def content(repository: GcsRepository) -> bytes:
    with repository.get(KEY) as source:
        return source.read()


@pytest.mark.parametrize("size", [0, 1, MEBIBYTE - 1, MEBIBYTE, MEBIBYTE + 1, 2 * MEBIBYTE, 5 * MEBIBYTE + 3])
def test_a_stream_of_any_size_arrives_whole(host: Host, google_store: GoogleStore, bucket: str, size: int) -> None:
    repository = itself(google_store, bucket)
    done = store(host, producer(size), repository, KEY)
    assert (done.way, done.stored) == ("target", StoredObject(KEY, size, expected(size)))
    assert hashlib.sha256(content(repository)).hexdigest() == expected(size)


def test_a_producer_that_fails_leaves_nothing(host: Host, google_store: GoogleStore, bucket: str) -> None:
    broken = Pipeline((Script('yes | head -c "$1"; exit 3', (str(4 * MEBIBYTE),)), command("cat")))
    with pytest.raises(CommandFailed):
        store(host, broken, itself(google_store, bucket), KEY)
    assert google_store.keys(bucket) == []


@pytest.mark.parametrize("kind", ["answer", "lose the reply"])
@pytest.mark.parametrize("hit", [1, 2, 3, 4, 5, 6])
def test_a_bad_moment_at_any_request_is_survived(
    host: Host, google_store: GoogleStore, bucket: str, kind: Any, hit: int
) -> None:
    """Chunks and questions how much has arrived are both PUT."""
    size, count = 3 * MEBIBYTE + 5, 0
    with http_faults(("127.0.0.1", google_store.port)) as proxy:

        def seen(method: str, path: str) -> None:
            nonlocal count
            count += method == "PUT"
            proxy.fault = HttpFault(kind, presigned=False, times=1) if count == hit else None

        proxy.seen = seen
        done = store(host, producer(size), itself(google_store, bucket, proxy.endpoint), KEY)
    assert count >= hit and done.way == "target"
    assert hashlib.sha256(content(itself(google_store, bucket))).hexdigest() == expected(size)


def test_of_a_chunk_that_was_cut_off_only_the_rest_is_sent_again(
    host: Host, google_store: GoogleStore, bucket: str, fault_proxy: Callable[..., FaultProxy]
) -> None:
    """Every link is cut after 600,000 bytes: only who goes on where the store is can send chunks of 1 MiB at all."""
    size = 3 * MEBIBYTE + 700_000
    proxy = fault_proxy(("127.0.0.1", google_store.port), Fault(cut_up=600_000, reset=False))
    assert store(host, producer(size), itself(google_store, bucket, proxy.url), KEY).way == "target"
    assert hashlib.sha256(content(itself(google_store, bucket))).hexdigest() == expected(size)


def test_bytes_that_change_on_the_way_are_found_and_not_kept(
    host: Host, google_store: GoogleStore, bucket: str
) -> None:
    fault = HttpFault("flip a byte", presigned=False, times=1)
    with http_faults(("127.0.0.1", google_store.port), fault) as proxy:
        with pytest.raises(VerificationFailed, match="does not have what was sent"):
            store(host, producer(3 * MEBIBYTE), itself(google_store, bucket, proxy.endpoint), KEY)
        assert fault.hit == 1
    assert google_store.keys(bucket) == []


def test_a_store_that_stays_away_ends_it_and_nothing_is_kept(
    host: Host, google_store: GoogleStore, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.backup.sending._LONGEST_PAUSE", 0.1)
    fault = HttpFault("answer", presigned=False)
    refused = pytest.raises(RepositoryError, match="not known any more: 503")
    with http_faults(("127.0.0.1", google_store.port), fault) as proxy, refused:
        store(host, producer(3 * MEBIBYTE), itself(google_store, bucket, proxy.endpoint), KEY)
    assert google_store.keys(bucket) == []


@pytest.mark.parametrize("size", [0, 5, 33 * MEBIBYTE])
def test_a_host_fetches_by_signed_addresses(
    host: Host, google_store: GoogleStore, bucket: str, size: int, tmp_path: Path
) -> None:
    repository = itself(google_store, bucket)
    stored = store(host, producer(size), repository, KEY).stored
    assert fetch(repository, stored, host, str(tmp_path / "file")) == "target"
    assert hashlib.sha256((tmp_path / "file").read_bytes()).hexdigest() == expected(size)


def test_the_key_never_reaches_the_host(host: Host, google_store: GoogleStore, bucket: str, tmp_path: Path) -> None:
    repository = itself(google_store, bucket)
    stored = store(host, producer(MEBIBYTE), repository, KEY).stored
    assert repository.address_to_get(KEY, timedelta(minutes=1)).url.reveal().count("X-Goog-Signature") == 1
    before = len(google_store.log.splitlines())
    fetch(repository, stored, host, str(tmp_path / "file"))
    requests = google_store.log.splitlines()[before:]
    assert requests and all("X-Goog-Signature" in line for line in requests if " /bucket-" in line or "GET" in line)


def test_an_address_is_good_for_its_time_and_its_object_alone(google_store: GoogleStore, bucket: str) -> None:
    import urllib.error
    import urllib.request

    repository = itself(google_store, bucket)
    repository.put_if_absent(KEY, b"content")
    good = repository.address_to_get(KEY, timedelta(minutes=1)).url.reveal()
    with urllib.request.urlopen(good) as answer:
        assert answer.read() == b"content"
    for bad in (good.replace(KEY, "service/id/other"), good.replace("X-Goog-Expires=60", "X-Goog-Expires=6000")):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(bad)


def test_without_being_told_the_controller_moves_the_bytes(host: Host, google_store: GoogleStore, bucket: str) -> None:
    done = store(host, producer(5), in_google(google_store, bucket), KEY)
    assert done.way == "relay" and "transfer: relay" in done.reason


def test_an_account_that_cannot_sign_is_relayed_or_said(
    host: Host, google_store: GoogleStore, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.repositories.gcs.can_sign", lambda client: False)
    monkeypatch.setattr("runner.repositories.gcs_client.can_sign", lambda client: False)
    relayed = itself(google_store, bucket, transfer=Transfer.AUTO)
    assert store(host, producer(5), relayed, KEY).way == "relay"
    with pytest.raises(RepositoryError, match="cannot sign addresses") as failed:
        store(host, producer(5), itself(google_store, bucket), KEY)
    assert "service_account_file" in failed.value.hint


def test_what_is_locked_from_its_beginning_is_locked_when_a_host_sends_it(
    host: Host, google_store: GoogleStore
) -> None:
    from runner.repositories.gcs_locking import LockingGcsRepository, Retention
    from tests.support.repositories import google_settings

    bucket = google_store.create_bucket(versioning=True, retention=True)
    settings = replace(google_settings(google_store, bucket), transfer=Transfer.TARGET)
    repository = LockingGcsRepository("google", settings, Retention(False, timedelta(days=1)))
    assert store(host, producer(3 * MEBIBYTE), repository, KEY).way == "target"
    assert repository.lock(KEY).until is not None
