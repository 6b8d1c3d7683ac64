"""Fixtures of the command line's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.program import Program


@pytest.fixture
def sentraplay(tmp_path: Path) -> Program:
    return Program(tmp_path)
