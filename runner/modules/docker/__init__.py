"""Modules for containers."""

from __future__ import annotations

from typing import Any

from runner.modules.contract import Module

MODULES: tuple[Module[Any], ...] = ()
