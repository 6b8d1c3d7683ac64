from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from runner.document import load_text
from runner.playbook import Block, Task, parse
from runner.reference import module_reference, module_table, playbook_schema_text
from runner.schema import (
    argument_problems,
    data_dir,
    keyword_schema,
    module_names,
    module_schema,
    playbook_problems,
    playbook_structure,
    schema,
    value_problems,
    with_defaults,
)

GOOD = sorted((Path(__file__).parent.parent / "playbooks" / "good").glob("*.yml"))
KINDS = ("play", "block", "task", "handler")


def every_schema(node: Any) -> list[dict[str, Any]]:
    found = []
    if isinstance(node, dict):
        found.append(node)
        for value in node.values():
            found += every_schema(value)
    elif isinstance(node, list):
        for value in node:
            found += every_schema(value)
    return found


def test_the_schema_for_editors_is_what_the_other_schemas_make_it() -> None:
    stale = "stale: run `python -m runner.reference`"
    assert (data_dir("schemas") / "playbook.json").read_text(encoding="utf-8") == playbook_schema_text(), stale


@pytest.mark.parametrize("name", sorted(path.name for path in data_dir("schemas").rglob("*.json")))
def test_every_schema_is_a_schema(name: str) -> None:
    from jsonschema import Draft7Validator

    (path,) = data_dir("schemas").rglob(name)
    Draft7Validator.check_schema(json.loads(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", sorted(module_names()))
def test_every_argument_of_every_module_is_described_with_an_example_that_fits(name: str) -> None:
    described = module_schema(name)
    assert described["description"]
    assert described["additionalProperties"] is False
    for key, argument in described["properties"].items():
        assert argument["description"], key
        assert argument["examples"], key
        for example in argument["examples"]:
            assert value_problems(argument, example, rendered=False) == [], (key, example)


@pytest.mark.parametrize("name", sorted(module_names()))
def test_every_default_is_right_and_every_example_of_a_module_too(name: str) -> None:
    described = module_schema(name)
    for key, argument in described["properties"].items():
        if "default" in argument:
            assert value_problems(argument, argument["default"], rendered=True) == [], key
    for example in described.get("examples", ()):
        assert argument_problems(name, example, rendered=False) == [], example


@pytest.mark.parametrize("kind", KINDS)
def test_every_keyword_is_described_with_an_example_that_fits(kind: Any) -> None:
    for key, described in keyword_schema(kind)["properties"].items():
        assert described["description"], key
        if "x-tasks" not in described:
            assert described["examples"], key
        for example in described.get("examples", ()):
            assert value_problems(described, example, rendered=False) == [], (key, example)


@pytest.mark.parametrize(
    "described",
    [schema("keywords.json"), schema("inventory.json"), *(module_schema(name) for name in sorted(module_names()))],
    ids=lambda described: described["title"],
)
def test_no_reference_to_a_shared_definition_is_left(described: Any) -> None:
    assert not [node for node in every_schema(described) if "definitions.json" in str(node.get("$ref", ""))]


@pytest.mark.parametrize("source", GOOD, ids=lambda path: path.stem)
def test_the_schema_for_editors_accepts_good_playbooks(source: Path) -> None:
    from jsonschema import Draft7Validator

    document = load_text(source.read_text(encoding="utf-8"), str(source))
    validator = Draft7Validator(json.loads(playbook_schema_text()))
    assert [error.message for error in validator.iter_errors(document.data)] == []


@pytest.mark.parametrize(
    "task",
    ["{comand: ls}", "{command: ls, whne: x}", "{copy: {content: x, dets: y}}", "{wait_for: {port: many}}",
     "{block: [{debug: }], register: x}", "{command: ls, timeout: soon}"],
)  # fmt: skip
def test_the_schema_for_editors_refuses_bad_tasks(task: str) -> None:
    from jsonschema import Draft7Validator

    data = load_text(f"- hosts: web\n  tasks:\n    - {task}\n", "p.yml").data
    assert not Draft7Validator(json.loads(playbook_schema_text())).is_valid(data)  # type: ignore[arg-type]  # JSON


def test_a_template_may_stand_for_any_value_until_it_is_rendered() -> None:
    args = {"port": "{{ port }}", "state": "{% if x %}started{% endif %}"}
    assert argument_problems("wait_for", args, rendered=False) == []
    assert {problem.path for problem in argument_problems("wait_for", args, rendered=True)} == {("port",), ("state",)}


def test_a_template_may_stand_for_a_whole_argument() -> None:
    args = {"server": "{{ server }}", "database": "x", "repository": "main", "service": "s"}
    assert argument_problems("pg_dump", args, rendered=False) == []


def test_true_is_not_a_number_and_a_float_not_a_whole_one() -> None:
    for port in (True, 80.0):
        assert argument_problems("wait_for", {"port": port}, rendered=True)


def test_the_value_of_a_secret_is_not_told() -> None:
    args = {"server": {"password": ["hunter2"]}, "database": "x", "repository": "main", "service": "s"}
    (problem,) = argument_problems("pg_dump", args, rendered=True)
    assert problem.path == ("server", "password")
    assert "hunter2" not in problem.message
    assert "***" in problem.message


def test_defaults_are_filled_in_at_every_depth_and_never_shared() -> None:
    filled: Any = with_defaults("pg_dump", {"server": {"compose": {"project_src": "/x"}}})
    assert filled["server"]["port"] == 5432
    assert filled["server"]["compose"]["service"] == "db"
    other: Any = with_defaults("pg_dump", {})
    other["server"]["port"] = 1
    assert with_defaults("pg_dump", {})["server"] != other["server"]


def test_defaults_do_not_replace_what_was_given() -> None:
    assert with_defaults("debug", {"msg": "x"})["msg"] == "x"
    assert with_defaults("assert", {"that": "x", "quiet": True})["quiet"] is True


def test_what_is_left_of_a_wrong_playbook_can_be_parsed_at_its_old_places() -> None:
    text = (
        "- hosts: web\n  serial: often\n  tasks:\n    - 5\n    - command: ls\n      retries: x\n    - nothing: at all\n"
        "    - block: 3\n    - name: last\n      command: ls\n"
    )
    structure = playbook_structure(load_text(text, "p.yml"))
    assert len(structure.problems) == 5
    assert structure.usable
    (play,) = parse(structure.usable).plays
    assert [entry.path for entry in play.tasks] == [f"plays[0].tasks[{index}]" for index in range(5)]
    assert play.tasks[4].name == "last"
    assert play.serial == ()


def test_a_playbook_becomes_plays_blocks_and_tasks_with_stable_paths() -> None:
    text = """
- hosts: [web, db]
  tags: "a, b"
  tasks:
    - command: ls -l
      args: {chdir: /tmp}
      when: x
      notify: restart
    - block:
        - debug:
      rescue:
        - name: say
          debug: {msg: x}
          loop: [1]
          loop_control: {index_var: n}
      always:
        - shell: {cmd: ls}
          changed_when: false
      when: [a, b]
  handlers:
    - name: restart
      command: ls
      listen: [x, y]
"""
    document = load_text(text, "p.yml")
    assert playbook_problems(document) == []
    (play,) = parse(document).plays
    first, block = play.tasks
    assert play.hosts == play.name == "web,db"
    assert play.keywords.tags == ("a", "b")
    assert isinstance(first, Task)
    assert (first.module, first.args, first.name) == ("command", {"cmd": "ls -l", "chdir": "/tmp"}, "command")
    assert first.keywords.when == ("x",)
    assert first.keywords.notify == ("restart",)
    assert str(first.location) == "p.yml:5:7"
    assert isinstance(block, Block)
    assert block.keywords.when == ("a", "b")
    (rescue,) = block.rescue
    assert isinstance(rescue, Task)
    assert (rescue.path, rescue.loop_control.index_var) == ("plays[0].tasks[1].rescue[0]", "n")
    (always,) = block.always
    assert isinstance(always, Task)
    assert (always.path, always.changed_when, always.failed_when) == ("plays[0].tasks[1].always[0]", (False,), None)
    (handler,) = play.handlers
    assert (handler.path, handler.listen) == ("plays[0].handlers[0]", ("x", "y"))


def test_objectives_are_read_in_seconds() -> None:
    document = load_text("- hosts: web\n  objectives: {rto: 4h, rpo: 90}\n  tasks: []\n", "p.yml")
    assert parse(document).plays[0].objectives.rto == 14400
    assert parse(document).plays[0].objectives.rpo == 90


@pytest.mark.parametrize("name", sorted(module_names()))
def test_the_reference_tells_every_argument_of_every_module(name: str) -> None:
    text = module_reference(name)
    assert all(f"\n{key} (" in text for key in module_schema(name)["properties"])
    assert text.endswith("\n")
    assert name in module_table()
