"""A directory repository that cannot be read says so: it must not look as if it were empty."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runner.errors import RepositoryError
from runner.hosts.contract import Become, Host
from tests.support.repositories import in_directory
from tests.support.workplace import Workplace

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can ask as another user")


@pytest.fixture
def stranger(host: Host) -> Host:
    return host.view(become=Become("nobody"))


@pytest.fixture
def store(host: Host, workplace: Workplace) -> Path:
    """With one object, in a directory of its own that everybody may reach."""
    path = workplace.directory("reading", mode=0o755) / "store"
    in_directory(host, path).put_if_absent("shop/one/manifest.json", b"{}")
    return path


def test_a_directory_that_is_not_there_yet_has_nothing(host: Host, tmp_path: Path) -> None:
    assert list(in_directory(host, tmp_path / "not" / "yet").list("")) == []


def test_a_prefix_that_nothing_has_yet_has_nothing(host: Host, store: Path) -> None:
    repository = in_directory(host, store)
    assert [one.key for one in repository.list("shop/one/")] == ["shop/one/manifest.json"]
    assert list(repository.list("shop/two/")) == []
    assert list(repository.list("shop/one/manifest.json/below/")) == []


def test_a_file_in_its_place_is_an_error(host: Host, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(RepositoryError, match="file is not a directory"):
            list(in_directory(host, path).list(""))


def test_a_link_to_nowhere_is_an_error(host: Host, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "disk-that-is-not-mounted")
    with pytest.raises(RepositoryError, match="link is not a directory"):
        list(in_directory(host, tmp_path / "link").list(""))


@needs_root
@pytest.mark.parametrize("closed", ["", "..", "shop", "shop/one"])
@pytest.mark.parametrize("prefix", ["", "shop/one/"])
def test_what_may_not_be_entered_is_an_error(stranger: Host, store: Path, closed: str, prefix: str) -> None:
    for directory, _, _ in os.walk(store):
        Path(directory).chmod(0o755)
    (store / closed).resolve().chmod(0o700)
    with pytest.raises(RepositoryError, match="Permission denied"):
        list(in_directory(stranger, store).list(prefix))
