"""`async`: jobs that outlive the link and the controller that started them."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.program import Program
from tests.support.proxy import Fault, FaultProxy
from tests.support.sshd import SshServer
from tests.support.workplace import wait_until

pytestmark = pytest.mark.live


def jobs_left(home: Path) -> list[Path]:
    return list(home.glob(".sentraplay/jobs/*"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home of the host's user, as far as jobs are concerned."""
    directory = tmp_path / "home"
    directory.mkdir()
    return directory


def play(home: Path, task: str, hosts: str = "localhost") -> str:
    return f"- hosts: {hosts}\n  environment: {{HOME: {home}}}\n  tasks:\n{task}"


def test_a_job_is_waited_for_and_leaves_nothing(sentraplay: Program, home: Path) -> None:
    text = play(home, "    - {name: t, shell: sleep 1; echo hi, async: 20, poll: 0.2, register: r}\n")
    sentraplay.write("p.yml", text + "    - debug: {var: r}\n")
    ended = sentraplay("run", "p.yml", "-vv")
    assert ended.code == 0, ended.everything
    assert '"stdout": "hi"' in ended.out and '"finished": true' in ended.out
    assert jobs_left(home) == []


def test_a_job_nobody_waits_for_is_found_again_by_its_id(sentraplay: Program, home: Path) -> None:
    text = """\
    - {name: start, shell: sleep 1; echo hi; exit 0, async: 20, poll: 0, register: r}
    - {name: early, async_status: {jid: "{{ r.ansible_job_id }}"}, register: s}
    - {assert: {that: [r is started, s is not finished, not s.changed]}}
    - name: wait
      async_status: {jid: "{{ r.ansible_job_id }}"}
      register: s
      until: s is finished
      retries: 30
      delay: 0.2
    - {assert: {that: [s.stdout == 'hi', s.rc == 0, s is changed]}}
    - {async_status: {jid: "{{ r.ansible_job_id }}", mode: cleanup}}
    - {name: gone, async_status: {jid: "{{ r.ansible_job_id }}"}, register: s, ignore_errors: true}
    - {assert: {that: [s is failed, s.msg == 'could not find job']}}
"""
    sentraplay.write("p.yml", play(home, text))
    ended = sentraplay("run", "p.yml")
    assert ended.code == 0, ended.everything
    assert jobs_left(home) == []


def test_a_job_that_takes_too_long_is_killed_and_fails(sentraplay: Program, home: Path) -> None:
    sentraplay.write("p.yml", play(home, "    - {command: sleep 77, async: 1, poll: 0.2}\n"))
    ended = sentraplay("run", "p.yml")
    assert ended.code == 2
    assert "did not complete within the requested time - 1s" in ended.out
    assert jobs_left(home) == []


def test_a_module_of_several_steps_cannot_be_a_job(sentraplay: Program) -> None:
    sentraplay.write("p.yml", "- hosts: localhost\n  tasks:\n    - copy: {content: x, dest: /tmp/x}\n      async: 5\n")
    ended = sentraplay("validate", "p.yml")
    assert ended.code == 6
    assert "p.yml:4:7: 'copy' cannot be a job of its own" in ended.everything


def test_a_job_goes_on_while_the_link_is_cut(
    sentraplay: Program, sshd: SshServer, fault_proxy: Callable[..., FaultProxy], home: Path
) -> None:
    host = sshd.host()
    proxy = fault_proxy((host.address, host.port), Fault())
    reached = host.variables(ansible_host=proxy.host, ansible_port=proxy.port, host_key=host.host_key)
    sentraplay.write("inventory.yml", json.dumps({"all": {"hosts": {"h": reached}}}))
    work = "    - {shell: echo begun >> $HOME/log; sleep 3; echo done >> $HOME/log, async: 60, poll: 0.2}\n"
    sentraplay.write("p.yml", play(home, work, "all"))
    process = sentraplay.start("run", "p.yml", "-i", "inventory.yml")
    try:
        wait_until("the job", (home / "log").exists, 30)
        proxy.fault = Fault(refuse=True)
        proxy.cut_now()
        wait_until("its end", lambda: "done" in (home / "log").read_text(), 30)
        proxy.fault = Fault()
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, out + err
    assert (home / "log").read_text() == "begun\ndone\n"
    assert jobs_left(home) == []


def test_a_resumed_run_waits_on_for_the_job_of_a_killed_controller(sentraplay: Program, home: Path) -> None:
    work = "    - {shell: echo begun >> $HOME/log; sleep 3; echo done >> $HOME/log, async: 60, poll: 0.2}\n"
    sentraplay.write("p.yml", play(home, work))
    process = sentraplay.start("run", "p.yml")
    wait_until("the job", (home / "log").exists, 30)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=20)
    ended = sentraplay("resume")
    assert ended.code == 0, ended.everything
    assert (home / "log").read_text() == "begun\ndone\n"
    assert jobs_left(home) == []


def test_ctrl_c_ends_the_job(sentraplay: Program, home: Path) -> None:
    work = "    - {shell: echo begun >> $HOME/log; sleep 66; echo done >> $HOME/log, async: 90, poll: 0.2}\n"
    sentraplay.write("p.yml", play(home, work))
    process = sentraplay.start("run", "p.yml")
    wait_until("the job", (home / "log").exists, 30)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, out + err
    assert jobs_left(home) == []
    assert (home / "log").read_text() == "begun\n"
