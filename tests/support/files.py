"""Files beside a test's playbook."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest

from runner.errors import InvalidInput
from tests.support.stage import Stage


def write(directory: Path, files: Mapping[str, str]) -> None:
    """Write the files, by their path below `directory`."""
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))


def problems(stage: Stage, playbook: str) -> list[str]:
    """What is wrong with a playbook that is refused: `file:line:column message`."""
    with pytest.raises(InvalidInput) as caught:
        stage.run(playbook)
    here = f"{stage.directory}/"
    return [f"{problem.location} {problem.message}".replace(here, "") for problem in caught.value.problems]
