"""Modules for containers."""

from __future__ import annotations

from typing import Any

from runner.modules.contract import Module
from runner.modules.docker.compose import Compose

MODULES: tuple[Module[Any], ...] = (Compose(),)
