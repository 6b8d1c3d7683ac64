"""How much memory the index builds of a restore may take: on most servers more than maintenance_work_mem's 64 MB."""

from __future__ import annotations

from typing import Final

from runner.hosts.contract import Command
from runner.modules.postgres.session import Postgres

# All jobs together take at most an eighth of what is free now, and none more than this.
_SHARE: Final = 8
_MOST: Final = 1024 * 1024
# In KiB what is free, then in bytes what the control group (a container's) may have: a number, or "max".
_ASK: Final = """
awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo
cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes
"""


def for_indexes(server: Postgres, jobs: int) -> str:
    """The libpq option that gives each of `jobs` what there is, "" where that is not seen or the server has as much."""
    if server.seen_directory is None:
        return ""
    programs = server.programs
    asked = Command((*programs.prefix, "sh", "-c", _ASK), cwd=programs.cwd)
    known = [int(word) for word in server.host.query(asked, check=False).stdout.split() if word.isdigit()]
    if not known:
        return ""
    free, *limit = known
    each = min(free, *(one // 1024 for one in limit), _SHARE * jobs * _MOST) // (_SHARE * jobs)
    setting = "SELECT setting::bigint FROM pg_settings WHERE name = 'maintenance_work_mem'"
    configured = int(str(server.maintenance().scalar(setting)))
    return f"-c maintenance_work_mem={each}kB" if each > configured else ""
