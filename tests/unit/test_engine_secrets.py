"""Secrets: masked in every event, usable while the run lives, and named when a resumed run lacks them."""

from __future__ import annotations

from runner.engine import recollect
from runner.errors import ExitCode
from runner.events import ItemFinished, OutputLine, RunFinished, Status, TaskFinished
from runner.journal import encode
from tests.support.stage import Run, Stage

PASSWORD = "tr0ub4dor&3"


def everything(run: Run) -> str:
    return "\n".join(encode(event)[1] for event in run.events if not isinstance(event, OutputLine))


def test_what_a_secret_got_into_is_masked_in_the_record_and_usable_in_the_run(stage: Stage) -> None:
    run = stage.run(
        f"""
        - hosts: all
          vars: {{db_password: "{PASSWORD}"}}
          tasks:
            - {{name: t, command: "ok {{{{ db_password }}}}", register: said}}
            - {{name: u, command: "ok {{{{ said.stdout }}}}"}}
        """
    )
    assert run.cmds() == [f"ok {PASSWORD}"] * 2
    assert run.result("t")["stdout"] == "***"
    assert run.end("t").withheld
    assert PASSWORD not in "".join(str(event.result) for event in run.ends())


SECRET_BETWEEN = f"""
        - hosts: all
          vars: {{db_password: "{PASSWORD}"}}
          tasks:
            - {{name: t, command: "ok {{{{ db_password }}}}", register: said}}
            - {{name: f, set_fact: {{copy: "x{{{{ db_password }}}}", plain: 5}}}}
            - {{name: here, command: ok}}
            - {{name: rc, command: "ok {{{{ said.rc }}}} {{{{ plain }}}}"}}
            - {{name: fact, command: "ok {{{{ copy }}}}", ignore_errors: true}}
            - {{name: when, command: ok, when: said.stdout == 'x', ignore_errors: true}}
            - {{name: default, command: "ok {{{{ said.stdout | default('none') }}}}", ignore_errors: true}}
            - {{name: lines, command: "ok {{{{ said.stdout_lines | join }}}}"}}
        """


def test_a_resumed_run_says_which_secret_it_lacks_instead_of_using_stars(stage: Stage) -> None:
    first = stage.run(SECRET_BETWEEN)
    cut = first.events[: 1 + first.events.index(first.end("here"))]
    again = stage.run(SECRET_BETWEEN, done=recollect(cut))
    assert again.cmds() == ["ok 0 5"]
    assert again.code == ExitCode.HOSTS_FAILED
    for name, lacking in {"fact": "copy", "when": "said", "default": "said", "lines": "said"}.items():
        assert f"{lacking} held a secret" in again.end(name).message
    assert "start a new run" in again.end("lines").hint


NO_LOG = """
        - hosts: all
          tasks:
            - {name: t, command: "changed {{ item }}", loop: [hush], no_log: true, register: said}
            - {name: here, command: ok}
            - {name: u, command: "ok {{ said.results[0].stdout }}", no_log: true}
            - {name: v, command: ok, when: said is changed}
        """


def test_a_resumed_rescue_is_not_told_stars_either(stage: Stage) -> None:
    playbook = f"""
        - hosts: all
          vars: {{db_password: "{PASSWORD}"}}
          tasks:
            - block: [{{command: "fail {{{{ db_password }}}}"}}]
              rescue:
                - {{name: here, command: ok}}
                - {{name: t, command: "ok {{{{ ansible_failed_result.stderr }}}}"}}
        """
    first = stage.run(playbook)
    assert first.cmds()[-1] == f"ok {PASSWORD}"
    cut = first.events[: 1 + first.events.index(first.end("here"))]
    again = stage.run(playbook, done=recollect(cut))
    assert again.cmds() == []
    assert "held a secret" in again.end("t").message


def test_no_log_hides_the_result_but_not_that_it_happened(stage: Stage) -> None:
    run = stage.run(NO_LOG)
    assert run.cmds() == ["changed hush", "ok", "ok hush", "ok"]
    assert run.status("t") is Status.CHANGED
    assert set(run.result("t")) == {"censored", "changed", "failed"}
    assert "hush" not in everything(run)
    assert not [event for event in run.events if isinstance(event, OutputLine) and event.text == "hush"]
    assert [event.label for event in run.events if isinstance(event, ItemFinished)] == ["(hidden)"]


def test_no_log_hides_why_it_failed(stage: Stage) -> None:
    run = stage.run("- {hosts: all, tasks: [{name: t, command: fail hush, no_log: true}]}")
    assert "hush" not in everything(run)
    assert "no_log" in run.end("t").message
    assert run.code == ExitCode.HOSTS_FAILED


def test_no_log_that_cannot_be_read_hides(stage: Stage) -> None:
    run = stage.run(
        """
        - hosts: all
          tasks: [{name: t, command: "ok {{ item.v }}", loop: [{v: hush, h: true}], no_log: "{{ item.h }}"}]
        """
    )
    assert "hush" not in everything(run)


def test_a_censored_result_is_known_in_part_after_a_resume(stage: Stage) -> None:
    first = stage.run(NO_LOG)
    cut = first.events[: 1 + first.events.index(first.end("here"))]
    again = stage.run(NO_LOG, done=recollect(cut))
    assert again.status("u") is Status.FAILED
    assert again.cmds() == []


def test_a_become_password_never_shows(stage: Stage) -> None:
    stage.hosts("a", a={"ansible_become_password": PASSWORD})
    run = stage.run(f"- {{hosts: all, become: true, tasks: [{{name: t, command: 'ok {PASSWORD}'}}]}}")
    assert run.result("t")["stdout"] == "***"


def test_the_record_of_a_run_holds_no_extra_variables_values(stage: Stage) -> None:
    run = stage.run("- {hosts: all, tasks: [{command: ok}]}", extra_vars={"token": PASSWORD})
    assert PASSWORD not in everything(run)
    assert isinstance(run.events[-1], RunFinished)
    assert [event for event in run.events if isinstance(event, TaskFinished)]
