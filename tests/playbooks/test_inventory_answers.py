"""`sentraplay inventory` answers what the real ansible-inventory answers, and patterns mean the same hosts.

inventory_answers/questions.yml holds the questions, inventory_answers/answers.json what Ansible said to them.
`python -m tests.playbooks.test_inventory_answers` asks Ansible again and writes answers.json; read the difference
before committing it.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from runner.cli.inventory import inventory
from runner.cli.invocation import Invocation
from runner.document import load
from runner.inventory import load_inventory, matching
from tests.support import ansible

HERE = Path(__file__).parent / "inventory_answers"
QUESTIONS: Any = load(HERE / "questions.yml").data
PATTERNS = [(source, pattern) for source, patterns in QUESTIONS["hosts"].items() for pattern in patterns]
ANSWERS: dict[str, Any] = json.loads((HERE / "answers.json").read_text()) if (HERE / "answers.json").exists() else {}


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE)


@pytest.mark.parametrize("question", QUESTIONS["inventory"])
def test_an_inventory_is_told_as_ansible_tells_it(question: str) -> None:
    answered = CliRunner().invoke(inventory, question.split(), obj=Invocation(("inventory",)))
    assert answered.exception is None
    assert plain(answered.stdout) == ANSWERS[question]


@pytest.mark.parametrize(("source", "pattern"), PATTERNS)
def test_a_pattern_means_the_hosts_ansible_means_in_its_order(source: str, pattern: str) -> None:
    found = matching(load_inventory([source]), pattern)
    assert found.problems == ()
    assert list(found.hosts) == ANSWERS[f"{source} {pattern}"]


def plain(text: str) -> Any:
    """What was printed, as data if it is JSON; Ansible adds a name of its own for the format."""
    if not text.startswith("{"):
        return text.splitlines()
    data = json.loads(text)
    data.get("_meta", {}).pop("profile", None)
    return data


def ask() -> dict[str, Any]:
    """Ansible's answer to every question."""
    with tempfile.TemporaryDirectory() as home:
        said = {
            question: plain(_said("ansible-inventory", question.split(), home)) for question in QUESTIONS["inventory"]
        }
        for source, pattern in PATTERNS:
            lines = _said("ansible", [pattern, "-i", source, "--list-hosts"], home).splitlines()
            said[f"{source} {pattern}"] = [line.strip() for line in lines[1:]]
    return said


def _said(program: str, arguments: list[str], home: str) -> str:
    return ansible.said(program, arguments, Path(home), HERE)


if __name__ == "__main__":
    (HERE / "answers.json").write_text(json.dumps(ask(), indent=1, ensure_ascii=False) + "\n")
    sys.stdout.write("read `git diff` before committing\n")
