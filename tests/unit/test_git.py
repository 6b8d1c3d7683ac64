"""Which commit a run says its playbook belongs to; git is the real one."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from runner.hosts.contract import Host
from runner.hosts.local import open_local
from runner.wiring.git import commit_of


@pytest.fixture
def controller() -> Iterator[Host]:
    with closing(open_local()) as host:
        yield host


@pytest.fixture
def playbook(tmp_path: Path) -> Path:
    folder = tmp_path / "site" / "playbooks"
    folder.mkdir(parents=True)
    path = folder / "play.yml"
    path.write_text("[]\n")
    return path


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_it_is_the_commit_of_the_repository_around_the_playbook(playbook: Path, controller: Host) -> None:
    site = playbook.parent.parent
    git(site, "init", "-q")
    git(site, "add", ".")
    git(site, "commit", "-q", "-m", "x")
    head = git(site, "rev-parse", "HEAD")
    assert commit_of(playbook, controller) == head
    playbook.write_text("[1]\n")
    assert commit_of(playbook, controller) == f"{head}-dirty"


def test_outside_a_repository_git_is_not_even_started(
    playbook: Path, controller: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "started"
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch {mark}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    assert commit_of(playbook, controller) == ""
    assert not mark.exists()
    (playbook.parent / ".git").mkdir()
    commit_of(playbook, controller)
    assert mark.exists()
