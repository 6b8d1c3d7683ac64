"""Encrypted backups: what goes in comes out for every recipient, and nothing else opens or changes it."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from contextlib import closing

import pyrage
import pytest

from runner.backup import encryption
from runner.backup.checking import check_opens, check_sound
from runner.backup.copying import copy
from runner.backup.encryption import readable
from runner.backup.identity import object_key
from runner.backup.manifest import Encryption, Manifest, Provenance
from runner.backup.writer import BackupWriter, Contents
from runner.errors import RepositoryError, TaskFailed, VerificationFailed
from runner.hosts.contract import Host, Pipeline, Script
from runner.repositories.contract import EncryptionKeys, Repository, Transfer
from runner.repositories.memory import MemoryRepository
from runner.repositories.s3 import S3Repository
from runner.secret import Secret
from runner.vault.agestream import open_stream, opens, seal_stream
from tests.support.objectstore import ObjectStore
from tests.support.repositories import bucket_settings
from tests.unit.test_backup_catalogue import WHEN

TEXT = b"all we have " * 40_000


def key() -> tuple[str, Secret]:
    """A recipient and its identity."""
    identity = pyrage.x25519.Identity.generate()
    return str(identity.to_public()), Secret(str(identity))


ONE, TWO, OTHER = key(), key(), key()


@pytest.fixture(params=["age on the host", "no age on the host"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Who encrypts and decrypts: the host's own program, or the controller."""
    if request.param == "no age on the host":
        monkeypatch.setattr(encryption, "_HAS_AGE", Script("exit 1"))
    return str(request.param)


def repository(*identities: tuple[str, Secret]) -> MemoryRepository:
    """One for both recipients, with these identities at hand."""
    return MemoryRepository("main", EncryptionKeys((ONE[0], TWO[0]), lambda: tuple(secret for _, secret in identities)))


def with_identity(held: MemoryRepository, *identities: tuple[str, Secret]) -> MemoryRepository:
    """The same objects with other identities at hand."""
    found = repository(*identities)
    for info in held.list(""):
        with held.get(info.key) as source:
            found.put(info.key, source)
    return found


def backup(held: Repository, host: Host, data: bytes = TEXT) -> Manifest:
    made_by = Provenance("run", "backup.yml", "", "0.1.0")
    with BackupWriter(held, "app", "files", made_by) as writer:
        made = Script("cat")
        writer.store(host, made, "x", role="x", format="text", compression="none", stdin=data)
        writer.detail("x", {"told": "later"})
        return writer.commit(host, Contents(WHEN, True))


def read(held: MemoryRepository, manifest: Manifest, host: Host) -> bytes:
    with readable(held, manifest, manifest.objects[0], host) as opening:
        return host.query(Pipeline(opening.members), stdin=opening.stdin).stdout.encode()


def flip(held: MemoryRepository, manifest: Manifest, place: Callable[[int], int]) -> None:
    name = object_key("app", manifest.id, manifest.objects[0].name)
    with held.get(name) as source:
        data = bytearray(source.read())
    data[place(len(data))] ^= 1
    held.put(name, io.BytesIO(bytes(data)))


def test_every_recipient_alone_opens_it_and_the_store_sees_nothing_of_it(host: Host, way: str) -> None:
    held = repository()
    manifest = backup(held, host)
    (one,) = manifest.objects
    assert manifest.encryption == Encryption("age", (ONE[0], TWO[0]))
    assert one.name == "x.age" and one.details == {"told": "later"}
    with held.get(object_key("app", manifest.id, one.name)) as source:
        stored = source.read()
    assert stored.startswith(b"age-encryption.org/v1") and b"all we have" not in stored
    for identity in (ONE, TWO):
        assert read(with_identity(held, OTHER, identity), manifest, host) == TEXT


def test_without_the_right_identity_it_is_said_for_whom_it_is(host: Host, way: str) -> None:
    held = repository()
    manifest = backup(held, host)
    with pytest.raises(TaskFailed, match="no identity is at hand") as none:
        read(held, manifest, host)
    assert ONE[0] in none.value.why and "--identity" in none.value.hint
    with pytest.raises(TaskFailed, match="none of the identities at hand opens it"):
        read(with_identity(held, OTHER), manifest, host)


def test_verification_proves_that_an_identity_at_hand_opens_it(host: Host) -> None:
    held = repository()
    manifest = backup(held, host)
    assert check_opens(held, manifest) is None
    assert check_opens(with_identity(held, ONE), manifest)
    with pytest.raises(VerificationFailed, match="none of the identities"):
        check_opens(with_identity(held, OTHER), manifest)
    check_sound(with_identity(held, TWO), manifest, host, lambda name, done, total: None)


@pytest.mark.parametrize("place", [lambda size: 40, lambda size: size // 2, lambda size: size - 1])
def test_a_flipped_bit_is_found_before_anything_is_used(host: Host, way: str, place: Callable[[int], int]) -> None:
    held = repository(ONE)
    manifest = backup(held, host)
    flip(held, manifest, place)
    with pytest.raises(TaskFailed):
        read(held, manifest, host)
    with pytest.raises(TaskFailed):
        check_sound(held, manifest, host, lambda name, done, total: None)


def test_a_private_key_is_never_among_a_programs_arguments_or_in_a_file(host: Host) -> None:
    held = repository(ONE)
    manifest = backup(held, host)
    with readable(held, manifest, manifest.objects[0], host) as opening:
        assert opening.stdin.strip().decode() == ONE[1].reveal()
        assert "AGE-SECRET-KEY" not in repr(opening.members)
        watched = Script('tr "\\0" " " </proc/$PPID/cmdline; for p in /proc/[0-9]*; do tr "\\0" " " <$p/cmdline; done')
        seen = host.query(Pipeline((*opening.members, watched)), stdin=opening.stdin, check=False).stdout
    assert ONE[1].reveal() not in seen


def test_a_host_that_must_send_by_itself_and_cannot_encrypt_is_refused(
    host: Host, object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encryption, "_HAS_AGE", Script("exit 1"))
    settings = bucket_settings(object_store, object_store.create_bucket(), transfer=Transfer.TARGET)
    with (
        closing(S3Repository("main", settings, EncryptionKeys((ONE[0],)))) as held,
        pytest.raises(RepositoryError, match="cannot encrypt what it sends"),
    ):
        backup(held, host)


def test_an_unencrypted_backup_is_not_copied_where_all_must_be_encrypted(host: Host) -> None:
    plain = MemoryRepository("plain")
    manifest = backup(plain, host)
    with pytest.raises(Exception, match="for encrypted backups alone"):
        copy(plain, repository(), manifest)
    sealed = repository()
    manifest = backup(sealed, host)
    target = MemoryRepository("target")
    assert copy(sealed, target, manifest)


@pytest.mark.parametrize("size", [0, 1, 65_536, 65_537, 3_000_000])
def test_streams_of_any_size_come_back(size: int) -> None:
    data = os.urandom(size)
    sealed = io.BufferedReader(seal_stream(io.BytesIO(data), [ONE[0]])).read()
    assert io.BufferedReader(open_stream(io.BytesIO(sealed), ONE[1])).read() == data
    assert opens(sealed[:65_536], ONE[1]) and not opens(sealed[:65_536], OTHER[1])


def test_a_truncated_stream_is_an_error_and_never_a_short_one() -> None:
    sealed = io.BufferedReader(seal_stream(io.BytesIO(TEXT), [ONE[0]])).read()
    for length in (len(sealed) - 1, len(sealed) - 65_552, 200_000, 300):
        with pytest.raises(VerificationFailed):
            io.BufferedReader(open_stream(io.BytesIO(sealed[:length]), ONE[1])).read()


def test_what_breaks_the_source_reaches_the_reader() -> None:
    class Broken(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise RepositoryError("the link is gone")

    with pytest.raises(RepositoryError, match="the link is gone"):
        io.BufferedReader(seal_stream(Broken(), [ONE[0]])).read()  # type: ignore[arg-type]  # read is all it needs


def test_a_reader_that_goes_away_leaves_no_thread_behind() -> None:
    import threading

    before = threading.active_count()
    stream = seal_stream(io.BytesIO(os.urandom(5_000_000)), [ONE[0]])
    stream.read(10)
    stream.close()
    for thread in threading.enumerate():
        if thread.name == "age":
            thread.join(timeout=30)
    assert threading.active_count() <= before
