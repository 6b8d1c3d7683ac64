"""s3_object and gcs_object: files of the controller into a bucket and back, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from runner.errors import RepositoryError, TaskFailed, VerificationFailed
from tests.modules.bed import Bench

MEBIBYTE = 1024 * 1024


@dataclass
class Bucket:
    """A bucket of either kind: the module for its objects, how to reach it, and a way around the module."""

    module: str
    asked: dict[str, Any]
    stored: Callable[[str, bytes, Mapping[str, str]], object]
    listed: Callable[[], list[str]]

    def put(self, key: str, data: bytes, metadata: Mapping[str, str] | None = None) -> None:
        """Store an object as somebody else would."""
        self.stored(key, data, metadata or {})


@pytest.fixture(params=["s3_object", "gcs_object"])
def bucket(request: pytest.FixtureRequest) -> Bucket:
    if request.param == "s3_object":
        store = request.getfixturevalue("object_store")
        name, client = store.create_bucket(), store.client()
        keys = {"access_key": store.access_key_id, "secret_key": store.secret_access_key}
        asked = {"bucket": name, "endpoint_url": store.endpoint, "region": store.region, **keys}
        return Bucket(
            request.param,
            asked,
            lambda key, data, said: client.put_object(Bucket=name, Key=key, Body=data, Metadata=dict(said)),
            lambda: list(store.keys(name)),
        )
    google = request.getfixturevalue("google_store")
    name = google.create_bucket()

    def put(key: str, data: bytes, said: Mapping[str, str]) -> None:
        blob = google.client.bucket(name).blob(key)
        blob.metadata = dict(said) or None
        blob.upload_from_string(data)

    asked = {"bucket": name, "endpoint_url": google.endpoint, "service_account_contents": google.account}
    return Bucket(request.param, asked, put, lambda: list(google.keys(name)))


@pytest.mark.parametrize("size", [0, 10, 9 * MEBIBYTE], ids=["empty", "small", "in parts"])
def test_a_file_is_put_and_got_back(
    own_bench: Bench, bucket: Bucket, controller: Path, tmp_path: Path, size: int
) -> None:
    (controller / "report").write_bytes(b"r" * size)
    own_bench.settle(bucket.module, **bucket.asked, object="reports/one", src="report")
    back = tmp_path / "back"
    outcome = own_bench.settle(bucket.module, **bucket.asked, object="reports/one", mode="get", dest=str(back))
    assert outcome.data["fetched"] == ["reports/one"]
    assert back.read_bytes() == b"r" * size


def test_a_changed_file_is_put_again(own_bench: Bench, bucket: Bucket, controller: Path) -> None:
    (controller / "report").write_bytes(b"old")
    own_bench.apply(bucket.module, **bucket.asked, object="one", src="report")
    (controller / "report").write_bytes(b"new")
    assert own_bench.settle(bucket.module, **bucket.asked, object="one", src="report").data["sent"] == ["one"]


def test_an_object_somebody_else_put_is_compared_all_the_same(
    own_bench: Bench, bucket: Bucket, controller: Path
) -> None:
    bucket.put("one", b"same")
    (controller / "report").write_bytes(b"same")
    assert not own_bench.apply(bucket.module, **bucket.asked, object="one", src="report").changed


def test_a_directory_is_synchronised_and_strangers_go_only_when_asked(
    own_bench: Bench, bucket: Bucket, controller: Path
) -> None:
    tree = controller / "reports"
    (tree / "deep").mkdir(parents=True)
    (tree / "a").write_text("a")
    (tree / "deep" / "b").write_text("b")
    bucket.put("kept/old", b"x")
    bucket.put("kept-too/old", b"x")
    own_bench.settle(bucket.module, **bucket.asked, object="kept", mode="sync", src="reports")
    assert bucket.listed() == ["kept-too/old", "kept/a", "kept/deep/b", "kept/old"]
    outcome = own_bench.settle(bucket.module, **bucket.asked, object="kept", mode="sync", src="reports", delete=True)
    assert outcome.data["deleted"] == ["kept/old"]
    assert bucket.listed() == ["kept-too/old", "kept/a", "kept/deep/b"]


def test_an_object_is_deleted_once(own_bench: Bench, bucket: Bucket) -> None:
    bucket.put("one", b"x")
    assert own_bench.settle(bucket.module, **bucket.asked, object="one", mode="absent").data["deleted"] == ["one"]


def test_what_arrives_damaged_takes_nobodys_place(
    own_bench: Bench, bucket: Bucket, controller: Path, tmp_path: Path
) -> None:
    bucket.put("one", b"flipped", {"sentraplay-sha256": "0" * 64})
    back = tmp_path / "back"
    back.write_text("what was there")
    with pytest.raises(VerificationFailed, match="did not arrive whole"):
        own_bench.apply(bucket.module, **bucket.asked, object="one", mode="get", dest=str(back))
    assert back.read_text() == "what was there"
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["back"]


def test_a_missing_object_a_missing_bucket_and_a_missing_directory_are_said(
    own_bench: Bench, bucket: Bucket, controller: Path, tmp_path: Path
) -> None:
    with pytest.raises(RepositoryError, match="there is no object nothing"):
        own_bench.preview(bucket.module, **bucket.asked, object="nothing", mode="get", dest=str(tmp_path / "x"))
    (controller / "report").write_text("x")
    with pytest.raises(RepositoryError, match="there is no bucket nowhere"):
        own_bench.apply(bucket.module, **{**bucket.asked, "bucket": "nowhere"}, object="one", src="report")
    bucket.put("one", b"x")
    with pytest.raises(TaskFailed, match="lies in no directory"):
        own_bench.apply(bucket.module, **bucket.asked, object="one", mode="get", dest=str(tmp_path / "no" / "x"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"object": "one"}, "needs `src`"),
        ({"src": "report"}, "needs `object`"),
        ({"object": "one", "mode": "get"}, "needs `dest`"),
        ({"mode": "absent"}, "needs `object`"),
        ({"object": "one", "src": "files"}, "is a directory"),
        ({"object": "one", "mode": "sync", "src": "report"}, "is no directory"),
    ],
)
def test_arguments_that_do_not_go_together_are_refused(
    own_bench: Bench, bucket: Bucket, controller: Path, arguments: dict[str, Any], message: str
) -> None:
    (controller / "report").write_text("x")
    with pytest.raises(TaskFailed, match=message):
        own_bench.preview(bucket.module, **bucket.asked, **arguments)
