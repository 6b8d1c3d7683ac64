"""What a backup of a database of about 1 GB costs, and bringing it back, beside the ways one would do it by hand.

    python -m tests.benchmarks.database [ROUNDS]

Bounds: a dump takes at most 0.25 times the guide's `pg_dump | gzip` and no longer than `pg_dump | zstd -T0`; sent to
S3 from the target at most 1.1 times the same into a file of the target, with at most 0.25 times the controller's CPU of
relaying through paramiko and boto3; a restore at most 0.4 times `gunzip | psql`; the controller's memory under
150 MiB. Everything of SentraPlay's runs over SSH, so that its own CPU is the controller's alone.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks.measure import Contestant, Cost, rounds, table
from tests.benchmarks.scanner import AS_IN_PRODUCTION, fill
from tests.support.capabilities import by_radosgw
from tests.support.objectstore import ObjectStore, start_object_store
from tests.support.postgres import PostgresServer, start_postgres
from tests.support.radosgw import start_radosgw
from tests.support.sshd import SshServer, start_sshd
from tests.support.workplace import Workplace

PROGRAM = str(Path(sysconfig.get_path("scripts")) / "sentraplay")
DATABASE = "shop"
RELAY = Path(__file__).with_name("relay.py")


class Bench:
    """The servers, and the commands that use them."""

    def __init__(self, workplace: Workplace) -> None:
        self.folder = workplace.directory("bench", mode=0o777)
        self.postgres: PostgresServer = start_postgres(workplace, AS_IN_PRODUCTION)
        self.store: ObjectStore = start_radosgw(workplace) if by_radosgw() else start_object_store(workplace)
        self.sshd: SshServer = start_sshd(workplace)
        self.bucket = self.store.create_bucket()

    def fill(self) -> None:
        self.postgres.create_database(DATABASE)
        with self.postgres.connect(DATABASE) as connection:
            fill(connection)
        size = self.postgres.query(DATABASE, f"SELECT pg_size_pretty(pg_database_size('{DATABASE}'))")[0][0]
        print(f"database of {size}", flush=True)

    @property
    def env(self) -> dict[str, str]:
        """For programs that are called by hand, and for SentraPlay: a home of its own."""
        who = self.postgres.superuser
        own = {"PGHOST": self.postgres.host, "PGPORT": str(self.postgres.port), "PGUSER": who.name}
        home = {"HOME": str(self.folder), "XDG_STATE_HOME": str(self.folder / "state"), "LC_ALL": "C.UTF-8"}
        return {"PATH": f"{self.postgres.programs}:{os.environ['PATH']}", "PGPASSWORD": who.password, **own, **home}

    def by_hand(self, name: str, script: str) -> Contestant:
        return Contestant(name, ("bash", "-o", "pipefail", "-ec", script), self.env)

    def play(self, name: str, repository: Mapping[str, Any], *tasks: Mapping[str, Any]) -> Contestant:
        folder = self.folder / name.replace(" ", "-").replace(",", "")
        folder.mkdir(exist_ok=True)
        inventory = {
            "all": {
                "vars": {"repositories": {"there": dict(repository)}},
                "hosts": {"db": self.sshd.host().variables(server=self.postgres.server())},
            }
        }
        (folder / "inventory.yml").write_text(json.dumps(inventory))
        (folder / "inventory.yml").chmod(0o600)
        play = {"hosts": "all", "gather_facts": False, "tasks": list(tasks)}
        (folder / "play.yml").write_text(json.dumps([play]))
        return Contestant(
            name, (PROGRAM, "run", str(folder / "play.yml"), "-i", str(folder / "inventory.yml")), self.env
        )

    def relay(self) -> Contestant:
        host, store = self.sshd.hosts[0], self.store
        dump = f"pg_dump -d {DATABASE} -Fc -Z0 | zstd -T0"
        env = {name: value for name, value in self.env.items() if name.startswith("PG") or name == "PATH"}
        remote = (
            " ".join(f"{name}={_quoted(value)}" for name, value in env.items()) + f"; export {' '.join(env)}; {dump}"
        )
        argv = (str(host.address), str(host.port), host.user, str(host.key), str(host.known_hosts))
        keys = {"AWS_ACCESS_KEY_ID": store.access_key_id, "AWS_SECRET_ACCESS_KEY": store.secret_access_key}
        where = (store.endpoint, store.region, self.bucket, "relayed")
        return Contestant(
            "paramiko and boto3", (sys.executable, str(RELAY), *argv, *where, remote), {**self.env, **keys}
        )

    def dumps(self, count: int) -> dict[str, list[Cost]]:
        where = {"type": "directory", "host": "db", "path": str(self.folder / "backups")}
        dump = {"pg_dump": {"service": "shop", "repository": "there", "server": "{{ server }}", "database": DATABASE}}
        s3 = self.store.repository(self.bucket, "target")
        relayed = self.store.repository(self.bucket, "relay", transfer="relay")
        return rounds(
            [
                self.by_hand("pg_dump | gzip", f"pg_dump {DATABASE} | gzip >{self.folder}/plain.gz"),
                self.by_hand("pg_dump | zstd -T0", f"pg_dump {DATABASE} | zstd -q -f -T0 -o {self.folder}/plain.zst"),
                self.play("sentraplay, directory", where, dump),
                self.play("sentraplay, S3", s3, dump),
                self.play("sentraplay, relayed", relayed, dump),
                self.relay(),
            ],
            count,
            self.folder,
        )

    def restores(self, count: int) -> dict[str, list[Cost]]:
        where = {"type": "directory", "host": "db", "path": str(self.folder / "backups")}
        common = {"service": "shop", "repository": "there", "server": "{{ server }}", "database": "back"}
        restore = {"pg_restore": common}
        by_hand = (
            "dropdb --if-exists --force plain; createdb -T template0 plain; "
            f"gunzip -c {self.folder}/plain.gz | psql -q -v ON_ERROR_STOP=1 plain >/dev/null"
        )
        return rounds(
            [self.by_hand("gunzip | psql", by_hand), self.play("sentraplay restore", where, restore)],
            count,
            self.folder,
        )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _ratio(costs: Mapping[str, list[Cost]], one: str, other: str, what: str) -> float:
    """The median of the ratios within each round."""
    pairs = zip(costs[one], costs[other], strict=True)
    return statistics.median(getattr(a, what) / getattr(b, what) for a, b in pairs)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    workplace = Workplace()
    try:
        bench = Bench(workplace)
        bench.fill()
        dumps = bench.dumps(count)
        print(f"\ndump, median of {count} rounds:\n{table(dumps, base='pg_dump | gzip')}", flush=True)
        for one, other, what, bound in (
            ("sentraplay, directory", "pg_dump | gzip", "wall", 0.25),
            ("sentraplay, directory", "pg_dump | zstd -T0", "wall", 1.0),
            ("sentraplay, S3", "sentraplay, directory", "wall", 1.1),
            ("sentraplay, S3", "paramiko and boto3", "cpu", 0.25),
        ):
            print(f"{one} / {other}, {what}: {_ratio(dumps, one, other, what):.2f} (bound {bound})", flush=True)
        restores = bench.restores(count)
        print(f"\nrestore, median of {count} rounds:\n{table(restores, base='gunzip | psql')}", flush=True)
        print(f"bound 0.4: {_ratio(restores, 'sentraplay restore', 'gunzip | psql', 'wall'):.2f}", flush=True)
    finally:
        workplace.close()


if __name__ == "__main__":
    main()
