"""`sentraplay backups list`: the repository tells, and nothing else is asked."""

from __future__ import annotations

import json

from tests.cli.program import Program

PLAYBOOK = """\
- hosts: localhost
  tasks:
    - files_backup:
        service: scanner
        repository: main
        paths: [{path}]
"""
INVENTORY = "all:\n  vars:\n    repositories:\n      main: {{type: directory, path: {path}}}\n"


def test_a_backup_that_was_made_is_listed(sentraplay: Program) -> None:
    sentraplay.write("data/report.txt", "content")
    sentraplay.write("backup.yml", PLAYBOOK.replace("{path}", str(sentraplay.directory / "data")))
    sentraplay.write("inventory.yml", INVENTORY.format(path=sentraplay.directory / "repository"))
    empty = sentraplay("backups", "list", "main", "-i", "inventory.yml")
    assert (empty.code, empty.out) == (0, "no backups\n")
    made = sentraplay("run", "backup.yml", "-i", "inventory.yml")
    assert made.code == 0, made.everything
    listed = sentraplay("backups", "list", "main", "-i", "inventory.yml").out.splitlines()
    assert listed[0].split()[:3] == ["BACKUP", "SERVICE", "KIND"]
    assert " scanner " in listed[1]
    one = json.loads(sentraplay("backups", "list", "main", "-i", "inventory.yml", "--output", "json").out)
    assert (one["service"], one["kind"], one["host"]) == ("scanner", "files", "localhost")
    assert one["id"] in listed[1]


def test_a_repository_nobody_defined_is_one_message_with_the_nearest_name(sentraplay: Program) -> None:
    sentraplay.write("inventory.yml", INVENTORY.format(path=sentraplay.directory / "repository"))
    ended = sentraplay("backups", "list", "mian", "-i", "inventory.yml")
    assert ended.code == 2
    assert "there is no repository called mian" in ended.err
    assert "did you mean 'main'?" in ended.err


def test_a_definition_that_is_wrong_once_rendered_is_refused(sentraplay: Program) -> None:
    sentraplay.write("inventory.yml", INVENTORY.format(path="'{{ where }}'"))
    ended = sentraplay("backups", "list", "main", "-i", "inventory.yml", "-e", "where=not/absolute")
    assert ended.code == 2
    assert "the repository main cannot be used" in ended.err
    assert "absolute path" in ended.err


def test_a_key_that_is_nowhere_is_told_with_the_repository_that_needs_it(sentraplay: Program) -> None:
    sentraplay.write("inventory.yml", INVENTORY.format(path="\"{{ lookup('env', 'SENTRAPLAY_NOT_SET') }}\""))
    ended = sentraplay("backups", "list", "main", "-i", "inventory.yml")
    assert ended.code == 2
    assert "the repository main cannot be used: the environment variable SENTRAPLAY_NOT_SET is not set" in ended.err


def test_a_disk_that_is_not_mounted_is_told_and_nothing_is_written_in_its_place(sentraplay: Program) -> None:
    sentraplay.write("data/report.txt", "content")
    sentraplay.write("backup.yml", PLAYBOOK.replace("{path}", str(sentraplay.directory / "data")))
    (sentraplay.directory / "disk").mkdir()
    where = f"{sentraplay.directory}/disk/backups, mount: {sentraplay.directory}/disk"
    sentraplay.write("inventory.yml", INVENTORY.format(path=where))
    for words in (("run", "backup.yml"), ("backups", "list", "main"), ("backups", "status", "main")):
        ended = sentraplay(*words, "-i", "inventory.yml")
        assert ended.code == 2, ended.everything
        assert f"nothing is mounted at {sentraplay.directory}/disk" in ended.everything
        assert "mount it on localhost" in ended.everything
    assert list((sentraplay.directory / "disk").iterdir()) == []


def test_a_mount_point_the_directory_is_not_on_is_refused(sentraplay: Program) -> None:
    sentraplay.write("inventory.yml", INVENTORY.format(path="/srv/backups, mount: /srv/back"))
    ended = sentraplay("backups", "list", "main", "-i", "inventory.yml")
    assert ended.code == 2
    assert "/srv/backups is not below /srv/back" in ended.err
