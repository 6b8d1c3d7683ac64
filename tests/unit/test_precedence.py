"""Which definition of a variable wins: Ansible's order, pair by pair."""

from __future__ import annotations

from itertools import combinations

import pytest

from tests.support.precedence import LEVELS, write
from tests.support.stage import Stage


@pytest.mark.parametrize(("lower", "higher"), list(combinations(LEVELS, 2)))
def test_the_higher_level_wins(stage: Stage, lower: str, higher: str) -> None:
    playbook, extra = write(stage.directory, (lower, higher), "command: ok {{ v }}")
    assert stage.run(playbook, extra_vars=extra).cmds() == [f"ok {higher}"]


@pytest.mark.parametrize("level", LEVELS)
def test_every_level_is_seen_alone(stage: Stage, level: str) -> None:
    playbook, extra = write(stage.directory, (level,), "command: ok {{ v }}")
    assert stage.run(playbook, extra_vars=extra).cmds() == [f"ok {level}"]


def test_a_variable_without_any_level_is_refused_before_the_run(stage: Stage) -> None:
    playbook, _ = write(stage.directory, (), "command: ok {{ v }}")
    with pytest.raises(Exception, match="'v' is undefined"):
        stage.run(playbook)
