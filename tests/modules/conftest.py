"""The bench every module test works at."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.hosts.local import open_local
from runner.modules.contract import RunInfo
from runner.secret import Redactor
from runner.template import Templar
from tests.modules.bed import At, Bench


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """The directory of the host the test works in; previews are proved not to touch it."""
    directory = tmp_path / "target"
    directory.mkdir()
    return directory


@pytest.fixture
def controller(tmp_path: Path) -> Path:
    """The directory of the playbook, with `files` and `templates`."""
    directory = tmp_path / "controller"
    (directory / "files").mkdir(parents=True)
    (directory / "templates").mkdir()
    return directory


@pytest.fixture
def bench(target: Path, controller: Path) -> Iterator[Bench]:
    """Modules against this machine itself."""
    host = open_local("localhost")
    run = RunInfo(id="r1", playbook="site.yml", git_commit="", check=False, diff=True, resumed=False)
    yield Bench(At(host, Templar([controller], Redactor()), controller, run), target)
    host.close()
