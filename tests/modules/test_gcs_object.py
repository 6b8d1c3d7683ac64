"""gcs_object: files of the controller into a bucket of Google's and back, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runner.errors import RepositoryError, TaskFailed, VerificationFailed
from tests.modules.bed import Bench
from tests.support.gcs import GoogleStore

MEBIBYTE = 1024 * 1024


@pytest.fixture
def asked(google_store: GoogleStore) -> dict[str, Any]:
    """A bucket, and how to reach the store."""
    return {
        "bucket": google_store.create_bucket(),
        "endpoint_url": google_store.endpoint,
        "service_account_contents": google_store.account,
    }


def put(store: GoogleStore, asked: dict[str, Any], key: str, data: bytes, **metadata: str) -> None:
    """Store an object as somebody else would."""
    blob = store.client.bucket(asked["bucket"]).blob(key)
    blob.metadata = metadata or None
    blob.upload_from_string(data)


@pytest.mark.parametrize("size", [0, 10, 9 * MEBIBYTE], ids=["empty", "small", "in parts"])
def test_a_file_is_put_and_got_back(
    own_bench: Bench, asked: dict[str, Any], controller: Path, tmp_path: Path, size: int
) -> None:
    (controller / "report").write_bytes(b"r" * size)
    own_bench.settle("gcs_object", **asked, object="reports/one", src="report")
    back = tmp_path / "back"
    outcome = own_bench.settle("gcs_object", **asked, object="reports/one", mode="get", dest=str(back))
    assert outcome.data["fetched"] == ["reports/one"]
    assert back.read_bytes() == b"r" * size


def test_a_changed_file_is_put_again(own_bench: Bench, asked: dict[str, Any], controller: Path) -> None:
    (controller / "report").write_bytes(b"old")
    own_bench.apply("gcs_object", **asked, object="one", src="report")
    (controller / "report").write_bytes(b"new")
    assert own_bench.settle("gcs_object", **asked, object="one", src="report").data["sent"] == ["one"]


def test_an_object_somebody_else_put_is_compared_by_its_md5(
    own_bench: Bench, asked: dict[str, Any], controller: Path, google_store: GoogleStore
) -> None:
    put(google_store, asked, "one", b"same")
    (controller / "report").write_bytes(b"same")
    assert not own_bench.apply("gcs_object", **asked, object="one", src="report").changed


def test_a_directory_is_synchronised_and_strangers_go_only_when_asked(
    own_bench: Bench, asked: dict[str, Any], controller: Path, google_store: GoogleStore
) -> None:
    tree = controller / "reports"
    (tree / "deep").mkdir(parents=True)
    (tree / "a").write_text("a")
    (tree / "deep" / "b").write_text("b")
    put(google_store, asked, "kept/old", b"x")
    put(google_store, asked, "kept-too/old", b"x")
    own_bench.settle("gcs_object", **asked, object="kept", mode="sync", src="reports")
    assert google_store.keys(asked["bucket"]) == ["kept-too/old", "kept/a", "kept/deep/b", "kept/old"]
    outcome = own_bench.settle("gcs_object", **asked, object="kept", mode="sync", src="reports", delete=True)
    assert outcome.data["deleted"] == ["kept/old"]
    assert google_store.keys(asked["bucket"]) == ["kept-too/old", "kept/a", "kept/deep/b"]


def test_an_object_is_deleted_once(own_bench: Bench, asked: dict[str, Any], google_store: GoogleStore) -> None:
    put(google_store, asked, "one", b"x")
    assert own_bench.settle("gcs_object", **asked, object="one", mode="absent").data["deleted"] == ["one"]


def test_what_arrives_damaged_takes_nobodys_place(
    own_bench: Bench, asked: dict[str, Any], controller: Path, tmp_path: Path, google_store: GoogleStore
) -> None:
    put(google_store, asked, "one", b"flipped", **{"sentraplay-sha256": "0" * 64})
    back = tmp_path / "back"
    back.write_text("what was there")
    with pytest.raises(VerificationFailed, match="did not arrive whole"):
        own_bench.apply("gcs_object", **asked, object="one", mode="get", dest=str(back))
    assert back.read_text() == "what was there"
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["back"]


def test_a_missing_object_a_missing_bucket_and_a_missing_directory_are_said(
    own_bench: Bench, asked: dict[str, Any], controller: Path, tmp_path: Path, google_store: GoogleStore
) -> None:
    with pytest.raises(RepositoryError, match="there is no object nothing"):
        own_bench.preview("gcs_object", **asked, object="nothing", mode="get", dest=str(tmp_path / "x"))
    (controller / "report").write_text("x")
    with pytest.raises(RepositoryError, match="there is no bucket nowhere"):
        own_bench.apply("gcs_object", **{**asked, "bucket": "nowhere"}, object="one", src="report")
    put(google_store, asked, "one", b"x")
    with pytest.raises(TaskFailed, match="lies in no directory"):
        own_bench.apply("gcs_object", **asked, object="one", mode="get", dest=str(tmp_path / "no" / "x"))


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
    own_bench: Bench, asked: dict[str, Any], controller: Path, arguments: dict[str, Any], message: str
) -> None:
    (controller / "report").write_text("x")
    with pytest.raises(TaskFailed, match=message):
        own_bench.preview("gcs_object", **asked, **arguments)
