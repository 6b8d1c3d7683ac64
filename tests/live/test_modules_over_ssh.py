"""The generic modules over a real SSH connection: one playbook that uses many of them, checked, run, and run again."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.program import Ended, Program
from tests.support.sshd import SshServer

pytestmark = pytest.mark.live

PLAYBOOK = """\
- name: Many modules
  hosts: all
  vars: {{at: "{at}"}}
  tasks:
    - file: {{path: "{{{{ at }}}}", state: directory, mode: "0750"}}
    - copy: {{content: "one\\ntwo\\n", dest: "{{{{ at }}}}/conf", force: false}}
    - lineinfile: {{path: "{{{{ at }}}}/conf", regexp: "^two", line: "two = 2"}}
    - blockinfile: {{path: "{{{{ at }}}}/conf", block: "three\\nfour"}}
    - replace: {{path: "{{{{ at }}}}/conf", regexp: "^one$", replace: "one = {{{{ ansible_system }}}}"}}
    - slurp: {{src: "{{{{ at }}}}/conf"}}
      register: read
    - assert: {{that: "'two = 2' in read.content | b64decode"}}
    - file: {{path: "{{{{ at }}}}/tree/deep", state: directory}}
    - copy: {{src: payload, dest: "{{{{ at }}}}/tree/deep/"}}
    - archive: {{path: "{{{{ at }}}}/tree", dest: "{{{{ at }}}}/tree.tar.gz"}}
    - file: {{path: "{{{{ at }}}}/out", state: directory}}
    - unarchive: {{src: "{{{{ at }}}}/tree.tar.gz", dest: "{{{{ at }}}}/out", remote_src: true}}
    - stat: {{path: "{{{{ at }}}}/out/tree/deep/payload", checksum_algorithm: sha256}}
      register: unpacked
    - assert:
        that: unpacked.stat.checksum == (lookup('file', 'payload', rstrip=false) | hash('sha256'))
    - fetch: {{src: "{{{{ at }}}}/conf", dest: "fetched/"}}
    - script: {{cmd: "tell.sh {{{{ at }}}}"}}
      register: told
      changed_when: false
    - assert: {{that: told.stdout | trim == "told " ~ at}}
    - raw: echo $((1 + 1))
      register: sum
      changed_when: false
    - assert: {{that: sum.stdout | trim == '2'}}
    - ping:
    - git: {{repo: "{repo}", dest: "{{{{ at }}}}/clone", version: main}}
"""


@pytest.fixture
def repo(tmp_path: Path, sentraplay: Program) -> Path:
    """A repository of git with one commit."""
    directory = tmp_path / "repo"
    directory.mkdir()
    (directory / "file").write_text("content\n")
    who = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    for words in (["init", "-q", "-b", "main"], ["add", "."], [*who, "commit", "-q", "-m", "one"]):
        subprocess.run(["git", *words], cwd=directory, check=True, env=sentraplay.environment)
    return directory


def play(sentraplay: Program, *options: str) -> Ended:
    return sentraplay("run", "play.yml", "-i", "inventory.yml", *options)


def test_many_modules_do_over_ssh_what_they_say(
    sentraplay: Program, sshd: SshServer, tmp_path: Path, repo: Path
) -> None:
    at = tmp_path / "target"
    sentraplay.write("inventory.yml", json.dumps({"all": {"hosts": {"db1": sshd.host().variables()}}}))
    sentraplay.write("files/payload", "payload\n" * 40_000)
    sentraplay.write("files/tell.sh", '#!/bin/sh\necho "told $1"\n')
    sentraplay.write("play.yml", PLAYBOOK.format(at=at, repo=repo))
    checked = play(sentraplay, "--check")
    assert checked.code == 0, checked.everything
    assert not at.exists()
    first = play(sentraplay)
    assert first.code == 0, first.everything
    assert (at / "conf").read_text().startswith("one = Linux\ntwo = 2\n# BEGIN")
    assert (at / "clone" / "file").read_text() == "content\n"
    assert list((sentraplay.directory / "fetched").rglob("conf"))[0].read_bytes() == (at / "conf").read_bytes()
    again = play(sentraplay)
    assert again.code == 0, again.everything
    assert " changed=0 " in again.out.splitlines()[-1], again.everything
    assert [path.name for path in at.iterdir() if path.name.startswith(".sentraplay")] == []
