"""Filters, tests and lookups give what the real Ansible gives.

expressions/expressions.yml holds the expressions, expressions/answers.json what ansible-playbook made of them, and
expressions/differences.yml those where SentraPlay answers otherwise on purpose. `python -m
tests.playbooks.test_expressions` asks Ansible again and writes answers.json; read the difference before committing it.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from runner.document import dump, load, trusted
from runner.secret import Redactor
from runner.template import Templar, TemplateError
from runner.wiring.programs import output_of
from tests.support import ansible

HERE = Path(__file__).parent / "expressions"
FAILS = {"fails": True}


def expressions() -> list[str]:
    sections: Any = load(HERE / "expressions.yml").data
    return [expression for section in sections.values() for expression in section]


def differences() -> dict[str, dict[str, Any]]:
    found: Any = load(HERE / "differences.yml").data
    return {entry["expression"]: entry for entry in found}


ANSWERS: dict[str, Any] = json.loads((HERE / "answers.json").read_text()) if (HERE / "answers.json").exists() else {}
SAME = [expression for expression in expressions() if expression not in differences()]


@pytest.fixture(scope="module")
def templar() -> Templar:
    return Templar([HERE, HERE / "templates", HERE / "files"], Redactor(), programs=output_of)


def answer(templar: Templar, expression: str) -> dict[str, Any]:
    variables: Any = trusted({**load(HERE / "variables.yml").data, "playbook_dir": str(HERE)})  # type: ignore[dict-item]
    try:
        return {"value": json.loads(json.dumps(templar.render(f"{{{{ {expression} }}}}", variables)))}
    except TemplateError:
        return FAILS


@pytest.mark.parametrize("expression", SAME)
def test_an_expression_gives_what_ansible_gives(templar: Templar, expression: str) -> None:
    assert answer(templar, expression) == ANSWERS[expression]


@pytest.mark.parametrize("expression", differences())
def test_an_expression_differs_from_ansible_as_it_says(templar: Templar, expression: str) -> None:
    told = differences()[expression]
    here = answer(templar, expression)
    assert here == ({"value": told["here"]} if "here" in told else FAILS)
    assert here != ANSWERS[expression], "it is no difference any more: move it to expressions.yml"


def test_ansible_was_asked_for_all_of_them() -> None:
    assert set(ANSWERS) == {*expressions(), *differences()}


def asked_of_ansible(wanted: list[str]) -> dict[str, Any]:
    tasks = [
        {"name": f"{number}", "debug": {"msg": f"{{{{ {expression} }}}}"}, "ignore_errors": True}
        for number, expression in enumerate(wanted)
    ]
    play = {"hosts": "localhost", "gather_facts": False, "vars_files": ["variables.yml"], "tasks": tasks}
    playbook = HERE / ".asked.yml"
    playbook.write_text(dump([play], width=1000))
    try:
        with tempfile.TemporaryDirectory() as home:
            played = ansible.play(playbook, Path(home), timeout=600)
    finally:
        playbook.unlink()
    assert len(played.told) == len(wanted), played.output[-2000:]
    return {
        wanted[int(told["task"])]: {"value": told["result"]["msg"]} if told["status"] == "ok" else FAILS
        for told in played.told
    }


if __name__ == "__main__":
    os.environ.pop("NOBODY_SET_THIS", None)
    answers = asked_of_ansible([*expressions(), *differences()])
    (HERE / "answers.json").write_text(json.dumps(answers, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    sys.stdout.write("read `git diff` before committing\n")
