"""What a server must be told so that it archives its WAL, and the command it archives with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.modules.postgres import sql
from runner.modules.postgres.database import AUTOCOMMIT
from runner.modules.postgres.session import Postgres

# Read by the shell of the server's own system, busybox's too; %p and %f are PostgreSQL's. A status above 125
# would end the archiver without counting as a failure, so nothing here ends with one.
_COMMAND: Final = (
    'umask 077; s="{spool}"; '
    'if [ -e "$s/%f" ]; then cmp -s "%p" "$s/%f" && sync "$s/%f" "$s" && exit 0; '
    'echo "%f is in $s already, with another content" >&2; exit 1; fi; '
    'rm -f "$s/.%f".*; t="$s/.%f.$$"; '
    'dd if="%p" of="$t" bs=1048576 conv=fsync status=none && mv "$t" "$s/%f" && sync "$s" && exit 0; '
    'rm -f "$t"; exit 1'
)
_NAMES: Final = ("wal_level", "archive_mode", "archive_command", "archive_timeout", "archive_library", "summarize_wal")
# While archive_mode is off the server shows archive_command as "(disabled)": then it is read from the files.
_CURRENT: Final = """
SELECT name, source, pending_restart,
       CASE WHEN setting <> '(disabled)' THEN setting
            ELSE coalesce((SELECT f.setting FROM pg_file_settings f
                           WHERE f.name = s.name ORDER BY f.seqno DESC LIMIT 1), '')
       END AS setting
FROM pg_settings s
WHERE name IN ('wal_level', 'archive_mode', 'archive_command', 'archive_timeout', 'archive_library',
               'max_wal_senders', 'summarize_wal')
"""
# A reload is only a signal: how long the server may take to read its files, in seconds.
_RELOAD: Final = 10.0
_PAUSE: Final = 0.2


@frozen
class Setting:
    """One setting as the server runs with it; `pending` says that a restart would change it."""

    value: str
    source: str
    pending: bool


Settings = Mapping[str, Setting]


def archive_command(spool: str) -> str:
    """The command that puts a finished file into the spool: whole, durable, and never over another one.

    `spool` is a path as the server sees it, of letters, digits and `._-/` only (the schema says so).
    """
    return _COMMAND.format(spool=spool)


def current(server: Postgres) -> Settings:
    """The settings that matter, as they are."""
    rows = server.maintenance().rows(_CURRENT)
    return {
        str(row["name"]): Setting(str(row["setting"]), str(row["source"]), bool(row["pending_restart"])) for row in rows
    }


def wanted(now: Settings, command: str, timeout: int, summaries: bool) -> Mapping[str, str]:
    """What has to be different, for archive_command and archive_timeout (seconds) too; empty if nothing has.

    With `summaries` (PostgreSQL 17 and newer) incremental base backups become possible.
    """
    wish = {
        "wal_level": now["wal_level"].value if now["wal_level"].value != "minimal" else "replica",
        "archive_mode": now["archive_mode"].value if now["archive_mode"].value != "off" else "on",
        "archive_command": command,
        "archive_timeout": str(timeout),
        # Base backups are sent by it.
        "max_wal_senders": now["max_wal_senders"].value if int(now["max_wal_senders"].value) > 1 else "10",
    }
    if "archive_library" in now:
        wish["archive_library"] = ""
    if summaries:
        wish["summarize_wal"] = "on"
    return _different(now, wish)


def unwanted(now: Settings) -> Mapping[str, str]:
    """What has to be different for no archiving."""
    return _different(now, {"archive_mode": "off", "archive_command": ""})


def put(server: Postgres, settings: Mapping[str, str]) -> None:
    """Write them down for good (ALTER SYSTEM) and let the server read them; some take a restart."""
    statements = [f"ALTER SYSTEM SET {name} = {sql.literal(value)}" for name, value in settings.items()]
    server.maintenance().run([*statements, "SELECT pg_reload_conf()"], AUTOCOMMIT)


def check_taken(server: Postgres, settings: Mapping[str, str], sleep: Callable[[float], None]) -> None:
    """TaskFailed if the server runs with anything else: what a command line says, ALTER SYSTEM cannot change."""
    left: Mapping[str, Setting] = {}
    for _ in range(int(_RELOAD / _PAUSE)):
        now = current(server)
        left = {name: now[name] for name in _different(now, settings) if not now[name].pending}
        if not left:
            return
        sleep(_PAUSE)
    name, one = next(iter(left.items()))
    raise TaskFailed(
        f"{name} stays {one.value!r} whatever ALTER SYSTEM says",
        where=server.where,
        why=f"it comes from: {one.source}",
        hint="change it there (the command line in a compose file, for example)",
    )


def pending(now: Settings) -> bool:
    """Whether what was written down waits for a restart."""
    return any(now[name].pending for name in _NAMES if name in now)


def _different(now: Settings, wish: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value for name, value in wish.items() if now[name].value != value}
