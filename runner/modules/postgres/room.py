"""Whether a server has room for one more database, where that can be seen from the host."""

from __future__ import annotations

from typing import Final

from runner.hosts.contract import Command
from runner.modules.contract import Acting
from runner.modules.postgres import archive, space
from runner.modules.postgres.database import Database
from runner.modules.postgres.session import Postgres
from runner.units import human_bytes

_LOCAL: Final = ("127.0.0.1", "::1", "localhost")


def check(at: Acting, server: Postgres, maintenance: Database, size: int) -> None:
    """TaskFailed unless a database of `size` bytes and its decompressed dump fit; a warning if nobody can tell."""
    wanted, programs = server.server, server.programs
    local = wanted.compose is not None or (wanted.address or "").startswith("/") or wanted.address in _LOCAL
    directory = maintenance.scalar("SELECT current_setting('data_directory', true)") if local else None
    if directory is None or not _is_there(at, server, str(directory)):
        at.warn(f"whether the server has room for {human_bytes(size)} more cannot be seen from {at.host.name}")
        return
    space.check(
        at.host.query,
        lambda path: Command((*programs.prefix, "df", "-P", "-k", "--", path), cwd=programs.cwd),
        [space.Need(str(directory), size), space.Need(archive.scratch(programs), size)],
        server.where,
    )


def _is_there(at: Acting, server: Postgres, directory: str) -> bool:
    programs = server.programs
    return at.host.query(Command((*programs.prefix, "test", "-d", directory), cwd=programs.cwd), check=False).ok
