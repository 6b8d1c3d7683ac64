"""A playbook and an inventory -> what will be done on which hosts, or everything that is wrong with them.

Touches no host; reads files on the controller only.
"""

from __future__ import annotations

from runner.plan.batches import batches
from runner.plan.including import Found, Includes
from runner.plan.make import check_playbook, make_plan
from runner.plan.model import MAGIC, Options, Plan, PlannedPlay
from runner.plan.tags import selected
from runner.plan.targets import hosts_now

__all__ = [
    "MAGIC",
    "Found",
    "Includes",
    "Options",
    "Plan",
    "PlannedPlay",
    "batches",
    "check_playbook",
    "hosts_now",
    "make_plan",
    "selected",
]
