"""Small playbooks that the real Ansible and SentraPlay carry out alike.

Compared are the kind of end, the recap's counts, each host's tasks with their statuses, what `debug` and `fail` said,
and the files written. The comment at a playbook's head says what it shows, and may hold

    # inventory: FILE …      beside it, or in conformance/; hosts.yml if not said
    # arguments: WORD …      for both command lines; `-f 1` is always there
    # differs: ROW           the row of README's table that explains what is not alike, and then for each side
    # ansible: {exit: ok}    the parts of the outcome (fields of Outcome) that are not alike, as YAML
    # here: {exit: invalid}

conformance/pending.txt names those that are not alike yet, with the reason; whoever makes one alike takes it out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from runner.document import load_text
from runner.schema import keyword_schema
from tests.support.capabilities import require
from tests.support.outcomes import Outcome, of_ansible, of_sentraplay

HERE = Path(__file__).parent / "conformance"
COMPARED = ("exit", "recap", "story", "said", "files")
DIRECTIVES = ("inventory", "arguments", "differs", "ansible", "here")
OURS = {"objectives", "repositories", "lock", "on_unreachable", "confirm", "resume"}


@dataclass(frozen=True, slots=True)
class Case:
    """A playbook of the suite, with what its head says."""

    playbook: Path
    inventories: tuple[Path, ...]
    arguments: tuple[str, ...]
    differs: str
    ansible: Mapping[str, Any]
    here: Mapping[str, Any]

    @property
    def words(self) -> list[str]:
        """What both command lines are given."""
        given = [word for path in self.inventories for word in ("-i", str(path))]
        return [*given, "-f", "1", *self.arguments]


def case(path: Path) -> Case:
    told: dict[str, str] = {}
    for line in path.read_text().splitlines():
        if not line.startswith("#"):
            break
        word, colon, rest = line[1:].strip().partition(": ")
        if colon and word in DIRECTIVES:
            told[word] = rest.strip()
    names = told.get("inventory", "hosts.yml").split()
    places = [path.parent / name if (path.parent / name).exists() else HERE / name for name in names]
    sides: list[Any] = [load_text(told.get(side, "{}"), side).data for side in ("ansible", "here")]
    arguments = tuple(told.get("arguments", "").split())
    return Case(path, tuple(places), arguments, told.get("differs", ""), sides[0], sides[1])


def pending() -> dict[str, str]:
    lines = (HERE / "pending.txt").read_text().splitlines()
    entries = [line.partition(" ") for line in lines if line and not line.startswith("#")]
    return {name: reason.strip() for name, _, reason in entries}


def name_of(path: Path) -> str:
    return str(path.relative_to(HERE).with_suffix(""))


def playbooks() -> list[Path]:
    """A playbook begins with a comment; what it includes or imports lies in directories of its own."""
    return sorted(path for path in HERE.glob("*/*.yml") if path.read_text().startswith("# "))


def unlike(theirs: Outcome, ours: Outcome, told: Case) -> list[str]:
    """Everything in which two outcomes are not as they should be."""
    found: list[str] = []
    for part in COMPARED:
        one, other = getattr(theirs, part), getattr(ours, part)
        wanted = (told.ansible.get(part, one), told.here.get(part, other))
        if part not in told.ansible and part not in told.here and "exit" not in told.here:
            wanted = (one, one)
        if (one, other) != wanted:
            found.append(f"{part}:\n  Ansible    {one}\n  SentraPlay {other}" + _meant(wanted, (one, other)))
    if told.here.get("exit") == "invalid" and (ours.story or ours.files):
        found.append("SentraPlay was to touch nothing")
    if told.differs and all(getattr(theirs, part) == getattr(ours, part) for part in COMPARED):
        found.append("nothing differs any more: take the lines from its head")
    return found


def _meant(wanted: tuple[object, object], given: tuple[object, object]) -> str:
    return (
        ""
        if wanted[0] == given[0] and wanted[1] == given[0]
        else f"\n  expected   {wanted[0]}\n  and        {wanted[1]}"
    )


def marked(path: Path) -> Any:
    reason = pending().get(name_of(path))
    marks = [pytest.mark.xfail(reason=f"pending: {reason}", strict=True)] if reason is not None else []
    return pytest.param(path, id=name_of(path), marks=marks)


@pytest.mark.conformance
@pytest.mark.parametrize("path", [marked(path) for path in playbooks()])
def test_a_playbook_does_the_same_in_both(path: Path, tmp_path: Path) -> None:
    require("ansible")
    told = case(path)
    theirs = of_ansible(path, tmp_path / "ansible", told.words)
    ours = of_sentraplay(path, tmp_path / "here", told.words)
    problems = unlike(theirs, ours, told)
    assert not problems, "\n".join([*problems, "SentraPlay wrote:", ours.output[-3000:]])


def test_pending_playbooks_exist() -> None:
    assert pending().keys() <= {name_of(path) for path in playbooks()}


def test_what_differs_is_said_for_both_sides() -> None:
    for path in playbooks():
        told = case(path)
        assert bool(told.differs) == bool(told.here) == bool(told.ansible), path


def test_every_difference_is_a_row_of_the_readme() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    rows = {told.differs for told in map(case, playbooks()) if told.differs}
    assert {row for row in rows if row not in readme} == set()


def test_every_keyword_is_in_some_playbook_of_the_suite() -> None:
    """Ansible's keywords; our own have no counterpart there."""
    text = "\n".join(path.read_text() for path in HERE.rglob("*.y*ml"))
    known = {name for kind in ("play", "block", "task", "handler") for name in keyword_schema(kind)["properties"]}
    missing = {name for name in known - OURS if not re.search(rf"\b{name}:", text)}
    assert missing == set()
