"""Modes, as octal digits and as symbols."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.errors import TaskFailed
from runner.modules.system.attributes import resolve_mode


@pytest.mark.parametrize(
    ("wanted", "current", "is_directory", "result"),
    [
        ("0644", 0, False, 0o644),
        ("644", 0o777, False, 0o644),
        ("2750", 0, True, 0o2750),
        ("u=rw,g=r,o=", 0o777, False, 0o640),
        ("+x", 0o644, False, 0o755),
        ("a+X", 0o644, False, 0o644),
        ("a+X", 0o644, True, 0o755),
        ("a+X", 0o744, False, 0o755),
        ("u+s,g+s", 0o755, False, 0o6755),
        ("+t", 0o777, True, 0o1777),
        ("g=u", 0o740, False, 0o770),
        ("u-x+w", 0o555, False, 0o655),
    ],
)
def test_a_mode_means_what_chmod_makes_of_it(wanted: str, current: int, is_directory: bool, result: int) -> None:
    assert resolve_mode(wanted, current, is_directory) == result


@pytest.mark.parametrize("wanted", ["rw", "u:rw", "u+z", "8", "u=rw;o="])
def test_what_is_not_a_mode_is_refused(wanted: str) -> None:
    with pytest.raises(TaskFailed, match="is not a file mode"):
        resolve_mode(wanted, 0o644, False)


CLAUSES = st.builds(
    lambda who, operator, permissions: f"{who}{operator}{permissions}",
    st.sampled_from(["u", "g", "o", "a", "ug", "go"]),
    st.sampled_from("+-="),
    st.sampled_from(["r", "w", "x", "X", "rw", "rwx", "rX", "", "u", "g", "o"]),
)


@settings(max_examples=60, deadline=None)
@given(clauses=st.lists(CLAUSES, min_size=1, max_size=3), current=st.integers(0, 0o777))
def test_symbols_agree_with_the_real_chmod(
    clauses: list[str], current: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path: Path = tmp_path_factory.getbasetemp() / "chmod-me"
    path.touch()
    path.chmod(current)
    wanted = ",".join(clauses)
    subprocess.run(["chmod", "--", wanted, str(path)], check=True)
    assert resolve_mode(wanted, current, False) == path.stat().st_mode & 0o7777
