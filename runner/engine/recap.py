"""The counts of Ansible's PLAY RECAP line and the run's exit code, from the recorded ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from runner.engine.state import RunState
from runner.errors import ExitCode
from runner.events import HostRecap, Status, TaskFinished

COUNTS: Final[Mapping[Status, tuple[str, ...]]] = {
    Status.OK: ("ok",),
    Status.CHANGED: ("ok", "changed"),
    Status.SKIPPED: ("skipped",),
    Status.FAILED: ("failed",),
    Status.IGNORED: ("ok", "ignored"),
    Status.UNREACHABLE: ("unreachable",),
    Status.UNKNOWN: ("ok",),
}


def recap(state: RunState, hosts: Iterable[str]) -> dict[str, HostRecap]:
    """The counts of each of `hosts`, sorted by name as Ansible prints them."""
    counts: dict[str, Counter[str]] = {host: Counter() for host in sorted(hosts)}
    for (_, host), end in state.ends.items():
        counts.setdefault(host, Counter()).update(_counted(end) * end.counts)
    return {host: HostRecap(**count) for host, count in counts.items()}


def exit_code(state: RunState) -> ExitCode:
    """3 if a verification failed or an objective was missed, else 2 if a host failed, else 4 if one was
    unreachable, else 0. What was rescued or ignored does not count."""
    codes = {fatal.exit_code for fatal in state.fatal.values()}
    if ExitCode.VERIFICATION_FAILED in codes or not all(event.met for event in state.objectives.values()):
        return ExitCode.VERIFICATION_FAILED
    if ExitCode.HOSTS_FAILED in codes:
        return ExitCode.HOSTS_FAILED
    return ExitCode.UNREACHABLE if codes else ExitCode.OK


def _counted(end: TaskFinished) -> tuple[str, ...]:
    if end.to_rescue:
        return ("rescued",)
    if end.status is Status.IGNORED and end.result.get("changed"):
        return ("ok", "ignored", "changed")
    return COUNTS[end.status]
