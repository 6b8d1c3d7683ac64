"""Modules that steer a play; they ask no host anything."""

from __future__ import annotations

from typing import Any

from runner.modules.contract import Module
from runner.modules.control.assertion import Assert
from runner.modules.control.debug import Debug
from runner.modules.control.fail import Fail
from runner.modules.control.pause import Pause
from runner.modules.control.set_fact import SetFact

MODULES: tuple[Module[Any], ...] = (Assert(), Debug(), Fail(), Pause(), SetFact())
