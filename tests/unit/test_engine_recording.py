"""When the ends of tasks are recorded: soon, together where that costs nobody anything, and before what follows."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from runner.engine.chronicle import Chronicle, Unrecorded
from runner.engine.state import RunState
from runner.errors import ExitCode, Refused
from runner.events import Event, Status, TaskFinished, TaskStarted
from runner.secret import Redactor
from tests.support.stage import Stage
from tests.unit.test_engine_tasks import one

TWO_TASKS = "- {name: first, command: ok 1}\n- {name: second, command: ok 2}"


def start(name: str) -> TaskStarted:
    return TaskStarted(name, name, "command", ("a",), at=1.0)


def end(name: str, text: str = "") -> TaskFinished:
    return TaskFinished(name, "a", name, Status.OK, {"stdout": text}, 1.0, at=2.0)


class Published:
    """What was published, in the groups it came in; refuses while `full`."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.full = False

    def __call__(self, *events: Event) -> None:
        if self.full:
            raise OSError("no space left")
        self.groups.append([type(event).__name__ for event in events])


@pytest.fixture
def published() -> Published:
    return Published()


@pytest.fixture
def chronicle(published: Published) -> Chronicle:
    return Chronicle(published, Redactor(), RunState())


def test_an_end_and_the_start_of_what_follows_are_published_together(
    chronicle: Chronicle, published: Published
) -> None:
    chronicle.tell(start("one"))
    chronicle.hold(end("one"))
    assert ("one", "a") in chronicle.state.ends
    chronicle.tell(start("two"))
    assert published.groups == [["TaskStarted"], ["TaskFinished", "TaskStarted"]]
    chronicle.release()
    assert len(published.groups) == 2


def test_what_is_held_can_be_published_alone(chronicle: Chronicle, published: Published) -> None:
    chronicle.hold(end("one"))
    chronicle.release()
    assert published.groups == [["TaskFinished"]]


def test_what_another_thread_tells_leaves_what_this_one_holds_to_it(chronicle: Chronicle, published: Published) -> None:
    chronicle.hold(end("one"))
    other = threading.Thread(target=lambda: chronicle.tell(start("elsewhere")))
    other.start()
    other.join()
    assert published.groups == [["TaskStarted"]]
    chronicle.tell(start("two"))
    assert published.groups[-1] == ["TaskFinished", "TaskStarted"]


@pytest.mark.parametrize("next_step", [lambda it: it.release(), lambda it: it.tell(start("two"))])
def test_what_is_held_and_cannot_be_recorded_lets_nothing_follow(
    chronicle: Chronicle, published: Published, next_step: Callable[[Chronicle], None]
) -> None:
    chronicle.hold(end("one"))
    published.full = True
    with pytest.raises(Unrecorded, match="no space left"):
        next_step(chronicle)


@pytest.mark.parametrize("strategy", ["linear", "free"])
def test_every_end_is_recorded_before_what_follows_has_an_effect(stage: Stage, strategy: str) -> None:
    stage.hosts("a", "b", "c")
    recorded: set[tuple[str, str]] = set()

    def publish(event: Event) -> None:
        if isinstance(event, TaskFinished):
            recorded.add((event.name, event.host))

    def before(cmd: str, machine: str) -> None:
        if cmd == "ok 2":
            others = "abc" if strategy == "linear" else machine
            assert {("first", host) for host in others} <= recorded

    stage.scripted.before = before
    run = stage.run(one(TWO_TASKS, f"strategy: {strategy}"), publish=publish)
    assert run.code == ExitCode.OK
    assert len(recorded) == 6


def test_the_end_on_one_host_is_recorded_while_another_is_still_at_work(stage: Stage) -> None:
    stage.hosts("a", "b")
    told = threading.Event()

    def before(cmd: str, machine: str) -> None:
        if machine == "a":
            assert told.wait(20)

    stage.scripted.before = before
    run = stage.run(
        one("- {name: t, command: ok}"),
        publish=lambda event: told.set() if isinstance(event, TaskFinished) and event.host == "b" else None,
    )
    assert run.code == ExitCode.OK


def test_whoever_is_asked_has_seen_all_that_was_done(stage: Stage) -> None:
    seen: list[str] = []

    def ask(prompt: str, echo: bool) -> str:
        assert seen == ["first"]
        return "yes"

    run = stage.run(
        one("- {name: first, command: ok 1}\n- {name: second, command: ok 2, confirm: Sure?}"),
        publish=lambda event: seen.append(event.name) if isinstance(event, TaskFinished) else None,
        ask=ask,
    )
    assert run.code == ExitCode.OK
    assert seen == ["first", "second"]


@pytest.mark.parametrize(
    ("second", "error"),
    [("{name: second, command: ok 2, confirm: Sure?}", Refused), ("{name: second, command: bug}", ZeroDivisionError)],
    ids=["refused", "a bug"],
)
def test_a_run_that_breaks_off_has_recorded_what_was_done(stage: Stage, second: str, error: type[Exception]) -> None:
    seen: list[str] = []
    with pytest.raises(error):
        stage.run(
            one(f"- {{name: first, command: ok 1}}\n- {second}"),
            publish=lambda event: seen.append(event.name) if isinstance(event, TaskFinished) else None,
            ask=lambda prompt, echo: "no",
        )
    assert seen == ["first"]
