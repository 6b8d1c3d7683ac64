"""PostgreSQL modules on a real server of this machine, with a repository in a directory of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from runner.hosts.contract import Host
from runner.modules.arguments import build
from runner.modules.contract import Change, Outcome, RunInfo
from runner.modules.postgres.sql import identifier
from runner.modules.table import MODULES
from runner.repositories.contract import Repositories, Repository
from runner.repositories.directory import DirectoryRepository
from runner.schema import argument_problems, module_schema, with_defaults
from runner.secret import Redactor
from runner.template import Templar
from tests.modules.bed import At
from tests.support.postgres import PostgresServer
from tests.support.scanner_data import contents

RUNS = itertools.count(1)


@dataclass
class Shelf:
    """The repositories a test has, by name."""

    by_name: dict[str, Repository]
    policies: dict[str, dict[str, object]] = field(default_factory=dict)

    def retention(self, name: str) -> Mapping[str, object]:
        return self.policies.get(name, {})

    def get(self, name: str) -> Repository:
        return self.by_name[name]

    def close(self) -> None:
        for one in self.by_name.values():
            one.close()


@dataclass
class PgAt(At):
    """With repositories, and a note of how far long steps were."""

    shelf: Shelf = field(default_factory=lambda: Shelf({}))

    @property
    def repositories(self) -> Repositories:
        return self.shelf


class PgBench:
    """Modules with arguments as a playbook gives them; `again` is another run, `resumed` the same one later."""

    def __init__(self, host: Host, server: PostgresServer, directory: Path) -> None:
        self.server = server
        self.root = directory / "repository"
        self.root.mkdir()
        self.directory = directory
        self.at = PgAt(
            host,
            Templar([directory], Redactor()),
            directory,
            _run(),
            shelf=Shelf({"main": DirectoryRepository("main", host, str(self.root))}),
        )

    def again(self) -> None:
        """What follows belongs to another run."""
        self.at.run = _run()

    def resume(self) -> None:
        """What follows belongs to the same run, after it was cut off."""
        self.at.run = replace(self.at.run, resumed=True)

    def args(self, module: str, arguments: Mapping[str, object]) -> Any:
        own = "server" in module_schema(module)["properties"] and module.startswith("pg_")
        given = {"server": self.server.server(), **arguments} if own else arguments
        problems = argument_problems(module, given, rendered=True)
        assert not problems, problems
        return build(MODULES[module].Args, with_defaults(module, given))

    def preview(self, module: str, **arguments: object) -> Change:
        return MODULES[module].preview(self.at, self.args(module, arguments))

    def apply(self, module: str, **arguments: object) -> Outcome:
        return MODULES[module].apply(self.at, self.args(module, arguments))

    def backup(self, database: str, service: str = "app", **more: object) -> dict[str, Any]:
        """A backup of a database: pg_dump's result."""
        return dict(self.apply("pg_dump", service=service, repository="main", database=database, **more).data)

    def restore(self, database: str, service: str = "app", **more: object) -> Outcome:
        return self.apply("pg_restore", service=service, repository="main", database=database, **more)

    def stored(self, role: str, result: Mapping[str, Any]) -> Path:
        """The file of an object of a backup."""
        backup = result["backup"]
        (name,) = [one["name"] for one in backup["objects"] if one["role"] == role]
        return self.root / backup["service"] / backup["id"] / name

    def files(self) -> list[Path]:
        """Everything in the repository."""
        return [path for path in self.root.rglob("*") if path.is_file()]


def _run() -> RunInfo:
    name = f"run-{next(RUNS)}"
    return RunInfo(id=name, playbook="site.yml", git_commit="", check=False, diff=False, resumed=False)


@contextmanager
def database(server: PostgresServer, name: str = "", scans: int | None = 3) -> Iterator[str]:
    """A database that goes with everything restores made beside it."""
    before = server.databases()
    made = server.create_database(name, scans=scans)
    try:
        yield made
    finally:
        for left in server.databases() - before:
            server.query("postgres", f"ALTER DATABASE {identifier(left)} ALLOW_CONNECTIONS true")
            server.drop_database(left)


def data(server: PostgresServer, name: str) -> dict[str, tuple[int, str]]:
    with server.connect(name) as connection:
        return contents(connection)


def open_to_all(server: PostgresServer, name: str) -> bool:
    return bool(server.query("postgres", "SELECT datallowconn FROM pg_database WHERE datname = %s", name)[0][0])


def untouched(pg: PgBench, live: str, before: object) -> None:
    """The live database is as it was, open, and nothing lies beside it."""
    assert data(pg.server, live) == before
    assert open_to_all(pg.server, live)
    assert not [name for name in pg.server.databases() if name.startswith(f"{live}_")]
