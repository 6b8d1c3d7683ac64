"""Where the files that tasks name are looked for on the controller, in Ansible's order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from runner.frozen import frozen
from runner.localfiles import expanded, is_file


@frozen
class Search:
    """`roles` are the directories of a task's role and of those it came in through, `beside` is that of the
    task's file, `playbook` that of its playbook."""

    playbook: Path
    beside: Path | None = None
    roles: tuple[Path, ...] = ()

    @property
    def bases(self) -> tuple[Path, ...]:
        """Every directory that is looked into, the nearest first."""
        return tuple(dict.fromkeys((*self.roles, self.beside or self.playbook, self.playbook)))

    def candidates(self, kind: str, name: str) -> tuple[Path, ...]:
        """Where `name` may be; `kind` is the directory for its like (`files`, `templates`, `vars`)."""
        wanted = expanded(name)
        if wanted.is_absolute():
            return (wanted,)
        return tuple(dict.fromkeys(place for base in self.bases for place in (base / kind / wanted, base / wanted)))

    def tasks(self, name: str, kind: str = "tasks") -> tuple[Path, ...]:
        """Where a file of tasks or handlers (`kind`) may be."""
        wanted = expanded(name)
        return (wanted,) if wanted.is_absolute() else tuple(dict.fromkeys(self._tasks(wanted, kind)))

    def _tasks(self, wanted: Path, kind: str) -> Iterator[Path]:
        if self.roles:
            yield self.roles[0] / kind / wanted
        yield (self.beside or self.playbook) / wanted
        if self.roles:
            yield self.roles[0] / wanted
        yield self.playbook / wanted


def first_file(candidates: tuple[Path, ...]) -> Path | None:
    """The first of them that is a file."""
    return next((place for place in candidates if is_file(place)), None)
