"""Everything that is written about groups and hosts -> an inventory."""

from __future__ import annotations

from collections.abc import Sequence

from runner.inventory.model import Inventory, InventoryHost
from runner.inventory.precedence import Written
from runner.inventory.written import ALL, LOCALHOST, Layer


def merged(written: Written) -> Inventory:
    """The inventory that is written."""
    gathered = written.gathered
    members = {name: tuple(gathered.members(name)) for name in gathered.groups}
    groups: dict[str, list[str]] = {name: [] for name in gathered.hosts}
    for group in written.order:
        for host in members[group] if group != ALL else ():
            groups[host].append(group)
    hosts = {name: _host(name, groups[name], written) for name in gathered.hosts}
    if LOCALHOST not in hosts:
        hosts[LOCALHOST] = _host(LOCALHOST, [], written, {"ansible_connection": ("local", None)})
    return Inventory(hosts, members, written.file, written.warnings, written.sealed, written)


def _host(name: str, groups: Sequence[str], written: Written, fixed: Layer | None = None) -> InventoryHost:
    layers = {**written.of_host(name, groups), **(fixed or {})}
    return InventoryHost(
        name=name,
        groups=tuple(groups),
        variables={key: value for key, (value, _) in layers.items()},
        sources={key: source for key, (_, source) in layers.items() if source is not None},
    )
