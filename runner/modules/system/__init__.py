"""Modules for the machine itself: commands, files, ports and addresses."""

from __future__ import annotations

from typing import Any

from runner.modules.contract import Module
from runner.modules.system.command import CommandModule
from runner.modules.system.copy import Copy
from runner.modules.system.file import File
from runner.modules.system.shell import Shell
from runner.modules.system.stat import Stat
from runner.modules.system.template import Template
from runner.modules.system.uri import Uri
from runner.modules.system.wait_for import WaitFor

MODULES: tuple[Module[Any], ...] = (
    CommandModule(),
    Copy(),
    File(),
    Shell(),
    Stat(),
    Template(),
    Uri(),
    WaitFor(),
)
