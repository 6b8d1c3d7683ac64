"""What is wanted of a service, and what has to be done for it, whoever manages services on the host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Result
from runner.modules.system.planning import NotThereYet

State = Literal["reloaded", "restarted", "started", "stopped"]


@frozen
class Seen:
    """How a service is. `enabled` is None when it cannot be told, `fixed` when it is not for anybody to enable."""

    running: bool
    enabled: bool | None = None
    fixed: bool = False
    stopping: bool = False


@frozen
class Wish:
    state: State | None
    enabled: bool | None

    def verbs(self, seen: Seen) -> tuple[str, ...]:
        """What has to be done, in order: enable or disable, then start, stop, restart or reload."""
        found: list[str] = []
        if self.enabled is not None and self.enabled != seen.enabled and not (seen.fixed and not self.enabled):
            found.append("enable" if self.enabled else "disable")
        if self.state is not None and (verb := _STATES[self.state](seen)):
            found.append(verb)
        return tuple(found)

    def told(self, name: str) -> dict[str, object]:
        """What a registered result holds."""
        told: dict[str, object] = {"name": name}
        if self.state is not None:
            told["state"] = "stopped" if self.state == "stopped" else "started"
        if self.enabled is not None:
            told["enabled"] = self.enabled
        return told


_STATES: Final[Mapping[State, Callable[[Seen], str]]] = {
    "started": lambda seen: "" if seen.running else "start",
    "stopped": lambda seen: "stop" if seen.running or seen.stopping else "",
    "restarted": lambda seen: "restart" if seen.running else "start",
    "reloaded": lambda seen: "reload" if seen.running else "start",
}


def summary(name: str, verbs: tuple[str, ...]) -> str:
    return f"{' and '.join(verbs)} {name}" if verbs else f"{name} is as wanted"


def not_found(name: str) -> NotThereYet:
    return NotThereYet(
        f"Could not find the requested service {name}: host",
        hint="check the name; what installs the service has to come first",
        data={"name": name},
    )


def failed(verb: str, name: str, result: Result, hint: str = "") -> TaskFailed:
    said = (result.stderr.strip() or result.stdout.strip()).splitlines()
    words = said[-1] if said else f"status {result.exit_code}"
    lowered = result.stderr.lower()
    if "access denied" in lowered or "permission denied" in lowered or "authentication required" in lowered:
        hint = "services are managed by root: add `become: true`"
    return TaskFailed(
        f"Unable to {verb} service {name}: {words}",
        hint=hint,
        data={"name": name, "rc": result.exit_code, "stdout": result.stdout, "stderr": result.stderr},
    )
