"""Which versions a backup was made with: what a restore has to compare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from runner.hosts.contract import Command, Reader
from runner.modules.postgres.programs import compose_project
from runner.modules.postgres.session import Postgres

LIBC: Final = "{ getconf GNU_LIBC_VERSION || ldd --version 2>&1 | head -n 2 | tr '\\n' ' '; } 2>/dev/null"
"""What prints the C library's version, for a shell."""


def versions(reader: Reader, server: Postgres, program: str) -> Mapping[str, object]:
    """Of the server, of the client `program`, and in a compose service of the container's C library and image."""
    found: dict[str, object] = {"postgresql": str(server.version), program: str(server.programs.version)}
    compose = server.server.compose
    if compose is not None:
        libc = reader.query(Command((*server.programs.prefix, "sh", "-c", LIBC), cwd=server.programs.cwd), check=False)
        found["libc"] = libc.stdout.strip()
        for container in compose_project(reader, compose).containers(reader, [compose.service]):
            found["image"] = {"name": container.image, "id": container.image_id}
    return found
