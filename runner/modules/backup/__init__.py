"""Modules that make and bring back backups of files and images, and prove backups."""

from __future__ import annotations

from typing import Any

from runner.modules.backup.backup_verify import BackupVerify
from runner.modules.backup.files_backup import FilesBackup
from runner.modules.backup.files_restore import FilesRestore
from runner.modules.backup.images_backup import ImagesBackup
from runner.modules.backup.images_restore import ImagesRestore
from runner.modules.contract import Module

MODULES: tuple[Module[Any], ...] = (BackupVerify(), FilesBackup(), FilesRestore(), ImagesBackup(), ImagesRestore())
