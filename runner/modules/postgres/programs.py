"""PostgreSQL's client programs: where they are on a host or in a container, and which of them fit a server."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Command, Reader, Script
from runner.modules.docker.project import ComposeProject, Container, detect
from runner.modules.postgres.server import Compose, Server

# Debian's /usr/bin/pg_dump is a wrapper that picks a version by its own rules: it is passed over.
_FIND: Final = """
for program in "$(command -v pg_dump)" /usr/lib/postgresql/*/bin/pg_dump /usr/pgsql-*/bin/pg_dump \\
               /usr/local/pgsql*/bin/pg_dump /usr/lib/postgresql*/bin/pg_dump; do
  [ -x "$program" ] || continue
  case $(readlink -f "$program") in */pg_wrapper) continue;; esac
  version=$("$program" --version 2>/dev/null) || continue
  printf '%s\\t%s\\n' "$program" "$version"
done
"""


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A PostgreSQL version, 10 or later: `15.18` is major 15, minor 18."""

    major: int
    minor: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"

    @classmethod
    def of_number(cls, number: int) -> Version:
        """From `server_version_num`: 150018 is 15.18."""
        return cls(number // 10000, number % 10000)

    @classmethod
    def of_text(cls, text: str) -> Version | None:
        """From what `--version` prints, or a plain "15.18"; None if there is none in it."""
        match = re.search(r"(?<![\w.])(\d+)(?:\.(\d+))?(?:beta\d+|rc\d+|devel)?(?![\w.])", text)
        return cls(int(match[1]), int(match[2] or 0)) if match else None


@frozen
class Programs:
    """One set of client programs, all of one version. `prefix` starts them inside a container."""

    version: Version
    directory: str = ""
    prefix: tuple[str, ...] = ()
    cwd: str | None = None

    @property
    def in_container(self) -> bool:
        return bool(self.prefix)

    def command(self, program: str, *args: str) -> Command:
        """A call of one of them."""
        path = posixpath.join(self.directory, program) if self.directory else program
        return Command((*self.prefix, path, *args), cwd=self.cwd)


def compose_project(reader: Reader, compose: Compose) -> ComposeProject:
    """The project the server's service belongs to."""
    return ComposeProject(detect(reader), compose.project_src, compose.project_name, compose.files)


def find_programs(reader: Reader, server: Server) -> tuple[Programs, ...]:
    """Every set of client programs there is for that server, oldest version first; TaskFailed if there is none."""
    if server.compose is not None:
        return _in_service(reader, server.compose, server.programs)
    found = _in_directory(reader, server.programs) if server.programs else _searched(reader.query(Script(_FIND)).stdout)
    if not found:
        raise TaskFailed(
            f"{reader.name} has no PostgreSQL client programs" + (f" in {server.programs}" if server.programs else ""),
            hint="install postgresql-client on the host, or name their directory in server.programs",
        )
    return found


def fitting(found: Sequence[Programs], major: int, where: str) -> Programs:
    """Those of the server's own major version, else the oldest newer ones: an older client must not be used."""
    for programs in found:
        if programs.version.major >= major:
            return programs
    newest = max(programs.version for programs in found)
    raise TaskFailed(
        f"{where} has client programs of PostgreSQL {newest} at most, and {major} is needed",
        why="an older pg_dump or pg_restore does not understand a newer server or its backups",
        hint=f"install postgresql-client-{major} there, or name its directory in server.programs",
    )


def in_container(
    reader: Reader, prefix: tuple[str, ...], cwd: str | None, directory: str | None
) -> tuple[Programs, ...]:
    """Those inside a container that `prefix` runs programs in; empty if there are none, or no container."""
    if directory is not None:
        found = _in_directory(reader, directory, prefix, cwd)
    else:
        found = _searched(reader.query(Command((*prefix, "sh", "-c", _FIND), cwd=cwd), check=False).stdout)
    return tuple(replace(programs, prefix=prefix, cwd=cwd) for programs in found)


def with_server(reader: Reader, found: Sequence[Programs]) -> tuple[Programs, ...]:
    """Those that can also make and run a server."""
    return tuple(one for one in found if reader.query(one.command("initdb", "--version"), check=False).ok)


def container_of(reader: Reader, compose: Compose) -> Container:
    """The container of a compose service; TaskFailed if it has none."""
    containers = compose_project(reader, compose).containers(reader, [compose.service])
    if not containers:
        raise TaskFailed(
            f"service {compose.service!r} has no container",
            where=f"{reader.name}, {compose.project_src}",
            why="what is to run with its image, or beside it, cannot be told",
            hint="start it once, or work on another host: without `compose`, native server programs are used",
        )
    return containers[0]


def image_of(reader: Reader, compose: Compose) -> str:
    """The id of the image a compose service runs on; TaskFailed if it has no container."""
    return container_of(reader, compose).image_id


def _in_service(reader: Reader, compose: Compose, directory: str | None) -> tuple[Programs, ...]:
    prefix = compose_project(reader, compose).exec_argv(compose.service)
    found = in_container(reader, prefix, compose.project_src, directory)
    if found:
        return found
    said = reader.query(Command((*prefix, "true"), cwd=compose.project_src), check=False)
    raise TaskFailed(
        f"there is no pg_dump to be run in service {compose.service!r}: {said.stderr.strip()[-300:]}",
        where=f"{reader.name}, {compose.project_src}",
        hint="is the service running, is it the one with PostgreSQL, and is project_src right?",
    )


def _in_directory(
    reader: Reader, directory: str, prefix: tuple[str, ...] = (), cwd: str | None = None
) -> tuple[Programs, ...]:
    call = Command((*prefix, posixpath.join(directory, "pg_dump"), "--version"), cwd=cwd)
    result = reader.query(call, check=False)
    version = Version.of_text(result.stdout) if result.ok else None
    return (Programs(version, directory),) if version else ()


def _searched(output: str) -> tuple[Programs, ...]:
    found = set()
    for line in output.splitlines():
        path, _, text = line.partition("\t")
        if version := Version.of_text(text):
            found.add(Programs(version, posixpath.dirname(path)))
    return tuple(sorted(found, key=lambda one: (one.version.major, -one.version.minor, one.directory)))
