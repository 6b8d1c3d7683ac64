"""Every kind of host, for the suites that hold the contract of hosts against each."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from runner.hosts.contract import Host
from tests.contracts.host_kinds import KINDS
from tests.support.sshd import SshServer
from tests.support.workplace import Workplace


@pytest.fixture(scope="module", params=list(KINDS))
def kind(request: pytest.FixtureRequest, workplace: Workplace, sshd: SshServer) -> Iterator[Host]:
    yield from KINDS[request.param](workplace, sshd)


@pytest.fixture
def host(kind: Host) -> Host:
    """The host with a deadline, so that no test can hang."""
    return kind.view(deadline=time.monotonic() + 60)


@pytest.fixture
def place(host: Host) -> Iterator[str]:
    with host.private_directory() as directory:
        yield directory
