"""Fixtures of the unit tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.stage import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """Runs playbooks on machines that only note what they are asked; one host, a, unless told otherwise."""
    return Stage(tmp_path)
