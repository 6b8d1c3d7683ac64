"""Every module there is, by name. Adding one: schema file, class, a line in its room, a test."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from runner.modules import backup, control, docker, postgres, system
from runner.modules.contract import Module

MODULES: Mapping[str, Module[Any]] = MappingProxyType(
    {module.name: module for room in (control, system, docker, postgres, backup) for module in room.MODULES}
)
