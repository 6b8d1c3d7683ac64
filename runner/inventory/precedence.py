"""Everything an inventory is made of, and which variable wins, by Ansible's precedence.

From weak to strong: what stands in inventories for `all` and then for other groups, parents before children;
`group_vars/all` beside the inventories, then beside the playbook; `group_vars/` of the other groups beside the
inventories, then beside the playbook; the host's own in inventories; `host_vars/` beside the inventories, then beside
the playbook. Of two groups of one depth the one with the higher `ansible_group_priority` wins, else the later by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from runner.errors import Problem
from runner.inventory.variable_files import Sealed, VariableFiles
from runner.inventory.written import ALL, PRIORITY, Gathered, Layer


@dataclass(frozen=True)
class Written:
    """Everything an inventory is made of. `gathered` is settled, and nothing is wrong with it.

    `defaults` stand in where nobody says anything. `odd` are warnings about anything but files of variables.
    """

    gathered: Gathered
    file: str
    beside_inventories: tuple[VariableFiles, ...] = ()
    beside_playbook: VariableFiles | None = None
    defaults: Mapping[str, object] = field(default_factory=dict)
    odd: tuple[Problem, ...] = ()

    @cached_property
    def order(self) -> tuple[str, ...]:
        """The groups, the stronger later."""
        depths, groups = self.gathered.depths(), self.gathered.groups
        return tuple(sorted(groups, key=lambda name: (depths[name], _priority(groups[name].variables), name)))

    def of_group(self, name: str) -> Layer:
        """What is said about one group alone."""
        return _joined(self._of_groups((name,)))

    def of_host(self, name: str, groups: Sequence[str]) -> Layer:
        """What a host that is in these groups sees, `all` left out, the stronger later."""
        host = self.gathered.hosts.get(name)
        own = [host.variables] if host else []
        files = [beside.hosts.get(name, {}) for beside in self._beside]
        defaults: Layer = {key: (value, None) for key, value in self.defaults.items()}
        layers = _joined((defaults, *self._of_groups((ALL, *groups)), *own, *files))
        layers.pop(PRIORITY, None)
        return layers

    @property
    def sealed(self) -> tuple[Sealed, ...]:
        """The files of variables that could not be opened."""
        return tuple(sealed for files in self._beside for sealed in files.sealed)

    def in_files(self) -> Iterator[dict[str, object]]:
        """The variables of each group and host that lie in files, also of those that are only going to be added."""
        for files in self._beside:
            for layer in (*files.groups.values(), *files.hosts.values()):
                yield {name: value for name, (value, _) in layer.items()}

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """Everything that is odd but not wrong."""
        return (*self.odd, *(problem for files in self._beside for problem in files.unused))

    @property
    def _beside(self) -> tuple[VariableFiles, ...]:
        return (*self.beside_inventories, *([self.beside_playbook] if self.beside_playbook else []))

    def _of_groups(self, names: Sequence[str]) -> Iterator[Layer]:
        """The layers of groups. As in Ansible a directory's files come together, `all` before every other group."""
        for name in names:
            yield self.gathered.groups[name].variables
        for chosen in ([name for name in names if name == ALL], [name for name in names if name != ALL]):
            for beside in self._beside:
                for name in chosen:
                    yield beside.groups.get(name, {})


def _joined(layers: Iterable[Layer]) -> Layer:
    found: Layer = {}
    for layer in layers:
        found.update(layer)
    return found


def _priority(layer: Layer) -> int:
    value, _ = layer.get(PRIORITY, (1, None))
    return value if isinstance(value, int) else 1
