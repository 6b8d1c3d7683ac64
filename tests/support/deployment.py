"""A service without containers on two "hosts", an inventory for the shipped playbooks, and how to lose everything."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.support.objectstore import ObjectStore
from tests.support.postgres import PostgresServer
from tests.support.scanner_data import contents
from tests.support.sshd import SshHost

PLAYBOOKS: Final = Path(__file__).parents[2] / "playbooks"
SERVICE: Final = f"sentrascan-{os.getpid()}"
"""Of this process alone: the hosts of tests that run side by side are one machine, where a service has one lock."""
ASSERTIONS: Final = [{"name": "there are scans", "query": "SELECT count(*) > 0 FROM scans"}]


@dataclass(frozen=True, slots=True)
class Controller:
    """Somebody who types `sentraplay`: a directory with an inventory, and a state of its own."""

    directory: Path

    @property
    def inventory(self) -> Path:
        return self.directory / "inventory.yml"

    def knows(self, inventory: Mapping[str, Any]) -> None:
        """Write the inventory."""
        self.inventory.touch(mode=0o600)
        self.inventory.write_text(json.dumps(inventory, indent=2))

    def start(self, *words: str, log: str = "controller.log") -> subprocess.Popen[bytes]:
        """`sentraplay WORDS`, running; what it says is in the file `log`."""
        env = {**os.environ, "HOME": str(self.directory), "XDG_STATE_HOME": str(self.directory / "state")}
        with (self.directory / log).open("ab") as out:
            return subprocess.Popen(
                [sys.executable, "-m", "runner", *words],
                cwd=self.directory,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def play(self, playbook: str, *words: str) -> str:
        """Run a shipped playbook to its good end; returns what it said. AssertionError shows that if it failed."""
        return self.do("run", str(PLAYBOOKS / playbook), "-i", str(self.inventory), *words)

    def do(self, *words: str, code: int = 0) -> str:
        """`sentraplay WORDS` to its end, which must be `code`."""
        log = self.directory / "controller.log"
        before = log.stat().st_size if log.exists() else 0
        ended = self.start(*words).wait(timeout=240)
        said = log.read_bytes()[before:].decode(errors="replace")
        assert ended == code, f"sentraplay {' '.join(words)} ended with {ended}:\n{said}"
        return said


def inventory(
    repository: Mapping[str, Any], shared: Mapping[str, Any], service: Mapping[str, Any], recovery: Mapping[str, Any]
) -> dict[str, Any]:
    """In the shape of inventory.example.yml: `service` holds the old host's variables, `recovery` the new one's."""
    variables = {"service": SERVICE, "repository": "offsite", "database_assertions": ASSERTIONS, **shared}
    groups = {"service": {"hosts": {"old": dict(service)}}, "recovery": {"hosts": {"new": dict(recovery)}}}
    group = {"vars": variables, "children": groups}
    return {"all": {"vars": {"repositories": {"offsite": dict(repository)}}, "children": {"sentrascan": group}}}


@dataclass(frozen=True, slots=True)
class NativeService:
    """Database `sentrascan` on `old`, files below `root`; `new` is an empty server."""

    old: PostgresServer
    new: PostgresServer
    root: Path
    database: str = "sentrascan"

    def inventory(self, store: ObjectStore, bucket: str, hosts: tuple[SshHost, SshHost], **s3: Any) -> dict[str, Any]:
        """Both hosts entered over SSH; the database reached by TCP on the old one, by its socket on the new one."""
        shared = {"database": self.database, "service_paths": [str(self.root / name) for name in ("reports", ".env")]}
        old = hosts[0].variables(database_server=self.old.server())
        new = hosts[1].variables(database_server=self.new.server(socket=True))
        return inventory(store.repository(bucket, **s3), shared, old, new)

    def destroy(self) -> None:
        """The old server's disk is gone."""
        self.old.stop()
        shutil.rmtree(self.old.directory / "data")
        shutil.rmtree(self.root)
        self.root.mkdir()

    def contents(self, server: PostgresServer) -> dict[str, tuple[int, str]]:
        """Rows and hash of every table."""
        with server.connect(self.database) as connection:
            return contents(connection)

    def files(self) -> dict[str, tuple[int, int, bytes]]:
        """Mode, owner and content of every file; not files_restore's own notes, which say what it may roll back."""
        return {
            str(path.relative_to(self.root)): (path.stat().st_mode, path.stat().st_uid, path.read_bytes())
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and not any(part.endswith(".sentraplay") for part in path.parts)
        }


def write_files(root: Path, count: int = 40) -> None:
    """Reports and a closed .env below `root`."""
    (root / "reports").mkdir(parents=True)
    for number in range(count):
        (root / "reports" / f"scan {number}.html").write_bytes(os.urandom(2000))
    (root / "reports" / "odd \n name").write_bytes(b"kept")
    (root / ".env").write_text("ENCRYPTION_MASTER_KEY=only copy\n")
    (root / ".env").chmod(0o600)
