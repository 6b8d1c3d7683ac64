"""Fixtures of the live tests alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.program import Program
from tests.support.objectstore import ObjectStore
from tests.support.postgres import PostgresServer
from tests.support.proxy import FaultProxy
from tests.support.rig import Rig, build_rig
from tests.support.sshd import SshServer
from tests.support.workplace import Workplace


@pytest.fixture
def sentraplay(tmp_path: Path) -> Program:
    """The program as a user calls it."""
    return Program(tmp_path)


@pytest.fixture
def rig(
    tmp_path: Path,
    postgres_server: PostgresServer,
    object_store: ObjectStore,
    sshd: SshServer,
    workplace: Workplace,
    fault_proxy: Callable[..., FaultProxy],
) -> Rig:
    """A service with data, its hosts, its object store, and a proxy on each link."""
    return build_rig(tmp_path, postgres_server, object_store, sshd, workplace, fault_proxy)
