"""Playbook files -> one tree of plays, blocks and tasks.

`Library` reads a playbook and every file it takes in before the run, `parse` makes the tree of what was read.
"""

from __future__ import annotations

from runner.playbook.includes import INCLUDES, Inclusion, Taken, included, role_files
from runner.playbook.library import IMPORTED, IMPORTS, Library, Origin
from runner.playbook.model import (
    Block,
    CutOff,
    Entry,
    Gathering,
    Keywords,
    LoopControl,
    Objectives,
    OnUnreachable,
    Order,
    Play,
    Playbook,
    Prompt,
    Role,
    Strategy,
    Task,
    With,
    handlers_of,
    inside,
    tasks_of,
)
from runner.playbook.parse import keywords_of, parse
from runner.playbook.places import Search, first_directory, first_file
from runner.playbook.roles import LOADED
from runner.playbook.scope import Exported, Placed, RoleScope, exported_by, magic_of, names_of_roles

__all__ = [
    "first_directory",
    "keywords_of",
    "Origin",
    "role_files",
    "included",
    "Taken",
    "Inclusion",
    "INCLUDES",
    "IMPORTED",
    "IMPORTS",
    "LOADED",
    "Block",
    "CutOff",
    "Entry",
    "Exported",
    "Gathering",
    "Keywords",
    "Library",
    "LoopControl",
    "Objectives",
    "OnUnreachable",
    "Order",
    "Placed",
    "Play",
    "Playbook",
    "Prompt",
    "Role",
    "RoleScope",
    "Search",
    "Strategy",
    "Task",
    "With",
    "exported_by",
    "first_file",
    "handlers_of",
    "inside",
    "magic_of",
    "names_of_roles",
    "parse",
    "tasks_of",
]
