"""Whole processes timed side by side: in turn, several rounds, medians, ratios round by round."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Contestant:
    """A command that does the work. `env` is the whole environment of its process; `ready` comes before, untimed."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    ready: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds one process and all its children took, and its largest resident size in MiB."""

    wall: float
    cpu: float
    memory: float


def cost_of(contestant: Contestant, log: Path) -> Cost:
    """Run once; its output goes to `log`. A status other than 0 ends the benchmark: a failed run has no time."""
    if contestant.ready is not None:
        contestant.ready()
    with log.open("wb") as out:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.monotonic()
        process = subprocess.Popen(
            contestant.argv, env=dict(contestant.env), stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
        _, status, own = os.wait4(process.pid, 0)
        wall = time.monotonic() - started
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise SystemExit(
            f"{contestant.name} ended with {process.returncode}:\n{log.read_text(errors='replace')[-4000:]}"
        )
    cpu = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
    return Cost(wall, cpu, own.ru_maxrss / 1024)


def rounds(contestants: Sequence[Contestant], count: int, folder: Path) -> dict[str, list[Cost]]:
    """One warm-up each, then `count` rounds in which everybody runs once, in turn."""
    for contestant in contestants:
        cost_of(contestant, folder / f"{contestant.name}.log")
    costs: dict[str, list[Cost]] = {contestant.name: [] for contestant in contestants}
    for _ in range(count):
        for contestant in contestants:
            costs[contestant.name].append(cost_of(contestant, folder / f"{contestant.name}.log"))
    return costs


def table(costs: Mapping[str, Sequence[Cost]], base: str) -> str:
    """A row per contestant: medians, and the median of the ratios to `base` taken within each round."""
    lines = [f"{'':<24}{'wall s':>9}{'cpu s':>9}{'MiB':>8}{'wall ratio':>12}{'cpu ratio':>12}"]
    for name, own in costs.items():
        wall = statistics.median(cost.wall for cost in own)
        cpu = statistics.median(cost.cpu for cost in own)
        memory = statistics.median(cost.memory for cost in own)
        pairs = list(zip(own, costs[base], strict=True))
        wall_ratio = statistics.median(a.wall / b.wall for a, b in pairs)
        cpu_ratio = statistics.median(a.cpu / b.cpu for a, b in pairs)
        lines.append(f"{name:<24}{wall:>9.2f}{cpu:>9.2f}{memory:>8.0f}{wall_ratio:>12.2f}{cpu_ratio:>12.2f}")
    return "\n".join(lines)
