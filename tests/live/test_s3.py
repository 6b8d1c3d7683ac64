"""What an object store may do to us, and what is said about it."""

from __future__ import annotations

import io
import tracemalloc
from datetime import timedelta
from typing import Any

import pytest

from runner.errors import AlreadyExists, RepositoryError
from runner.repositories.contract import Part, SentPart
from runner.secret import Secret
from tests.support.httpfaults import HttpFault, http_faults
from tests.support.objectstore import ObjectStore
from tests.support.repositories import SMALLEST_PART, in_bucket

pytestmark = pytest.mark.live


@pytest.fixture
def bucket(object_store: ObjectStore) -> str:
    return object_store.create_bucket()


@pytest.mark.parametrize(
    ("changed", "message", "hint"),
    [
        ({"secret_access_key": Secret("wrong")}, "the secret access key is wrong", "check access_key_id"),
        ({"access_key_id": Secret("AKIANOBODY")}, "the access key is not known", "check access_key_id"),
        ({"bucket": "no-such-bucket"}, "there is no such bucket", "create it first"),
        ({"endpoint": "http://127.0.0.1:1"}, "nothing answers at the endpoint", "check the repository's endpoint"),
        ({"profile": "no-such-profile"}, "the profile does not exist", "~/.aws/credentials"),
    ],
)
def test_what_is_wrong_with_the_settings_is_said(
    object_store: ObjectStore, bucket: str, changed: dict[str, Any], message: str, hint: str
) -> None:
    repository = in_bucket(object_store, bucket, **changed)
    for use in (
        lambda: list(repository.list("")),
        lambda: repository.put_if_absent("key", b"x"),
        lambda: repository.begin("key"),
    ):
        with pytest.raises(RepositoryError) as failed:
            use()
        assert message in failed.value.message
        assert hint in failed.value.hint
        assert object_store.secret_access_key not in str(failed.value) + failed.value.why


def test_a_clock_that_is_wrong_is_said(object_store: ObjectStore, bucket: str) -> None:
    fault = HttpFault("answer", method="GET", status=403, presigned=False, code="RequestTimeTooSkewed")
    with (
        http_faults(("127.0.0.1", object_store.port), fault) as proxy,
        pytest.raises(RepositoryError, match="clock differs too much") as failed,
    ):
        list(in_bucket(object_store, bucket, endpoint=proxy.endpoint).list(""))
    assert "set the clock" in failed.value.hint


@pytest.mark.parametrize("kind", ["answer", "lose the reply"])
def test_put_if_absent_survives_a_bad_moment(object_store: ObjectStore, bucket: str, kind: Any) -> None:
    fault = HttpFault(kind, method="PUT", presigned=False, times=1)
    with http_faults(("127.0.0.1", object_store.port), fault) as proxy:
        repository = in_bucket(object_store, bucket, endpoint=proxy.endpoint)
        repository.put_if_absent("service/id/manifest.json", b"mine")
        assert fault.hit == 1
        with pytest.raises(AlreadyExists):
            repository.put_if_absent("service/id/manifest.json", b"another")


def test_put_if_absent_takes_no_others_object_for_its_own(object_store: ObjectStore, bucket: str) -> None:
    in_bucket(object_store, bucket).put_if_absent("key", b"another")
    fault = HttpFault("lose the reply", method="PUT", presigned=False, times=1)
    with http_faults(("127.0.0.1", object_store.port), fault) as proxy, pytest.raises(AlreadyExists):
        in_bucket(object_store, bucket, endpoint=proxy.endpoint).put_if_absent("key", b"mine")


def test_a_lost_reply_to_the_completion_is_no_failure(object_store: ObjectStore, bucket: str) -> None:
    data = b"x" * (2 * SMALLEST_PART)
    with http_faults(("127.0.0.1", object_store.port)) as proxy:
        repository = in_bucket(object_store, bucket, endpoint=proxy.endpoint)
        upload = repository.begin("key")
        parts = [upload.send(1, data[:SMALLEST_PART]), upload.send(2, data[SMALLEST_PART:])]
        proxy.fault = HttpFault("lose the reply", method="POST", presigned=False, times=1)
        upload.complete(parts)
    with in_bucket(object_store, bucket).get("key") as source:
        assert source.read() == data


def test_parts_that_do_not_fit_are_never_completed(object_store: ObjectStore, bucket: str) -> None:
    upload = in_bucket(object_store, bucket).begin("key")
    good = upload.send(1, b"data")
    damaged = SentPart(Part(1, 4, "0" * 32, "0" * 64), good.etag)
    for wrong in ([damaged], [], [good, good], [SentPart(Part(2, 4, good.part.md5, ""), good.etag)]):
        with pytest.raises(RepositoryError):
            upload.complete(wrong)
    upload.abort()
    upload.abort()
    assert object_store.keys(bucket) == [] == object_store.open_uploads(bucket)


def test_an_upload_left_open_is_swept_and_one_under_way_is_not(object_store: ObjectStore, bucket: str) -> None:
    repository = in_bucket(object_store, bucket)
    repository.begin("service/id/object").send(1, b"data")
    assert repository.sweep(timedelta(hours=1)) == 0
    assert repository.sweep(timedelta(0)) == 1
    assert object_store.open_uploads(bucket) == []


def test_a_sweep_keeps_to_its_prefix(object_store: ObjectStore, bucket: str) -> None:
    in_bucket(object_store, bucket, prefix="others").begin("key").send(1, b"data")
    assert in_bucket(object_store, bucket, prefix="mine").sweep(timedelta(0)) == 0
    assert object_store.open_uploads(bucket) == ["others/key"]


def test_a_long_stream_needs_the_memory_of_a_few_parts(object_store: ObjectStore, bucket: str) -> None:
    class Endless(io.RawIOBase):
        left = 60_000_000

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            given = min(len(buffer), self.left)
            self.left -= given
            return given

    repository = in_bucket(object_store, bucket)
    repository.put("first", io.BytesIO(b"so that the client's own modules are not counted"))
    tracemalloc.start()
    try:
        stored = repository.put("key", io.BufferedReader(Endless(), 65536))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert stored.size == 60_000_000
    assert peak < 6 * SMALLEST_PART


@pytest.mark.parametrize(("number", "size"), [(1, 5), (2000, 5), (2001, 10), (4001, 20), (10_000, 80)])
def test_parts_grow_so_that_ten_thousand_reach_far(
    object_store: ObjectStore, bucket: str, number: int, size: int
) -> None:
    assert in_bucket(object_store, bucket).part_size(number) == size * 1024 * 1024


@pytest.mark.parametrize("part_size", [0, 1024, 6 * 1024**3])
def test_a_part_size_no_store_takes_is_refused(object_store: ObjectStore, bucket: str, part_size: int) -> None:
    with pytest.raises(RepositoryError, match="part_size must be"):
        in_bucket(object_store, bucket, part_size=part_size)
