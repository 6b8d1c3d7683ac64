"""A directory repository on a disk of its own: without the disk nothing is stored, and nothing looks empty."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from runner.errors import RepositoryError
from runner.hosts.contract import Host
from runner.repositories.directory import DirectoryRepository
from tests.support.capabilities import require
from tests.support.fulldisk import TinyDisk, mount_tiny_disk
from tests.support.workplace import Workplace


def on(disk: Path, host: Host) -> DirectoryRepository:
    return DirectoryRepository("main", host, str(disk / "backups"), mount=str(disk))


def test_on_its_disk_it_is_like_any_other(host: Host, tiny_disk: TinyDisk) -> None:
    repository = on(tiny_disk.path, host)
    assert list(repository.list("")) == []
    repository.put("shop/one", io.BytesIO(b"content"))
    repository.put_if_absent("shop/two", b"{}")
    assert [one.key for one in repository.list("")] == ["shop/one", "shop/two"]


def test_without_its_disk_nothing_is_stored_and_nothing_looks_empty(host: Host, workplace: Workplace) -> None:
    require("tmpfs")
    disk = mount_tiny_disk(workplace)
    repository = on(disk.path, host)
    repository.put_if_absent("shop/one", b"{}")
    disk.unmount()
    for attempt in (
        lambda: list(repository.list("")),
        lambda: repository.put("shop/two", io.BytesIO(b"content")),
        lambda: repository.put_if_absent("shop/three", b"{}"),
    ):
        with pytest.raises(RepositoryError, match=f"nothing is mounted at {disk.path}") as met:
            attempt()
        assert met.value.hint == "mount it on localhost"
    assert list(disk.path.iterdir()) == []


def test_a_directory_that_is_no_mount_point_is_none(host: Host, tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="nothing is mounted at"):
        list(on(tmp_path, host).list(""))
