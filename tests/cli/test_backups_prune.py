"""`sentraplay backups prune` and the module: nothing goes without --yes, and every line says why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.program import Program
from tests.cli.test_backups import PLAYBOOK

INVENTORY = """\
all:
  vars:
    repositories:
      main: {{type: directory, path: {path}/repository, retention: {{keep_last: 1}}}}
      plain: {{type: directory, path: {path}/repository}}
"""
HERE = ("-i", "inventory.yml")
PRUNE = """\
- hosts: localhost
  tasks:
    - backup_prune: {service: scanner, repository: main}
      register: pruned
    - debug: {msg: "{{ pruned.removed | length }} removed"}
"""


@pytest.fixture
def made(sentraplay: Program) -> Program:
    """Three backups."""
    sentraplay.write("data/report.txt", "content")
    sentraplay.write("backup.yml", PLAYBOOK.replace("{path}", str(sentraplay.directory / "data")))
    sentraplay.write("inventory.yml", INVENTORY.format(path=sentraplay.directory))
    sentraplay.write("prune.yml", PRUNE)
    for _ in range(3):
        ended = sentraplay("run", "backup.yml", *HERE)
        assert ended.code == 0, ended.everything
    return sentraplay


def backups(program: Program) -> list[str]:
    return sorted(path.parent.name for path in Path(program.directory).glob("repository/scanner/*/manifest.json"))


def test_without_yes_it_only_says_what_would_go_and_why(made: Program) -> None:
    before = backups(made)
    ended = made("backups", "prune", "main", *HERE)
    assert ended.code == 0, ended.everything
    lines = ended.out.splitlines()
    assert [line.split()[1:3] for line in lines[:3]] == [[before[0], "DROP"], [before[1], "DROP"], [before[2], "keep"]]
    assert "the newest good one, keep_last" in lines[2] and "nothing was changed" in lines[3]
    assert backups(made) == before


def test_with_yes_it_is_done_and_the_second_time_there_is_nothing_to_do(made: Program) -> None:
    before = backups(made)
    assert "removed 2 backups" in made("backups", "prune", "main", "--yes", *HERE).out
    assert backups(made) == before[-1:]
    assert "removed 0 backups" in made("backups", "prune", "main", "--yes", *HERE).out


def test_rules_on_the_command_line_count_alone(made: Program) -> None:
    plain = made("backups", "prune", "main", "--keep-last", "2", "--output", "json", *HERE).out
    assert [json.loads(line)["keep"] for line in plain.splitlines()] == [False, True, True]


def test_without_any_rule_nothing_may_be_deleted(made: Program) -> None:
    ended = made("backups", "prune", "plain", "--yes", *HERE)
    assert ended.code == 5 and "nothing says how long" in ended.err
    assert len(backups(made)) == 3


def test_the_module_prunes_by_the_repositorys_rules_and_check_mode_changes_nothing(made: Program) -> None:
    assert made("run", "prune.yml", "--check", *HERE).code == 0
    assert len(backups(made)) == 3
    ended = made("run", "prune.yml", *HERE)
    assert ended.code == 0 and "2 removed" in ended.out, ended.everything
    assert len(backups(made)) == 1
