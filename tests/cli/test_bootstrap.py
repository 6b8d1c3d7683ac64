"""`sentraplay bootstrap`: an empty machine, a repository and an identity."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pyrage
import pytest

from tests.cli.program import Program

IDENTITY = pyrage.x25519.Identity.generate()
INVENTORY = """\
all:
  vars:
    repositories:
      main: {{type: directory, path: {path}/repository, encryption: {{recipients: [{recipient}]}}}}
      plain: {{type: directory, path: {path}/plain}}
"""
BACKUP = """\
- hosts: localhost
  tasks:
    - files_backup: {{service: scanner, repository: {repository}, paths: ["{path}/project/data"]}}
    - project_backup: {{service: scanner, repository: {repository}{more}}}
"""


@pytest.fixture
def project(sentraplay: Program) -> Path:
    """A git work tree with a playbook and an inventory, backed up."""
    top = sentraplay.directory / "project"
    sentraplay.write("project/data/report.txt", "content")
    sentraplay.write("project/.venv/big", "left out")
    sentraplay.write(
        "project/inventory.yml", INVENTORY.format(path=sentraplay.directory, recipient=IDENTITY.to_public())
    )
    play(sentraplay, "main")
    sentraplay.write("identity", f"{IDENTITY}\n")
    (sentraplay.directory / "identity").chmod(0o600)
    subprocess.run(["git", "init", "-q", str(top)], check=True)
    return top


def play(program: Program, repository: str, more: str = "") -> None:
    text = BACKUP.format(repository=repository, path=program.directory, more=more)
    program.write("project/playbooks/backup.yml", text)


def backup(program: Program, code: int = 0) -> str:
    ended = program("run", "project/playbooks/backup.yml", "-i", "project/inventory.yml")
    assert ended.code == code, ended.everything
    return ended.everything


def test_a_repository_and_an_identity_bring_everything_back(sentraplay: Program, project: Path) -> None:
    backup(sentraplay)
    where = sentraplay.directory / "new"
    ended = sentraplay("bootstrap", str(sentraplay.directory / "repository"), str(where), "--identity", "identity")
    assert ended.code == 0, ended.everything
    assert (where / "playbooks/backup.yml").read_text() == (project / "playbooks/backup.yml").read_text()
    assert (where / "inventory.yml").stat().st_mode & 0o777 == 0o600
    assert (where / ".git").is_dir() and not (where / ".venv").exists()
    assert len(list((where / "manifests/scanner").glob("*.json"))) == 2
    checked = sentraplay("validate", "new/playbooks", "-i", "new/inventory.yml")
    assert checked.code == 0, checked.everything


def test_what_to_do_next_can_be_pasted_into_a_shell(sentraplay: Program, project: Path) -> None:
    backup(sentraplay)
    where = sentraplay.directory / "new & shiny"
    ended = sentraplay("bootstrap", str(sentraplay.directory / "repository"), str(where), "--identity", "identity")
    said = ended.out.splitlines()[-1].removeprefix("next: ")
    words = shlex.split(said)
    assert words[:2] == ["cd", f"{where};"]
    assert words[-2:] == ["validate", "."]


def test_a_project_is_verified_on_the_controller_alone(sentraplay: Program, project: Path) -> None:
    """What opens everything is in it: no other host gets to see it."""
    backup(sentraplay)
    (project / "inventory.yml").write_text(
        (project / "inventory.yml").read_text() + "  hosts:\n    far: {ansible_host: 127.0.0.1, ansible_port: 1}\n"
    )
    task = "backup_verify: {service: scanner, repository: main, kind: project}"
    sentraplay.write("project/verify.yml", f"- hosts: far\n  gather_facts: false\n  tasks:\n    - {task}\n")
    ended = sentraplay("run", "project/verify.yml", "-i", "project/inventory.yml", "--identity", "identity")
    assert ended.code == 0, ended.everything
    listed = sentraplay("backups", "list", str(sentraplay.directory / "repository"))
    (line,) = [line for line in listed.out.splitlines() if " project " in line]
    assert "full, " in line


def test_nothing_is_overwritten(sentraplay: Program, project: Path) -> None:
    backup(sentraplay)
    sentraplay.write("new/mine", "only copy")
    ended = sentraplay("bootstrap", str(sentraplay.directory / "repository"), "new", "--identity", "identity")
    assert ended.code == 7 and "not empty" in ended.err
    assert [path.name for path in (sentraplay.directory / "new").iterdir()] == ["mine"]


def test_without_an_identity_nothing_is_written(sentraplay: Program, project: Path) -> None:
    backup(sentraplay)
    ended = sentraplay("bootstrap", str(sentraplay.directory / "repository"), "new")
    assert ended.code == 2 and "no identity is at hand" in ended.err
    assert not list((sentraplay.directory / "new").glob("*"))


def test_a_project_does_not_go_unencrypted_unless_somebody_says_so(sentraplay: Program, project: Path) -> None:
    play(sentraplay, "plain")
    assert "does not encrypt" in backup(sentraplay, code=2)
    play(sentraplay, "plain", ", require_encryption: false")
    backup(sentraplay)
    ended = sentraplay("bootstrap", str(sentraplay.directory / "plain"), "new")
    assert ended.code == 0, ended.everything


def test_a_repository_without_a_project_says_what_it_has_instead(sentraplay: Program) -> None:
    ended = sentraplay("bootstrap", str(sentraplay.directory / "nothing"), "new")
    assert ended.code == 2 and "no playbooks and no inventory" in ended.err
