"""Whether a server has room for one more database, where that can be seen from the host."""

from __future__ import annotations

from runner.hosts.contract import Command
from runner.modules.contract import Acting
from runner.modules.postgres import archive, space
from runner.modules.postgres.session import Postgres
from runner.units import human_bytes


def check(at: Acting, server: Postgres, size: int) -> None:
    """TaskFailed unless a database of `size` bytes and its decompressed dump fit; a warning if nobody can tell."""
    programs, directory = server.programs, server.seen_directory
    if directory is None:
        at.warn(f"whether the server has room for {human_bytes(size)} more cannot be seen from {at.host.name}")
        return
    space.check(
        at.host.query,
        lambda path: Command((*programs.prefix, "df", "-P", "-k", "--", path), cwd=programs.cwd),
        [space.Need(directory, size), space.Need(archive.scratch(programs), size)],
        server.where,
    )
