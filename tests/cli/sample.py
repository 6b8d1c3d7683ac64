"""A run as the engine tells it: one of everything a renderer must show."""

from __future__ import annotations

from runner.events import (
    AttemptFailed,
    BatchFinished,
    BatchStarted,
    Confirmed,
    Event,
    FactsCleared,
    HandlersFlushed,
    HostRecap,
    HostRescued,
    HostsForgiven,
    ItemFinished,
    ObjectiveMeasured,
    OutputLine,
    PlayFinished,
    PlayStarted,
    Progress,
    RunFinished,
    RunStarted,
    Status,
    TaskFinished,
    TaskInterrupted,
    TaskStarted,
    Warned,
)

PLAY = "plays[0]"
RUN = "20261123T025822Z-ab12cd"


def task(n: int) -> str:
    return f"{PLAY}.tasks[{n}]"


def finished(n: int, host: str, status: Status, name: str = "", **more: object) -> TaskFinished:
    values: dict[str, object] = {"result": {}, "seconds": 0.5, **more}
    return TaskFinished(path=task(n), host=host, name=name, status=status, at=20.0 + n, **values)  # type: ignore[arg-type]  # free keywords


BEGINNING: tuple[Event, ...] = (
    RunStarted(run=RUN, playbook="dr-restore.yml", fingerprint="f" * 8, options={"check": False}, at=10.0),
    PlayStarted(path=PLAY, name="Recover the scanner", hosts=("db1", "db2"), at=10.0),
    BatchStarted(path=PLAY, index=0, hosts=("db1", "db2"), at=10.0),
)
ENDS: tuple[Event, ...] = (
    TaskStarted(path=task(0), name="Say hello", module="command", hosts=("db1", "db2"), at=11.0),
    OutputLine(path=task(0), host="db1", stream="stdout", text="hello \x1b[31mworld\x1b[0m\x07", at=11.1),
    OutputLine(path=task(0), host="db1", stream="stderr", text="caf\udce9", at=11.1),
    finished(0, "db1", Status.CHANGED, diff="--- before\n+++ after\n-old\n+new\n"),
    finished(0, "db2", Status.OK),
    TaskStarted(path=task(1), name="Only on one", module="command", hosts=("db1", "db2"), at=12.0),
    finished(1, "db1", Status.SKIPPED),
    finished(
        1,
        "db2",
        Status.FAILED,
        message="pg_dump ended with status 1\nand left nothing",
        hint="look at the server's log",
        result={"msg": "x", "stderr": "".join(f"line {n}\n" for n in range(30)), "rc": 1},
    ),
    HostRescued(path=task(1), host="db2", at=13.0),
)
LOOP_AND_REST: tuple[Event, ...] = (
    TaskStarted(path=task(2), name="Each table", module="pg_query", hosts=("db1",), at=14.0),
    ItemFinished(path=task(2), host="db1", index=0, label="scans", status=Status.OK, result={}, at=14.1),
    ItemFinished(
        path=task(2), host="db1", index=1, label="keys", status=Status.FAILED, result={"msg": "no table"}, at=14.2
    ),
    finished(2, "db1", Status.IGNORED, message="one item failed"),
    AttemptFailed(path=task(3), host="db1", attempt=1, retries=3, message="connection refused", at=15.0),
    TaskStarted(path=task(4), name="", module="debug", hosts=("db1",), at=16.0),
    finished(4, "db1", Status.OK, result={"msg": {"rows": 12}}),
    TaskStarted(
        path="plays[0].handlers[0]", name="restart", module="compose", hosts=("db1",), is_handler=True, at=17.0
    ),
    Progress(path="plays[0].handlers[0]", host="db1", label="upload", done=1, total=2, at=17.1),
    TaskFinished(
        path="plays[0].handlers[0]",
        host="db1",
        name="restart",
        status=Status.UNREACHABLE,
        result={},
        seconds=1.0,
        message="no route to host",
        at=17.2,
    ),
    TaskInterrupted(path=task(5), host="db2", name="Wait", at=17.3),
    finished(6, "db2", Status.UNKNOWN, message="depends on what the dump would hold"),
    Warned(message="the host key was accepted as new", where="db1", hint="pin it with host_key", at=17.3),
    Confirmed(path=task(7), question="Replace the live database?", at=17.9),
    HandlersFlushed(path=PLAY, hosts=("db1",), at=18.0),
    FactsCleared(path=PLAY, hosts=("db1",), at=18.0),
    HostsForgiven(path=PLAY, hosts=("db1",), at=18.0),
    BatchFinished(path=PLAY, index=0, at=18.0),
    PlayFinished(path=PLAY, at=18.0),
    ObjectiveMeasured(path=PLAY, objective="rto", target_seconds=14400.0, reached_seconds=62.0, met=True, at=18.0),
    ObjectiveMeasured(path=PLAY, objective="rpo", target_seconds=3600.0, reached_seconds=None, met=False, at=18.0),
    RunFinished(
        run=RUN,
        exit_code=4,
        seconds=62.0,
        recap={"db1": HostRecap(ok=2, changed=1), "db2": HostRecap(ok=1, failed=1, rescued=1)},
        at=19.0,
    ),
)
EVENTS = BEGINNING + ENDS + LOOP_AND_REST
