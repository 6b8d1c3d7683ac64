"""A deployment as people run it: an api and its PostgreSQL under docker-compose, data in bind mounts and a volume."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import psycopg

from tests.support.machine import STACK, Machine
from tests.support.scanner_data import contents, load
from tests.support.workplace import wait_until

DIRECTORY: Final = "/srv/sentrascan"
PROJECT: Final = "sentrascan"
PATHS: Final = ("data", "reports", "sboms", "cache")

# Files with what gets lost: owners without a name, modes, links, holes, odd names, an empty directory.
FILES: Final = r"""
cd "$1"
i=0
while [ $i -lt 60 ]; do
    mkdir -p reports/2025-$((i % 12)) sboms/app$((i % 5))
    echo "report $i" >"reports/2025-$((i % 12))/scan $i.html"
    printf '{"bomFormat": "CycloneDX", "serial": %d}\n' $i >"sboms/app$((i % 5))/$i.json"
    i=$((i + 1))
done
printf x >"data/  odd 'name' \"\$(x)\" ü
second line"
head -c 300000 /dev/urandom >data/blob
truncate -s 3M data/sparse
mkdir data/empty
ln -s ../reports data/link
ln data/blob data/hard
chmod 0600 data/blob
chmod 2770 sboms/app1
chown -R 10001:10002 data sboms
"""


@dataclass(frozen=True, slots=True)
class ComposeStack:
    """The deployment on `machine`, in DIRECTORY, project name PROJECT, images IMAGES of trees.py."""

    machine: Machine
    directory: str = DIRECTORY
    project: str = PROJECT

    @property
    def environment(self) -> Mapping[str, str]:
        """What its .env says: POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB."""
        pairs = (line.split("=", 1) for line in (STACK / "env").read_text().splitlines())
        return {name: value for name, value in pairs}

    @property
    def health_url(self) -> str:
        """GET answers 200 with counts only after a query to the database, else 503. As seen from the machine itself."""
        return "http://127.0.0.1:8080/health"

    def compose(self, *argv: str, seconds: float = 180) -> str:
        """`docker-compose` in its directory, as root on the machine; OSError if it fails."""
        where = ["--project-directory", self.directory, "-f", f"{self.directory}/docker-compose.yml"]
        return self.machine.run("docker-compose", *where, "-p", self.project, *argv, seconds=seconds)

    def mount(self, volume: str) -> None:
        """One more volume of the database's service, which is up with it when this returns."""
        file = self.machine.path(self.directory) / "docker-compose.yml"
        mounted = "      - pg-data:/var/lib/postgresql/data\n"
        file.write_text(file.read_text().replace(mounted, f"{mounted}      - {volume}\n"))
        self.compose("up", "-d")
        self.wait_healthy()

    def connect(self) -> psycopg.Connection[Any]:
        """A connection to its database from the tests, in autocommit."""
        return psycopg.connect(
            host=self.machine.address,
            port=5432,
            user=self.environment["POSTGRES_USER"],
            password=self.environment["POSTGRES_PASSWORD"],
            dbname=self.environment["POSTGRES_DB"],
            connect_timeout=10,
            autocommit=True,
        )

    def contents(self) -> dict[str, tuple[int, str]]:
        """Rows and hash of every table: equal means equal data."""
        with self.connect() as connection:
            return contents(connection)

    def files(self) -> str:
        """One line per file with owner, mode, type, size, link, hash and name: equal means equal trees."""
        walk = (
            'cd "$1"; shift; find "$@" -printf "%U:%G %m %y %s %l %p\\0" | sort -z | tr "\\0" "\\n"; '
            'find "$@" -type f -print0 | sort -z | xargs -0 sha256sum'
        )
        listing = self.machine.run("sh", "-c", walk, "sh", self.directory, *PATHS)
        # The size of a directory depends on its history.
        return "\n".join(line for line in listing.splitlines() if " d " not in line)

    def health(self) -> dict[str, Any] | None:
        """What the api says of itself; None when it does not answer or not with 200."""
        done = self.machine.try_run("curl", "-sf", "--max-time", "5", self.health_url)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def wait_healthy(self, seconds: float = 90) -> dict[str, Any]:
        """Wait until the api is healthy; returns what it says."""
        wait_until(f"health of {self.machine.name}", lambda: self.health() is not None, seconds, step=0.3)
        return self.health() or {}


def deploy_files(machine: Machine) -> ComposeStack:
    """Write docker-compose.yml and .env and make empty directories; start nothing."""
    stack = ComposeStack(machine)
    root = machine.path(stack.directory)
    for name in PATHS:
        (root / name).mkdir(parents=True, exist_ok=True)
    shutil.copy(STACK / "docker-compose.yml", root / "docker-compose.yml")
    shutil.copy(STACK / "env", root / ".env")
    (root / ".env").chmod(0o600)
    return stack


def start_stack(machine: Machine, scans: int = 20) -> ComposeStack:
    """The whole deployment, running and healthy, with `scans` scans in the database and files in every directory."""
    stack = deploy_files(machine)
    subprocess.run(machine.enter(["sh", "-eu", "-s", stack.directory]), input=FILES, text=True, check=True, timeout=60)
    stack.compose("up", "-d", "db")
    wait_until("the stack's database", lambda: _accepts(stack), 60, step=0.2)
    with stack.connect() as connection:
        load(connection, scans)
    stack.compose("up", "-d")
    stack.wait_healthy()
    return stack


def _accepts(stack: ComposeStack) -> bool:
    try:
        stack.connect().close()
    except psycopg.OperationalError:
        return False
    return True
