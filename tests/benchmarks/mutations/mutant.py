"""A broken playbook, and what it takes to break one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.mutations.source import Source


@dataclass(frozen=True, slots=True)
class Mutant:
    """`file` is written with `text`, then `playbook` is checked with these `tags` asked for; paths as in the corpus."""

    kind: str
    playbook: Path
    file: Path
    text: str
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """The new text of a playbook, or of `file` if it is another one."""

    text: str
    file: Path | None = None
    tags: tuple[str, ...] = ()


Breaking = Callable[[Source], Iterator[Change]]
"""Breaks a playbook at every place where it can be broken so that it is wrong for certain."""
