"""A base backup unpacked, and 60 WAL segments replayed on it, beside doing so by hand and beside pgBackRest.

    python -m tests.benchmarks.recovery [ROUNDS]

Bounds: recovery over at least 60 segments takes at most 1.1 times the same by `zstd -d | tar` with all WAL already on
the disk, and at most 0.9 times pgBackRest with archive-async. Unpacking alone is shown for comparison.
Everybody stops at the same restore point with the server paused there, then ends it and removes the files.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import statistics
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks.measure import Contestant, Cost, rounds, table
from tests.support.postgres import PostgresServer, service_user, start_postgres
from tests.support.workplace import Workplace, free_port, wait_until

PROGRAM = str(Path(sysconfig.get_path("scripts")) / "sentraplay")
SCANS = 60_000
SEGMENTS = 62
TARGET = "the_target"
# As the server's user, with the settings SentraPlay's own server has. `$1` is the data directory, `$2` what brings WAL
# (nothing where pgBackRest has configured it).
REPLAY = """
touch "$1/recovery.signal"
postgres -D "$1" -p "$PORT" -k "$SOCKETS" -c listen_addresses= -c archive_mode=off -c hot_standby=on \
  -c fsync=on -c full_page_writes=on -c shared_buffers=128MB \
  ${2:+-c "restore_command=$2"} -c recovery_target_name="$TARGET" -c recovery_target_action=pause >"$1.log" 2>&1 &
paused() { psql -h "$SOCKETS" -p "$PORT" -U postgres -qAtc "SELECT pg_is_wal_replay_paused()" postgres 2>/dev/null; }
until [ "$(paused)" = t ]
do kill -0 "$!" || { cat "$1.log" >&2; exit 1; }; sleep 0.05; done
kill -QUIT "$!"; wait "$!" || :
rm -rf "$1"
"""
UNPACK = 'mkdir -m 700 "$DATA"; zstd -q -d -c "$BASE" | tar -x -C "$DATA"; sync -f "$DATA"'
PGBACKREST = """\
[global]
repo1-path={folder}/pgbackrest
log-path={folder}
lock-path={folder}/lock
spool-path={folder}/async
log-level-console=warn
compress-type=zst
process-max=2
archive-async=y
archive-get-queue-max=512MB
start-fast=y
[shop]
pg1-path={data}
pg1-port={port}
pg1-socket-path={sockets}
pg1-user=postgres
"""


class Bench:
    """One cluster, archived by both; stopped once everything is in the repositories."""

    def __init__(self, workplace: Workplace) -> None:
        self.folder = workplace.directory("bench", mode=0o777)
        self.server: PostgresServer = start_postgres(
            workplace, {"shared_buffers": "256MB", "archive_mode": "on", "max_wal_size": "4GB"}
        )
        self.local = workplace.directory("wal", owner=service_user())
        self.place = workplace.directory("by-hand", owner=service_user())
        self.data = self.server.directory / "data"
        self.peer = shutil.which("pgbackrest") is not None
        for name in ("pgbackrest", "lock", "async"):
            (self.folder / name).mkdir(mode=0o777)
            (self.folder / name).chmod(0o777)

    def prepare(self) -> None:
        self.inventory()
        spool = str(self.folder / "spool")
        described = self.server.server(socket=True)
        common = {"server": described, "spool": spool}
        self.play("archive", {"pg_wal_archive": common})
        self._archive_for_all()
        self.server.create_database("shop", scans=SCANS)
        backup = {"service": "shop", "repository": "there"}
        self.play("base", {"pg_basebackup": {**common, **backup}})
        if self.peer:
            self.pgbackrest("--type=full", "backup")
        self._write()
        segments = len(list(self.local.iterdir()))
        (base,) = (self.folder / "backups").rglob("base.tar.zst")
        shutil.copy(base, self.local / base.name)
        (self.local / base.name).chmod(0o644)
        print(f"{segments} segments", flush=True)
        self.play("ship", {"pg_wal_ship": {**backup, "spool": spool}})
        self.server.stop()
        self.play_file(
            "explore",
            {"pg_pitr": {**self.place_of(described), "state": "explored", "target_name": TARGET}},
            {"pg_pitr": {**self.place_of(described), "state": "absent"}},
        )

    def place_of(self, described: Mapping[str, Any]) -> dict[str, Any]:
        where = {"service": "shop", "repository": "there", "data_directory": str(self.data)}
        return {**where, "server": described, "run_as": service_user() or pwd.getpwuid(os.geteuid()).pw_name}

    def _write(self) -> None:
        self.server.query("shop", "CREATE TABLE load (n bigint, what text)")
        for number in range(SEGMENTS):
            text = f"SELECT n, md5(n::text || '{number}') || repeat('x', 60) FROM generate_series(1, 100000) n"
            self.server.query("shop", f"INSERT INTO load {text}")
        self.server.query("shop", f"SELECT pg_create_restore_point('{TARGET}')")
        (last,) = self.server.query("shop", "SELECT pg_walfile_name(pg_switch_wal())")[0]
        archived = "SELECT coalesce(last_archived_wal, '') FROM pg_stat_archiver"
        wait_until("the archiver", lambda: self.server.query("shop", archived)[0][0] >= last, 300)

    def _archive_for_all(self) -> None:
        """Every segment for SentraPlay, for whoever does it by hand, and for pgBackRest."""
        (ours,) = self.server.query("postgres", "SHOW archive_command")[0]
        commands = [f'cp "%p" "{self.local}/%f"', ours]
        if self.peer:
            where = {"folder": self.folder, "data": self.data, "port": self.server.port, "sockets": self.server.sockets}
            self.configuration.write_text(PGBACKREST.format(**where))
            self.configuration.chmod(0o644)
            self.pgbackrest("stanza-create")
            commands.insert(0, f'pgbackrest --config={self.configuration} --stanza=shop archive-push "%p"')
        command = " && ".join(commands).replace("'", "''")
        self.server.query("postgres", f"ALTER SYSTEM SET archive_command = '{command}'")
        self.server.query("postgres", "SELECT pg_reload_conf()")

    @property
    def configuration(self) -> Path:
        return self.folder / "pgbackrest.conf"

    def pgbackrest(self, *words: str) -> None:
        argv = self.as_owner("pgbackrest", f"--config={self.configuration}", "--stanza=shop", *words)
        done = subprocess.run(argv, check=False, env=self.env, cwd="/")
        if done.returncode:
            raise SystemExit(f"pgbackrest {' '.join(words)} failed; the server said:\n{self.server.log[-3000:]}")

    def as_owner(self, *argv: str) -> tuple[str, ...]:
        user = service_user()
        return argv if user is None else ("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", *argv)

    @property
    def env(self) -> dict[str, str]:
        return {
            "PATH": f"{self.server.programs}:{os.environ['PATH']}",
            "PGPASSWORD": self.server.superuser.password,
            "HOME": str(self.folder),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "LC_ALL": "C.UTF-8",
        }

    def inventory(self) -> None:
        where = {"type": "directory", "host": "db", "path": str(self.folder / "backups")}
        inventory = {
            "all": {"vars": {"repositories": {"there": where}}, "hosts": {"db": {"ansible_connection": "local"}}}
        }
        (self.folder / "inventory.yml").write_text(json.dumps(inventory))

    def play_file(self, name: str, *tasks: Mapping[str, Any]) -> tuple[str, ...]:
        play = {"hosts": "all", "gather_facts": False, "tasks": list(tasks)}
        (self.folder / f"{name}.yml").touch(mode=0o600)
        (self.folder / f"{name}.yml").write_text(json.dumps([play]))
        return (PROGRAM, "run", str(self.folder / f"{name}.yml"), "-i", str(self.folder / "inventory.yml"))

    def play(self, name: str, *tasks: Mapping[str, Any]) -> None:
        subprocess.run(self.play_file(name, *tasks), check=True, env=self.env, stdout=subprocess.DEVNULL)

    def by_hand(self, name: str, script: str) -> Contestant:
        data = self.place / name.replace(" ", "-")
        own = {"DATA": str(data), "BASE": str(self.local / "base.tar.zst"), "PORT": str(free_port()), "TARGET": TARGET}
        env = {**self.env, **own, "SOCKETS": str(self.place), "CONFIGURATION": str(self.configuration)}
        return Contestant(name, self.as_owner("bash", "-o", "pipefail", "-ec", script), env)

    def contestants(self) -> list[Contestant]:
        replay = f"replay() {{ {REPLAY} }}\n"
        local = f"""cp "{self.local}/%f" "%p" """.strip()
        explore = (PROGRAM, "run", str(self.folder / "explore.yml"), "-i", str(self.folder / "inventory.yml"))
        found = [
            self.by_hand("unpacking alone", f'{UNPACK}; rm -rf "$DATA"'),
            self.by_hand("by hand, WAL local", f"{replay} {UNPACK}; replay \"$DATA\" '{local}'"),
            Contestant("sentraplay", explore, self.env),
        ]
        if self.peer:
            restore = 'pgbackrest --config="$CONFIGURATION" --stanza=shop --pg1-path="$DATA" --type=name'
            restore += ' --target="$TARGET" --target-action=pause restore'
            found.append(
                self.by_hand("pgBackRest, async", f'{replay} mkdir -m 700 "$DATA"; {restore}; replay "$DATA" ""')
            )
        return found


def ratio(costs: Mapping[str, list[Cost]], one: str, other: str) -> float:
    """The median of the ratios of wall time within each round."""
    return statistics.median(a.wall / b.wall for a, b in zip(costs[one], costs[other], strict=True))


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    workplace = Workplace()
    try:
        bench = Bench(workplace)
        bench.prepare()
        costs = rounds(bench.contestants(), count, bench.folder)
        print(f"median of {count} rounds:\n{table(costs, base='by hand, WAL local')}", flush=True)
        print(f"bound 1.1: {ratio(costs, 'sentraplay', 'by hand, WAL local'):.2f}", flush=True)
        if bench.peer:
            print(f"bound 0.9: {ratio(costs, 'sentraplay', 'pgBackRest, async'):.2f} of pgBackRest", flush=True)
        else:
            print("pgBackRest is not installed here, so it is not compared", flush=True)
    finally:
        workplace.close()


if __name__ == "__main__":
    main()
