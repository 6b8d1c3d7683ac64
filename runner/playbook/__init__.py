"""Playbook files -> one tree of plays, blocks and tasks.

`Library` reads a playbook and every file it takes in before the run, `parse` makes the tree of what was read.
"""

from __future__ import annotations

from runner.playbook.library import IMPORTED, IMPORTS, Library
from runner.playbook.model import (
    Block,
    CutOff,
    Keywords,
    LoopControl,
    Objectives,
    OnUnreachable,
    Order,
    Play,
    Playbook,
    Prompt,
    Strategy,
    Task,
    With,
)
from runner.playbook.parse import parse
from runner.playbook.places import Search, first_file

__all__ = [
    "IMPORTED",
    "IMPORTS",
    "Block",
    "CutOff",
    "Keywords",
    "Library",
    "LoopControl",
    "Objectives",
    "OnUnreachable",
    "Order",
    "Play",
    "Playbook",
    "Prompt",
    "Search",
    "Strategy",
    "Task",
    "With",
    "first_file",
    "parse",
]
