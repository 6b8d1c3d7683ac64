"""An inventory as plain data and as a tree, in the shapes of `ansible-inventory`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final

from runner.inventory.model import Inventory
from runner.inventory.precedence import Written
from runner.inventory.written import ALL

_OF_THE_SOURCE: Final = ("inventory_file", "inventory_dir")

Variables = Mapping[str, object]
Mask = Callable[[object], object]


def of_host(inventory: Inventory, host: str) -> dict[str, object]:
    """Everything an inventory says of a host, as it is written."""
    return {name: value for name, value in inventory.hosts[host].variables.items() if name not in _OF_THE_SOURCE}


def of_group(inventory: Inventory, group: str) -> dict[str, object]:
    """What an inventory says of a group alone."""
    return {name: value for name, (value, _) in _written(inventory).of_group(group).items()}


def listed(inventory: Inventory, hosts: Collection[str]) -> dict[str, Any]:
    """What an inventory script prints for `--list`, with no other hosts than these."""
    groups = _written(inventory).gathered.groups
    found: dict[str, Any] = {}
    for name in _written(inventory).gathered.below(ALL):
        parts = {
            "hosts": [host for host in groups[name].hosts if host in hosts],
            "children": list(groups[name].children),
        }
        if name == ALL:
            del parts["hosts"]
        if kept := {key: part for key, part in parts.items() if part}:
            found[name] = kept
    variables = {host: of_host(inventory, host) for host in inventory.groups[ALL] if host in hosts}
    return {**found, "_meta": {"hostvars": {host: said for host, said in variables.items() if said}}}


def nested(inventory: Inventory, hosts: Collection[str]) -> dict[str, Any]:
    """A YAML inventory that says the same, with no other hosts than these, each described where it comes first."""
    groups = _written(inventory).gathered.groups
    told: set[str] = set()

    def group(name: str) -> dict[str, Any]:
        told.add(f"@{name}")
        children = {child: {} if f"@{child}" in told else group(child) for child in groups[name].children}
        inside: dict[str, Any] = {}
        for host in groups[name].hosts if name != ALL else ():
            if host in hosts:
                inside[host] = {} if host in told else of_host(inventory, host)
                told.add(host)
        parts = {"children": {child: part for child, part in children.items() if part}, "hosts": inside}
        return {key: part for key, part in parts.items() if part}

    return {ALL: group(ALL)}


def graph(inventory: Inventory, group: str, hosts: Collection[str], mask: Mask | None = None) -> Iterator[str]:
    """The lines of a tree of a group, with no other hosts than these. With `mask`, variables too, put through it."""
    yield from _graph(inventory, group, hosts, mask, 0)


def _graph(inventory: Inventory, name: str, hosts: Collection[str], mask: Mask | None, depth: int) -> Iterator[str]:
    group = _written(inventory).gathered.groups[name]
    yield _line(f"@{name}:", depth)
    for child in group.children:
        yield from _graph(inventory, child, hosts, mask, depth + 1)
    for host in group.hosts if name != ALL else ():
        if host in hosts:
            yield _line(host, depth + 1)
            yield from _variables(of_host(inventory, host), mask, depth + 2)
    yield from _variables(of_group(inventory, name), mask, depth + 1)


def _variables(variables: Variables, mask: Mask | None, depth: int) -> Iterator[str]:
    shown = mask(variables) if mask else {}
    for name, value in sorted(shown.items()) if isinstance(shown, Mapping) else ():
        yield _line(f"{{{name} = {value}}}", depth)


def _line(text: str, depth: int) -> str:
    return f"{'  |' * depth}--{text}" if depth else text


def _written(inventory: Inventory) -> Written:
    assert inventory.written is not None, "an inventory that was read"
    return inventory.written
