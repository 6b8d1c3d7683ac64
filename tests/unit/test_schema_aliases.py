"""Other names of arguments, wherever arguments stand."""

from __future__ import annotations

import pytest

from runner.document import load_text
from runner.playbook import Task, parse
from runner.schema import named, playbook_problems, spelled

PLAY = """
- hosts: web
  module_defaults:
    lineinfile: {dest: /etc/hosts}
  tasks:
    - lineinfile: {value: x}
    - slurp: {}
      args: {path: /etc/hosts}
"""


def test_other_names_become_the_documented_ones() -> None:
    assert named("lineinfile", {"dest": "/f", "regex": "a", "line": "x"}) == {"path": "/f", "regexp": "a", "line": "x"}
    assert spelled("lineinfile", "path", {"dest": "/f"}) == "dest"
    assert spelled("lineinfile", "path", {"path": "/f"}) == spelled("lineinfile", "path", {}) == "path"


def test_they_are_allowed_beside_the_module_and_as_defaults() -> None:
    document = load_text(PLAY, "p.yml")
    assert playbook_problems(document) == []
    play = parse(document).plays[0]
    one, two = play.tasks
    assert isinstance(one, Task) and isinstance(two, Task)
    assert (one.args, two.args) == ({"line": "x"}, {"src": "/etc/hosts"})
    assert play.keywords.module_defaults == {"lineinfile": {"path": "/etc/hosts"}}


@pytest.mark.parametrize("extra", ["path: /f", "destfile: /f"])
def test_both_names_at_once_are_an_error(extra: str) -> None:
    document = load_text(f"- hosts: web\n  tasks:\n    - lineinfile: {{dest: /f, {extra}, line: x}}\n", "p.yml")
    assert ["is given twice" in problem.message for problem in playbook_problems(document)]
