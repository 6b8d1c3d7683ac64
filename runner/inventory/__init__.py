"""Inventory sources, group_vars and host_vars -> hosts, groups and the variables of each host."""

from __future__ import annotations

from runner.inventory.growth import grown
from runner.inventory.hostlist import is_host_list
from runner.inventory.load import beside_playbook, load_inventory, with_defaults
from runner.inventory.model import Inventory, InventoryHost
from runner.inventory.patterns import Selection, matching, select
from runner.inventory.script import RunScript
from runner.inventory.written import LOCALHOST, Source

__all__ = [
    "LOCALHOST",
    "Inventory",
    "InventoryHost",
    "RunScript",
    "Selection",
    "Source",
    "beside_playbook",
    "grown",
    "is_host_list",
    "load_inventory",
    "matching",
    "select",
    "with_defaults",
]
