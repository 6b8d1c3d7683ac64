"""`sentraplay backups`: its commands, each in a file of its own."""

from __future__ import annotations

from importlib import import_module

import click

from runner.cli.lazy import Entry, LazyGroup


def _entry(summary: str, file: str, name: str) -> Entry:
    def load() -> click.Command:
        found: click.Command = getattr(import_module(f"runner.cli.{file}"), name)
        return found

    return Entry(summary, load)


backups = LazyGroup(
    name="backups",
    help="List, show, copy and look after the backups of a repository.",
    entries={
        "list": _entry(
            "List the backups in REPOSITORY (a name from the inventory, or an address), the oldest first.",
            "backups_list",
            "list_backups",
        ),
        "show": _entry(
            "Show BACKUP of REPOSITORY: its manifest, results of verifications, holds.", "backups_show", "show_backup"
        ),
        "status": _entry(
            "Say of each service and kind how old and how well proved its newest backup is.",
            "backups_status",
            "show_status",
        ),
        "verify": _entry(
            "Verify every backup of REPOSITORY, or the BACKUPs named, and what each builds on.",
            "backups_verify",
            "verify_backups",
        ),
        "copy": _entry(
            "Copy every backup TO lacks from FROM, or the BACKUPs named and what they build on.",
            "backups_copy",
            "copy_backups",
        ),
        "prune": _entry(
            "Say which backups of REPOSITORY retention no longer keeps; with --yes remove them.",
            "backups_prune",
            "prune_backups",
        ),
        "hold": _entry(
            "Keep BACKUP and all it builds on from being pruned, until it is released.", "backups_hold", "hold_backup"
        ),
        "release": _entry(
            "Let retention decide about BACKUP again. What it builds on stays held until it is released itself.",
            "backups_hold",
            "release_backup",
        ),
    },
)
