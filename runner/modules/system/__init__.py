"""Modules for the machine itself: commands, files, ports and addresses."""

from __future__ import annotations

from typing import Any

from runner.modules.contract import Module
from runner.modules.system.command import CommandModule
from runner.modules.system.shell import Shell

MODULES: tuple[Module[Any], ...] = (CommandModule(), Shell())
