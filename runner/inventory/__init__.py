"""Inventory files, group_vars and host_vars -> hosts, groups and the variables of each host."""

from __future__ import annotations

from runner.inventory.load import load_inventory
from runner.inventory.model import LOCALHOST, Inventory, InventoryHost, Source
from runner.inventory.patterns import Selection, matching

__all__ = ["LOCALHOST", "Inventory", "InventoryHost", "Selection", "Source", "load_inventory", "matching"]
