"""Modules against whole servers, entered over SSH."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runner.modules.contract import RunInfo
from runner.secret import Redactor
from runner.template import Templar
from tests.contracts.host_kinds import opened
from tests.modules.bed import At, Bench
from tests.support.machine import Machine


@contextmanager
def bench_over_ssh(machine: Machine, directory: Path) -> Iterator[Bench]:
    """As root of the machine; `directory` is the playbook's, on the controller."""
    run = RunInfo(id="r1", playbook="site.yml", git_commit="", check=False, diff=False, resumed=False)
    with opened(machine.host()) as host:
        yield Bench(At(host, Templar([directory], Redactor()), directory, run), directory)
