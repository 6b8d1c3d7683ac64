"""Whether services have really come up.

`up -d` ends with 0 although the service inside died a moment later. A service counts when its health
check says so; without one, when it has been running for some seconds without a restart.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from runner.errors import TaskFailed, TimedOut
from runner.frozen import frozen
from runner.hosts.contract import Command, Reader
from runner.modules.contract import Acting
from runner.modules.docker.configuration import Service
from runner.modules.docker.project import ComposeProject, Container
from runner.units import human_seconds

POLL_SECONDS: Final = 1.0
# Services often die until their database answers; Docker doubles its patience with every restart, so
# that this many take about a minute and a half.
RESTART_LOOP: Final = 10


@frozen
class Patience:
    """Seconds: how long to wait in all, and how long a service without a health check has to run."""

    limit: float
    stable_for: float


@frozen
class Verdict:
    """`dead`: no waiting will help. Both are empty when everything is up."""

    dead: Mapping[str, str]
    waiting: Mapping[str, str]


def judge(
    services: Sequence[Service],
    containers: Sequence[Container],
    now: float,
    stable_for: float,
    restarts_before: Mapping[str, int],
) -> Verdict:
    """How services stand at the host's time `now`: service -> its state in words."""
    dead: dict[str, str] = {}
    waiting: dict[str, str] = {}
    for service in services:
        own = [one for one in containers if one.service == service.name]
        if not own:
            dead[service.name] = "has no container"
        for one in own:
            restarts = one.restarts - restarts_before.get(one.id, 0)
            if _is_dead(service, one) or restarts >= RESTART_LOOP:
                dead[service.name] = one.describe()
            elif not _is_up(service, one, now, stable_for):
                waiting[service.name] = one.describe()
    return Verdict(dead, waiting)


def wait_until_up(at: Acting, project: ComposeProject, services: Sequence[Service], patience: Patience) -> None:
    """Return once all are up; TaskFailed, with what the service said last, if one is dead or time is up."""
    began = time.monotonic()
    names = [service.name for service in services]
    before = {one.id: one.restarts for one in project.containers(at.host, names)}
    while True:
        containers = project.containers(at.host, names)
        verdict = judge(services, containers, _now(at.host), patience.stable_for, before)
        if verdict.dead:
            raise _failure(at.host, project, verdict.dead, containers)
        if not verdict.waiting:
            return
        waited = time.monotonic() - began
        if waited >= patience.limit:
            raise _timed_out(at.host, project, verdict.waiting, containers, waited)
        at.progress(
            f"waiting for {', '.join(verdict.waiting)}", len(names) - len(verdict.waiting), len(names), "services"
        )
        at.sleep(min(POLL_SECONDS, patience.limit - waited))


def _is_dead(service: Service, one: Container) -> bool:
    if one.status not in ("exited", "dead", "removing"):
        return False
    if one.status == "exited" and service.runs_to_end and one.exit_code == 0:
        return False
    return not one.restarts_itself


def _is_up(service: Service, one: Container, now: float, stable_for: float) -> bool:
    if service.runs_to_end and one.status == "exited":
        return one.exit_code == 0
    if not one.running or service.runs_to_end:
        return False
    if one.health:
        return one.health == "healthy"
    return now - _epoch(one.started_at) >= stable_for


def _now(reader: Reader) -> float:
    return float(reader.query(Command(("date", "+%s"))).stdout)


def _epoch(stamp: str) -> float:
    """Docker's times have nanoseconds, which datetime does not read."""
    whole, _, rest = stamp.partition(".")
    zone = rest.lstrip("0123456789") or "Z"
    return datetime.fromisoformat(whole.removesuffix("Z") + ("+00:00" if zone == "Z" else zone)).timestamp()


def _failure(
    reader: Reader, project: ComposeProject, dead: Mapping[str, str], containers: Sequence[Container]
) -> TaskFailed:
    return TaskFailed(
        f"{_states(dead)}{_last_words(reader, project, dead, containers)}",
        why="compose reports success as soon as a container was started, whatever becomes of it",
        hint=f"look at the rest with `{' '.join(project.program)} logs {' '.join(dead)}` in {project.directory}",
        data={"services": dict(dead)},
    )


def _timed_out(
    reader: Reader,
    project: ComposeProject,
    waiting: Mapping[str, str],
    containers: Sequence[Container],
    waited: float,
) -> TimedOut:
    return TimedOut(
        f"not up after {human_seconds(waited)}: {_states(waiting)}{_last_words(reader, project, waiting, containers)}",
        hint="raise `wait_timeout` if the service only needs longer",
        data={"services": dict(waiting)},
    )


def _states(services: Mapping[str, str]) -> str:
    return "; ".join(f"service {name} {state}" for name, state in services.items())


def _last_words(
    reader: Reader, project: ComposeProject, services: Mapping[str, str], containers: Sequence[Container]
) -> str:
    said = ""
    for name in services:
        own = [one for one in containers if one.service == name]
        checks = next((one.health_output for one in own if one.health == "unhealthy" and one.health_output), "")
        said += f"\nits health check says: {checks}" if checks else ""
        logs = project.logs(reader, name) if own else ""
        said += f"\nlast lines of {name}:\n{logs}" if logs else ""
    return said
