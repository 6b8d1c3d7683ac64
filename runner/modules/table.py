"""Every module there is, by name. Adding one: schema file, class, a line here, a test."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any, Final

from runner.modules.contract import Module

_PLACES: Final[Mapping[str, str]] = {
    "add_host": "control.add_host:AddHost",
    "assert": "control.assertion:Assert",
    "debug": "control.debug:Debug",
    "fail": "control.fail:Fail",
    "group_by": "control.group_by:GroupBy",
    "include_vars": "control.include_vars:IncludeVars",
    "pause": "control.pause:Pause",
    "set_fact": "control.set_fact:SetFact",
    "ping": "facts.ping:Ping",
    "setup": "facts.setup:Setup",
    "group": "accounts.group:GroupModule",
    "user": "accounts.user:User",
    "archive": "archives.archive:Archive",
    "unarchive": "archives.unarchive:Unarchive",
    "apk": "packages.apk:Apk",
    "apt": "packages.apt:Apt",
    "dnf": "packages.dnf:Dnf",
    "package": "packages.package:Package",
    "git": "git.git:GitModule",
    "cron": "machine.cron:Cron",
    "hostname": "machine.hostname:Hostname",
    "mount": "machine.mount:Mount",
    "sysctl": "machine.sysctl:Sysctl",
    "schedule": "schedule.schedule:Schedule",
    "service": "services.service:Service",
    "systemd": "services.systemd:Systemd",
    "blockinfile": "system.blockinfile:Blockinfile",
    "async_status": "system.async_status:AsyncStatus",
    "command": "system.command:CommandModule",
    "copy": "system.copy:Copy",
    "fetch": "system.fetch:Fetch",
    "file": "system.file:File",
    "get_url": "system.get_url:GetUrl",
    "lineinfile": "system.lineinfile:Lineinfile",
    "raw": "system.raw:Raw",
    "replace": "system.replace:Replace",
    "script": "system.script:Script",
    "shell": "system.shell:Shell",
    "slurp": "system.slurp:Slurp",
    "stat": "system.stat:Stat",
    "tempfile": "system.tempfile:Tempfile",
    "template": "system.template:Template",
    "uri": "system.uri:Uri",
    "wait_for": "system.wait_for:WaitFor",
    "compose": "docker.compose:Compose",
    "gcs_bucket": "cloud.gcs_bucket:GcsBucket",
    "gcs_object": "cloud.gcs_object:GcsObject",
    "s3_bucket": "cloud.s3_bucket:S3Bucket",
    "s3_object": "cloud.s3_object:S3Object",
    "pg_basebackup": "postgres.pg_basebackup:PgBasebackup",
    "pg_dump": "postgres.pg_dump:PgDump",
    "pg_pitr": "postgres.pg_pitr:PgPitr",
    "pg_query": "postgres.pg_query:PgQuery",
    "pg_restore": "postgres.pg_restore:PgRestore",
    "pg_wal_archive": "postgres.pg_wal_archive:PgWalArchive",
    "pg_wal_ship": "postgres.pg_wal_ship:PgWalShip",
    "pg_table_restore": "postgres.pg_table_restore:PgTableRestore",
    "backup_copy": "backup.backup_copy:BackupCopy",
    "backup_prune": "backup.backup_prune:BackupPrune",
    "backup_verify": "backup.backup_verify:BackupVerify",
    "files_backup": "backup.files_backup:FilesBackup",
    "files_restore": "backup.files_restore:FilesRestore",
    "images_backup": "backup.images_backup:ImagesBackup",
    "images_restore": "backup.images_restore:ImagesRestore",
    "project_backup": "backup.project_backup:ProjectBackup",
}


class Table(Mapping[str, Module[Any]]):
    """Imports the file of a module when it is first asked for: importing all of them takes longer than most tasks."""

    def __getitem__(self, name: str) -> Module[Any]:
        return _module(_PLACES[name])

    def __iter__(self) -> Iterator[str]:
        return iter(_PLACES)

    def __len__(self) -> int:
        return len(_PLACES)


@cache
def _module(place: str) -> Module[Any]:
    file, _, kind = place.partition(":")
    found: Module[Any] = getattr(import_module(f"runner.modules.{file}"), kind)()
    return found


MODULES: Final = Table()
