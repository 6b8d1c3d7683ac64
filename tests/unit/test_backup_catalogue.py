"""What makes a backup one: its manifest, whole and in its place; and finding the right one."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.backup.catalogue import backups, catalogue, check_presence, find, ids, stored, sweep
from runner.backup.identity import manifest_key, new_id, object_key, parse_id
from runner.backup.manifest import BackupObject, Chain, Encryption, Manifest, Provenance, Source, from_json, to_json
from runner.backup.writer import BackupWriter, Contents
from runner.errors import AlreadyExists, ObjectNotFound, TaskFailed, VerificationFailed
from runner.hosts.contract import Host, Script
from runner.repositories.memory import MemoryRepository

WHEN = datetime(2026, 11, 23, 2, 58, 22, tzinfo=UTC)
MADE_BY = Provenance("run", "backup.yml", "", "0.1.0")
OBJECT = BackupObject("x.tar", "x", 5, hashlib.sha256(b"xxxxx").hexdigest(), "tar", "none", {"path": "/x"})


def manifest(backup_id: str = "20261123T025822Z-files-7a120c4f09c1", **changed: object) -> Manifest:
    whole = Manifest(
        id=backup_id,
        service="app",
        kind="files",
        started_at=WHEN,
        finished_at=WHEN + timedelta(seconds=9),
        restored_point=WHEN,
        consistent=False,
        source=Source("app1", "app1", "Debian"),
        made_by=MADE_BY,
        objects=(OBJECT,),
    )
    return replace(whole, **changed)  # type: ignore[arg-type]  # fields by name


def keep(repository: MemoryRepository, one: Manifest) -> Manifest:
    for entry in one.objects:
        repository.put(object_key(one.service, one.id, entry.name), io.BytesIO(b"x" * entry.size))
    repository.put_if_absent(manifest_key(one.service, one.id), to_json(one))
    return one


@pytest.fixture
def repository() -> MemoryRepository:
    return MemoryRepository("memory")


def test_a_manifest_is_read_back_equal() -> None:
    whole = manifest(row_counts={"public.scans": 3}, warnings=("ä: \udcff changed",), versions={"libc": "glibc"})
    assert from_json(to_json(whole), "here") == whole


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=40), st.dictionaries(st.text(max_size=10), st.integers(0), max_size=3))
def test_any_text_survives_a_manifest(text: str, counts: dict[str, int]) -> None:
    whole = manifest(contents={"note": text}, row_counts=counts, warnings=(text,))
    assert from_json(to_json(whole), "here") == whole


def test_every_single_flipped_bit_of_a_manifest_is_refused() -> None:
    good = to_json(manifest())
    for position in range(len(good) * 8):
        damaged = bytearray(good)
        damaged[position // 8] ^= 1 << position % 8
        with pytest.raises(VerificationFailed):
            from_json(bytes(damaged), "here")


def test_every_shortened_manifest_is_refused() -> None:
    good = to_json(manifest())
    for end in range(len(good)):
        with pytest.raises(VerificationFailed):
            from_json(good[:end], "here")


def test_a_manifest_of_a_newer_format_is_said_to_be_one() -> None:
    plain = json.loads(to_json(manifest()))
    with pytest.raises(VerificationFailed, match="has format 3, this SentraPlay reads formats up to 2"):
        from_json(json.dumps({**plain, "format": 3}).encode(), "here")


def test_a_chain_and_an_encryption_come_back_as_they_were_written() -> None:
    whole = manifest()
    later = manifest(
        "20261123T085822Z-files-7a120c4f09c1",
        chain=Chain((whole.id,)),
        encryption=Encryption("age", ("age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",)),
    )
    assert from_json(to_json(later), "here") == later
    assert later.chain is not None and later.chain.base == whole.id


def test_a_manifest_of_format_1_is_still_read() -> None:
    plain = {**json.loads(to_json(manifest())), "format": 1, "sha256": "0" * 64}
    blank = (json.dumps(plain, indent=2) + "\n").encode()
    sealed = blank.replace(b"0" * 64, hashlib.sha256(blank).hexdigest().encode())
    assert from_json(sealed, "here") == manifest()


def test_a_manifest_that_lacks_what_its_schema_wants_is_refused() -> None:
    with pytest.raises(VerificationFailed, match="damaged"):
        from_json(to_json(manifest(objects=(replace(OBJECT, sha256="short"),))), "here")


def test_ids_tell_when_and_what_and_sort_by_time() -> None:
    first, second = new_id("files", WHEN), new_id("database", WHEN + timedelta(seconds=1))
    identity = parse_id(first)
    assert identity is not None and (identity.started_at, identity.kind) == (WHEN, "files")
    assert first < second
    assert parse_id("20261399T999999Z-files-7a120c4f09c1") is None and parse_id("x") is None


def test_of_two_backups_begun_in_one_second_the_later_is_the_newest(repository: MemoryRepository) -> None:
    for _ in range(20):
        moments = [WHEN + timedelta(microseconds=micro) for micro in (0, 1, 250_000, 999_999)]
        made = [new_id("files", moment) for moment in moments]
        assert made == sorted(made)
        assert [identity.started_at for one in made if (identity := parse_id(one))] == moments
        assert parse_id(f"{made[0]}0") is None
    for one in made:
        keep(repository, manifest(one))
    dump = keep(repository, manifest(new_id("database", WHEN + timedelta(microseconds=5)), kind="database"))
    assert ids(repository, "app") == [*made[:2], dump.id, *made[2:]]
    assert find(repository, "app", kind="files").id == made[-1]


def test_ids_of_before_without_the_microsecond_are_still_read() -> None:
    identity = parse_id("20261123T025822Z-files-4f09c1")
    assert identity is not None and identity.started_at == datetime(2026, 11, 23, 2, 58, 22, tzinfo=UTC)


def test_the_newest_of_a_kind_is_found(repository: MemoryRepository) -> None:
    old = keep(repository, manifest("20261122T000000Z-files-aaaaaa"))
    new = keep(repository, manifest("20261123T000000Z-files-aaaaaa"))
    other = keep(repository, manifest("20261124T000000Z-database-aaaaaa", kind="database"))
    assert find(repository, "app", kind="files") == new
    assert find(repository, "app") == other
    assert find(repository, "app", old.id) == old
    assert ids(repository, "app", "files") == [old.id, new.id]


def test_a_damaged_newest_backup_is_never_passed_over_in_silence(repository: MemoryRepository) -> None:
    old = keep(repository, manifest("20261122T000000Z-files-aaaaaa"))
    new = keep(repository, manifest("20261123T000000Z-files-aaaaaa"))
    repository.put(manifest_key("app", new.id), io.BytesIO(to_json(new).replace(b"app1", b"app2")))
    with pytest.raises(VerificationFailed, match="damaged"):
        find(repository, "app")
    with pytest.raises(VerificationFailed):
        backups(repository, "app")
    whole = catalogue(repository, "app")
    assert whole.backups == (old,) and [one.id for one in whole.damaged] == [new.id]


def test_a_manifest_in_another_backups_place_is_refused(repository: MemoryRepository) -> None:
    one = manifest()
    repository.put_if_absent(manifest_key("app", "20261124T000000Z-files-aaaaaa"), to_json(one))
    with pytest.raises(VerificationFailed, match=f"that of backup {one.id}"):
        find(repository, "app")


def test_a_missing_backup_names_those_there_are(repository: MemoryRepository) -> None:
    one = keep(repository, manifest())
    with pytest.raises(ObjectNotFound) as failed:
        find(repository, "app", "20200101T000000Z-files-aaaaaa")
    assert one.id in failed.value.hint
    with pytest.raises(ObjectNotFound) as failed:
        find(repository, "nobody")
    assert "app" in failed.value.hint


@pytest.mark.parametrize("service", ["", "a/b", "../x", ".x", "a b"])
def test_a_service_that_cannot_be_a_key_is_refused(repository: MemoryRepository, service: str) -> None:
    with pytest.raises(TaskFailed, match="cannot be the name of a service"):
        find(repository, service)


def test_an_object_that_is_missing_or_of_another_size_is_noticed(repository: MemoryRepository) -> None:
    one = keep(repository, manifest())
    check_presence(repository, one)
    repository.put(stored(one, OBJECT).key, io.BytesIO(b"four"))
    with pytest.raises(VerificationFailed, match="4 bytes long"):
        check_presence(repository, one)
    repository.delete(stored(one, OBJECT).key)
    with pytest.raises(VerificationFailed, match="is missing"):
        check_presence(repository, one)


def test_a_sweep_takes_only_what_is_old_and_has_no_manifest(repository: MemoryRepository) -> None:
    whole = keep(repository, manifest("20200101T000000Z-files-aaaaaa"))
    repository.put("app/20200102T000000Z-files-aaaaaa/x", io.BytesIO(b"left"))
    repository.put("app/notes/x", io.BytesIO(b"somebody else's"))
    young = f"app/{new_id('files', datetime.now(UTC))}/x"
    repository.put(young, io.BytesIO(b"under way"))
    assert sweep(repository, "app") == [], "an object was written a moment ago: its backup may be under way"
    assert sweep(repository, "app", timedelta(0)) == ["app/20200102T000000Z-files-aaaaaa/x", young]
    assert "app/notes/x" in [info.key for info in repository.list("app/")]
    assert find(repository, "app") == whole


def written(repository: MemoryRepository, host: Host, *, fail: bool = False) -> Manifest:
    with BackupWriter(repository, "app", "files", MADE_BY) as writer:
        writer.store(host, Script("echo data"), "one", role="one", format="text", compression="none")
        if fail:
            raise TaskFailed(message="later")
        return writer.commit(host, Contents(WHEN, True))


def test_a_writer_that_commits_makes_a_backup(repository: MemoryRepository, host: Host) -> None:
    made = written(repository, host)
    assert find(repository, "app") == made
    assert made.source.host == "localhost" and made.objects[0].size == 5


def test_a_writer_that_fails_removes_what_it_had_stored(repository: MemoryRepository, host: Host) -> None:
    with pytest.raises(TaskFailed, match="later"):
        written(repository, host, fail=True)
    assert list(repository.list("")) == []


def test_a_backup_whose_objects_vanished_meanwhile_is_not_committed(repository: MemoryRepository, host: Host) -> None:
    with pytest.raises(VerificationFailed), BackupWriter(repository, "app", "files", MADE_BY) as writer:
        writer.store(host, Script("echo data"), "one", role="one", format="text", compression="none")
        repository.delete(object_key("app", writer.id, "one"))
        writer.commit(host, Contents(WHEN, True))
    assert ids(repository, "app") == []


def test_objects_stay_when_it_is_not_known_whether_the_manifest_arrived(
    host: Host,
) -> None:
    class Deaf(MemoryRepository):
        def put_if_absent(self, key: str, data: bytes) -> None:
            super().put_if_absent(key, data)
            raise AlreadyExists(message="the reply was lost")

    repository = Deaf("deaf")
    with pytest.raises(AlreadyExists):
        written(repository, host)
    check_presence(repository, find(repository, "app"))


def test_the_schema_describes_every_property() -> None:
    schema = json.loads((Path(__file__).parents[2] / "schemas" / "manifest.json").read_text())
    for name, about in schema["properties"].items():
        assert about.get("description") and about.get("examples"), name
