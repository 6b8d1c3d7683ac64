"""The engine with the real modules on the real machine: the same playbook checked, run, and run again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from runner.errors import ExitCode
from runner.events import Status
from runner.hosts.contract import Host, Hosts
from runner.hosts.local import open_local
from runner.modules.table import MODULES
from tests.support.stage import Machines, Run, Stage


class Here(Machines):
    """Every name is this machine."""

    def get(self, name: str) -> Host:
        known = cast(dict[str, Host], self._open)
        return known.setdefault(name, open_local(name))

    def close(self) -> None:
        for host in self.all_open():
            host.close()


@pytest.fixture
def here() -> Iterator[Here]:
    found = Here()
    yield found
    found.close()


PLAYBOOK = """
- hosts: all
  vars: {{base: "{base}/{{{{ inventory_hostname }}}}"}}
  tasks:
    - {{name: directory, file: {{path: "{{{{ base }}}}", state: directory, mode: "0750"}}}}
    - name: content
      copy: {{content: "hello {{{{ inventory_hostname }}}}\\n", dest: "{{{{ base }}}}/conf"}}
      notify: reload
    - {{name: cat, command: "cat {{{{ base }}}}/conf", register: out, changed_when: false}}
    - {{name: right, assert: {{that: "out.stdout == 'hello ' ~ inventory_hostname"}}}}
    - {{name: stat, stat: {{path: "{{{{ base }}}}/conf"}}, register: seen}}
    - {{name: size, set_fact: {{size: "{{{{ seen.stat.size }}}}"}}}}
    - {{name: told, debug: {{var: size}}}}
  handlers:
    - name: reload
      command: touch {{{{ base }}}}/reloaded
      args: {{creates: "{{{{ base }}}}/reloaded"}}
"""


def run(stage: Stage, here: Here, base: Path, **options: Any) -> Run:
    stage.hosts("a", "b")
    return stage.run(PLAYBOOK.format(base=base), modules=MODULES, hosts=cast(Hosts, here), **options)


def test_a_playbook_does_its_work_once(stage: Stage, here: Here, tmp_path: Path) -> None:
    first = run(stage, here, tmp_path)
    assert first.code == ExitCode.OK
    assert (tmp_path / "b" / "conf").read_text() == "hello b\n"
    assert (tmp_path / "a" / "reloaded").exists()
    assert first.result("told", "b")["size"] == 8
    assert (first.recap("a").ok, first.recap("a").changed) == (8, 3)
    second = run(stage, here, tmp_path)
    assert (second.recap("a").ok, second.recap("a").changed) == (7, 0)


def test_checked_on_an_empty_machine_it_touches_nothing_and_does_not_guess(
    stage: Stage, here: Here, tmp_path: Path
) -> None:
    before = sorted(path.name for path in tmp_path.iterdir())
    checked = run(stage, here, tmp_path, check=True)
    assert checked.code == ExitCode.OK
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted({*before, "play.yml"})
    assert checked.status("directory") is Status.CHANGED
    unsure = ["content", "right", "size"]
    assert {name: checked.status(name) for name in unsure} == dict.fromkeys(unsure, Status.UNKNOWN)


def test_checked_on_a_finished_machine_it_would_change_nothing(stage: Stage, here: Here, tmp_path: Path) -> None:
    run(stage, here, tmp_path)
    checked = run(stage, here, tmp_path, check=True)
    assert checked.recap("a").changed == 0
    assert (checked.status("content"), checked.status("stat")) == (Status.OK, Status.OK)
