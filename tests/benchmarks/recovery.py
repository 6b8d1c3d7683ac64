"""Physical backup and recovery beside pgBackRest, and recovery beside doing it by hand.

    python -m tests.benchmarks.recovery [ROUNDS]

Bounds: a base backup takes at most 0.5 times pgBackRest's (2 processes, zstd 3) and 1.1 times its bytes;
`archive_command` at most 0.6 times pgBackRest's; recovery over at least 60 segments at most 1.1 times the same by
`zstd -d | tar` with all WAL already on the disk, and 0.9 times pgBackRest's with archive-async. In recovery everybody
stops at the same restore point with the server paused there, then ends it and removes the files. Everybody works as the
server's own user.
"""

from __future__ import annotations

import json
import os
import pwd
import shlex
import shutil
import statistics
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from runner.modules.postgres.physical.archiving import archive_command
from tests.benchmarks.measure import Contestant, Cost, rounds, table
from tests.benchmarks.scanner import AS_IN_PRODUCTION, fill
from tests.support.postgres import PostgresServer, service_user, start_postgres
from tests.support.workplace import Workplace, free_port, wait_until

PROGRAM = str(Path(sysconfig.get_path("scripts")) / "sentraplay")
SCANS = 3_000
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
compress-level=3
repo1-retention-full=100
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
            workplace, {**AS_IN_PRODUCTION, "archive_mode": "on", "max_wal_size": "4GB"}
        )
        self.local = workplace.directory("wal", owner=service_user())
        self.place = workplace.directory("by-hand", owner=service_user())
        self.data = self.server.directory / "data"
        self.peer = shutil.which("pgbackrest") is not None
        for name in ("pgbackrest", "lock", "async"):
            (self.folder / name).mkdir(mode=0o777)
            (self.folder / name).chmod(0o777)

    def prepare(self, count: int) -> None:
        self.inventory()
        spool = str(self.folder / "spool")
        described = self.server.server(socket=True)
        common = {"server": described, "spool": spool}
        self.play("archive", {"pg_wal_archive": common})
        self._know_archivers()
        self.server.create_database("shop")
        with self.server.connect("shop") as connection:
            fill(connection, SCANS)
        backup = {"service": "shop", "repository": "there"}
        self.base = {"pg_basebackup": {**common, **backup}}
        self.bases = self.base_backups(count)
        self._archive(*self.archivers)
        self.play("base", self.base)
        if self.peer:
            self.pgbackrest("--type=full", "backup")
        self._write()
        segments = len(list(self.local.iterdir()))
        base = max((self.folder / "backups").rglob("base.tar.zst"), key=lambda path: path.stat().st_mtime)
        shutil.copy(base, self.local / base.name)
        (self.local / base.name).chmod(0o644)
        print(f"{segments} segments", flush=True)
        self.play("ship", {"pg_wal_ship": {**backup, "spool": spool}})
        self.server.stop()
        self.explore = self.play_file(
            "explore",
            {"pg_pitr": {**self.place_of(described), "state": "explored", "target_name": TARGET}},
            {"pg_pitr": {**self.place_of(described), "state": "absent"}},
        )

    def base_backups(self, count: int) -> dict[str, list[Cost]]:
        """Whole ones, each with the WAL it needs, archived by its own command alone: a backup waits for that."""
        ours = partial(self._archive, "sentraplay")
        found = [
            Contestant("sentraplay", self.play_file("base-again", self.base), self.env, ours),
            Contestant("pg_basebackup alone", self.as_owner("bash", "-ec", self.bare()), self.env, ours),
        ]
        if self.peer:
            argv = ("pgbackrest", f"--config={self.configuration}", "--stanza=shop", "--type=full", "backup")
            theirs = partial(self._archive, "pgBackRest")
            found.append(Contestant("pgBackRest", self.as_owner(*argv), self.env, theirs))
        return rounds(found, count, self.folder)

    def bare(self) -> str:
        """Nothing but the server's own tool, with the server's own compression."""
        call = f"pg_basebackup -h {self.server.sockets} -p {self.server.port} -U {self.server.superuser.name}"
        made = f"{self.place}/bare"
        smaller = "-c fast -X none -Ft -Z server-zstd:level=3,workers=2"
        return f"rm -rf {made}; {call} {smaller} -D {made}; sync {made}/*"

    def bytes_kept(self) -> tuple[int, int]:
        """Of the first base backup here and there, without WAL."""
        ours = next(iter((self.folder / "backups").rglob("base.tar.zst"))).stat().st_size
        argv = ("pgbackrest", f"--config={self.configuration}", "--stanza=shop", "--output=json", "info")
        said = subprocess.run(self.as_owner(*argv), env=self.env, cwd="/", capture_output=True, check=True).stdout
        return ours, int(json.loads(said)[0]["backup"][0]["info"]["repository"]["size"])

    def segments(self, count: int) -> dict[str, list[Cost]]:
        """Real ones, each archived by a shell of its own, as the server starts one; into an empty place every time."""
        names = sorted(path.name for path in self.local.iterdir() if len(path.name) == 24)[:40]
        spool = self.place / "spool"
        options = f'--config="{self.configuration}" --stanza=shop --no-archive-async'
        push = f'pgbackrest {options} archive-push "{self.local}/%f"'
        repository = self.folder / "pgbackrest" / "archive" / "shop" / "15-1"
        ways = {"sentraplay": (archive_command(str(spool)), spool)}
        if self.peer:
            ways["pgBackRest"] = (push, repository)
        return rounds([self._each(name, *way, names) for name, way in ways.items()], count, self.folder)

    def _each(self, name: str, command: str, place: Path, names: list[str]) -> Contestant:
        calls = (command.replace("%p", f"{self.local}/{one}").replace("%f", one) for one in names)
        script = f"rm -rf '{place}'; mkdir -p '{place}'\n" + "".join(f"sh -c {shlex.quote(one)}\n" for one in calls)
        return Contestant(name, self.as_owner("sh", "-ec", script), self.env)

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

    def _know_archivers(self) -> None:
        """The commands of SentraPlay, of whoever does it by hand, and of pgBackRest."""
        (ours,) = self.server.query("postgres", "SHOW archive_command")[0]
        self.archivers = {"sentraplay": str(ours), "by hand": f'cp "%p" "{self.local}/%f"'}
        if self.peer:
            where = {"folder": self.folder, "data": self.data, "port": self.server.port, "sockets": self.server.sockets}
            self.configuration.write_text(PGBACKREST.format(**where))
            self.configuration.chmod(0o644)
            self.pgbackrest("stanza-create")
            push = f'pgbackrest --config={self.configuration} --stanza=shop archive-push "%p"'
            self.archivers["pgBackRest"] = push

    def _archive(self, *who: str) -> None:
        """Every segment from now on, for these; SentraPlay's command ends by `exit`, and comes last."""
        commands = sorted((self.archivers[name] for name in who), key=lambda one: one == self.archivers["sentraplay"])
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
        self._give(self.folder / "inventory.yml")

    def play_file(self, name: str, *tasks: Mapping[str, Any]) -> tuple[str, ...]:
        play = {"hosts": "all", "gather_facts": False, "tasks": list(tasks)}
        path = self.folder / f"{name}.yml"
        path.write_text(json.dumps([play]))
        self._give(path)
        return self.as_owner(PROGRAM, "run", str(path), "-i", str(self.folder / "inventory.yml"))

    def _give(self, path: Path) -> None:
        """There is a password in it: for the server's user alone."""
        path.chmod(0o600)
        if user := service_user():
            shutil.chown(path, user, user)

    def play(self, name: str, *tasks: Mapping[str, Any]) -> None:
        argv = self.play_file(name, *tasks)
        subprocess.run(argv, check=True, env=self.env, stdout=subprocess.DEVNULL, cwd="/")

    def by_hand(self, name: str, script: str) -> Contestant:
        data = self.place / name.replace(" ", "-")
        own = {"DATA": str(data), "BASE": str(self.local / "base.tar.zst"), "PORT": str(free_port()), "TARGET": TARGET}
        env = {**self.env, **own, "SOCKETS": str(self.place), "CONFIGURATION": str(self.configuration)}
        return Contestant(name, self.as_owner("bash", "-o", "pipefail", "-ec", script), env)

    def contestants(self) -> list[Contestant]:
        replay = f"replay() {{ {REPLAY} }}\n"
        local = f"""cp "{self.local}/%f" "%p" """.strip()
        found = [
            self.by_hand("unpacking alone", f'{UNPACK}; rm -rf "$DATA"'),
            self.by_hand("by hand, WAL local", f"{replay} {UNPACK}; replay \"$DATA\" '{local}'"),
            Contestant("sentraplay", self.explore, self.env),
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
        bench.prepare(count)
        print(f"base backups, median of {count} rounds:\n{table(bench.bases, base='sentraplay')}", flush=True)
        if bench.peer:
            ours, theirs = bench.bytes_kept()
            print(f"bound 0.5: {ratio(bench.bases, 'sentraplay', 'pgBackRest'):.2f} of pgBackRest", flush=True)
            bare = ratio(bench.bases, "pg_basebackup alone", "pgBackRest")
            print(f"pg_basebackup alone: {bare:.2f} of pgBackRest", flush=True)
            print(f"bound 1.1: {ours / theirs:.2f} of pgBackRest's bytes", flush=True)
        costs = rounds(bench.contestants(), count, bench.folder)
        print(f"recovery, median of {count} rounds:\n{table(costs, base='by hand, WAL local')}", flush=True)
        print(f"bound 1.1: {ratio(costs, 'sentraplay', 'by hand, WAL local'):.2f}", flush=True)
        if bench.peer:
            print(f"bound 0.9: {ratio(costs, 'sentraplay', 'pgBackRest, async'):.2f} of pgBackRest", flush=True)
            by_hand = ratio(costs, "by hand, WAL local", "pgBackRest, async")
            print(f"by hand, WAL local: {by_hand:.2f} of pgBackRest", flush=True)
        else:
            print("pgBackRest is not installed here, so it is not compared", flush=True)
        archived = bench.segments(count)
        print(f"40 segments archived, median of {count} rounds:\n{table(archived, base='sentraplay')}", flush=True)
        if bench.peer:
            print(f"bound 0.6: {ratio(archived, 'sentraplay', 'pgBackRest'):.2f} of pgBackRest", flush=True)
    finally:
        workplace.close()


if __name__ == "__main__":
    main()
