"""Modules that make and bring back backups of files, and prove backups."""

from __future__ import annotations

from typing import Any

from runner.modules.backup.files_backup import FilesBackup
from runner.modules.backup.files_restore import FilesRestore
from runner.modules.contract import Module

MODULES: tuple[Module[Any], ...] = (FilesBackup(), FilesRestore())
