"""Good playbooks pass; bad ones and bad inventories are refused with exactly the text beside them.

`python -m tests.playbooks.test_golden` writes the expected texts anew; read the difference before committing it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.errors import InvalidInput, Problem, Severity
from runner.inventory import Inventory, load_inventory
from runner.plan import Options, check_playbook, make_plan
from runner.secret import Redactor
from runner.template import Templar

HERE = Path(__file__).parent
GOOD = sorted(path.stem for path in (HERE / "good").glob("*.yml"))
BAD = sorted(path.stem for path in (HERE / "bad").glob("*.yml"))
INVENTORIES = sorted(path.name for path in (HERE / "inventories").iterdir() if path.suffix != ".txt")


def inventory() -> Inventory:
    return load_inventory([Path("inventory.yml")])


def plan_problems(playbook: Path) -> tuple[Problem, ...]:
    templar = Templar([playbook.parent, playbook.parent / "templates", playbook.parent / "files"], Redactor())
    try:
        return make_plan(playbook, inventory(), Options(), templar).warnings
    except InvalidInput as error:
        return error.problems


def inventory_problems(path: Path) -> tuple[Problem, ...]:
    try:
        loaded = load_inventory([path])
    except InvalidInput as error:
        return error.problems
    return tuple(check_playbook(Path("good/nothing_to_do.yml"), loaded))


def told(problems: tuple[Problem, ...]) -> str:
    lines = []
    for problem in problems:
        severity = "warning: " if problem.severity is Severity.WARNING else ""
        lines.append(f"{problem.location}: {severity}{problem.message}")
        if problem.hint:
            lines.append(f"  hint: {problem.hint}")
    return "".join(f"{line}\n" for line in lines)


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE)
    monkeypatch.delenv("SENTRAPLAY_TEST_NOT_SET", raising=False)


@pytest.mark.parametrize("name", GOOD)
def test_a_good_playbook_has_no_problem(name: str) -> None:
    assert told(plan_problems(Path(f"good/{name}.yml"))) == ""


@pytest.mark.parametrize("name", GOOD)
def test_a_good_playbook_is_good_without_an_inventory(name: str) -> None:
    assert check_playbook(Path(f"good/{name}.yml"), None) == []


@pytest.mark.parametrize("name", BAD)
def test_a_bad_playbook_is_refused_in_these_words(name: str) -> None:
    found = plan_problems(Path(f"bad/{name}.yml"))
    assert found
    assert told(found) == Path(f"bad/{name}.txt").read_text()


@pytest.mark.parametrize("name", INVENTORIES)
def test_a_bad_inventory_is_refused_in_these_words(name: str) -> None:
    path = Path("inventories", name)
    found = inventory_problems(path)
    assert found
    assert told(found) == path.with_suffix(".txt").read_text()


@pytest.mark.parametrize("name", BAD)
def test_every_problem_of_a_bad_playbook_has_a_place_in_a_file_that_is_there(name: str) -> None:
    for problem in plan_problems(Path(f"bad/{name}.yml")):
        assert problem.location is not None
        lines = Path(problem.location.file).read_text().split("\n")
        assert problem.location.line <= len(lines) + 1
        assert problem.location.column >= 1


def write() -> None:
    cases: tuple[tuple[str, list[str], Callable[[Path], tuple[Problem, ...]]], ...] = (
        ("bad", [f"{name}.yml" for name in BAD], plan_problems),
        ("inventories", INVENTORIES, inventory_problems),
    )
    for directory, names, problems_of in cases:
        for name in names:
            path = Path(directory, name)
            path.with_suffix(".txt").write_text(told(problems_of(path)))


if __name__ == "__main__":
    import os

    os.chdir(HERE)
    write()
    sys.stdout.write("read `git diff` before committing\n")
