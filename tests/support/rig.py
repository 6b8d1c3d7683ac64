"""A service and everything between it and its backups, each link breakable: what tests of faults stand on.

One cluster is both servers: the old host's database is `database`, the recovery host's is `copy`.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.deployment import PLAYBOOKS, Controller, inventory, write_files
from tests.support.objectstore import ObjectStore
from tests.support.postgres import PostgresServer
from tests.support.proxy import FaultProxy
from tests.support.scanner_data import contents
from tests.support.sshd import SshServer
from tests.support.workplace import Workplace, wait_until


@dataclass(slots=True)
class Rig:
    """`ssh` is the link to both hosts, `s3` the one to the object store; `said` is all that sentraplay printed."""

    controller: Controller
    postgres: PostgresServer
    database: str
    copy: str
    root: Path
    store: ObjectStore
    bucket: str
    sshd: SshServer
    ssh: FaultProxy
    s3: FaultProxy

    def describe(self, repository: dict[str, Any] | None = None, **shared: Any) -> None:
        """Write the inventory; `repository` replaces or adds to the definition, `shared` to the group's variables.

        One that says its type is another repository altogether.
        """
        definition = dict(repository or {})
        if "type" not in definition:
            definition = self.store.repository(self.bucket, endpoint=self.s3.url) | definition
        paths = [str(self.root / name) for name in ("reports", ".env")]
        host = self.sshd.host().variables(
            ansible_host=self.ssh.host,
            ansible_port=self.ssh.port,
            host_key=self.sshd.host_key,
            database_server=self.postgres.server(),
        )
        variables = {"database": self.database, "service_paths": paths, **shared}
        self.controller.knows(inventory(definition, variables, host, {**host, "database": self.copy}))

    def play(self, playbook: str, *words: str, code: int = 0) -> str:
        """A shipped playbook to its end, which must be `code` and calm; returns what was said."""
        return calm(
            self.controller.do(
                "run", str(PLAYBOOKS / playbook), "-i", str(self.controller.inventory), *words, code=code
            )
        )

    def resume(self, code: int = 0) -> str:
        return calm(self.controller.do("resume", code=code))

    def play_until(self, playbook: str, what: str, reached: Callable[[], bool]) -> Any:
        """Start a shipped playbook; returns the running process when `reached` is true."""
        running = self.controller.start("run", str(PLAYBOOKS / playbook), "-i", str(self.controller.inventory))
        wait_until(what, lambda: running.poll() is not None or reached(), 90, step=0.005)
        assert running.poll() is None, "it ended too soon: " + self.said[-3000:]
        return running

    @property
    def said(self) -> str:
        return (self.controller.directory / "controller.log").read_text(errors="replace")

    def backups(self, code: int = 0) -> list[dict[str, Any]]:
        """What `sentraplay backups list` shows."""
        said = self.controller.do(
            "backups", "list", "offsite", "-i", str(self.controller.inventory), "--output", "json", code=code
        )
        return [json.loads(line) for line in said.splitlines() if line.startswith("{")]

    def objects(self) -> list[str]:
        return sorted(self.store.keys(self.bucket))

    def rows(self, database: str) -> dict[str, tuple[int, str]]:
        with self.postgres.connect(database) as connection:
            return contents(connection)

    def databases(self) -> set[str]:
        """Those of this rig, side and previous ones included."""
        stem = self.database.removesuffix("_old")
        return {name for name in self.postgres.databases() if stem in name}

    def lose_files(self) -> None:
        shutil.rmtree(self.root)
        self.root.mkdir()

    def nothing_runs(self) -> None:
        """Nothing that was started through SSH is left on the hosts, after a short while."""
        try:
            wait_until("the end of remote processes", lambda: not self.sshd.sessions(), 20)
        except TimeoutError:
            shown = [Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ") for pid in self.sshd.sessions()]
            raise AssertionError(f"still there: {shown}") from None

    def workplaces(self) -> set[Path]:
        """The private directories in which processes on the hosts are at work."""
        found = set()
        for pid in self.sshd.sessions():
            with contextlib.suppress(OSError):
                found.add(Path(f"/proc/{pid}/cwd").readlink())
        return {path for path in found if path.name.startswith("sentraplay-")}

    def nothing_half_done(self) -> None:
        """No side database, no partial file, no open upload."""
        assert not [name for name in self.databases() if "restore" in name]
        assert not [path for path in self.root.rglob("*") if path.name.endswith(".partial")]
        assert self.store.open_uploads(self.bucket) == []


def build_rig(
    directory: Path,
    postgres: PostgresServer,
    store: ObjectStore,
    sshd: SshServer,
    workplace: Workplace,
    proxies: Callable[..., FaultProxy],
) -> Rig:
    """A rig with data in place and its inventory written."""
    name = postgres.create_database(scans=60)
    old = f"{name}_old"
    postgres.query("postgres", f'ALTER DATABASE "{name}" RENAME TO "{old}"')
    root = workplace.directory("service")
    write_files(root)
    rig = Rig(
        controller=Controller(directory),
        postgres=postgres,
        database=old,
        copy=f"{name}_new",
        root=root,
        store=store,
        bucket=store.create_bucket(),
        sshd=sshd,
        ssh=proxies((sshd.host().address, sshd.port)),
        s3=proxies(("127.0.0.1", store.port)),
    )
    rig.describe()
    return rig


def calm(said: str) -> str:
    """Nobody was shown a traceback or a library's own words."""
    for noise in ("Traceback", "Socket exception", "paramiko", "Exception in thread", "botocore", "psycopg"):
        assert noise not in said, said
    return said
