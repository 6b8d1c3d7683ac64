"""What archiving WAL and a base backup cost, beside the shortest ways to do the same.

    python -m tests.benchmarks.physical [ROUNDS]

Bounds: the archive command takes at most 1.5 times `cp` with fsync per segment; a base backup at most 1.1 times bare
`pg_basebackup` compressed by the server. pgBackRest takes part in recovery.py.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import sysconfig
from pathlib import Path

from runner.modules.postgres.physical.archiving import archive_command
from tests.benchmarks.measure import Contestant, Cost, rounds, table
from tests.benchmarks.scanner import AS_IN_PRODUCTION, fill
from tests.support.postgres import start_postgres
from tests.support.sshd import start_sshd
from tests.support.workplace import Workplace

PROGRAM = str(Path(sysconfig.get_path("scripts")) / "sentraplay")
SEGMENTS = 40
SEGMENT = 16 * 1024 * 1024


def archiving(workplace: Workplace, count: int) -> dict[str, list[Cost]]:
    """Each finished segment by a shell of its own, as the server starts one."""
    folder = workplace.directory("archiving", mode=0o700)
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    for number in range(SEGMENTS):
        (folder / f"{number:024X}").write_bytes(os.urandom(SEGMENT))
    (folder / "spool").mkdir()
    ours = archive_command(f"{folder}/spool")
    ways = {
        "cp and fsync": f'cp "%p" "{folder}/spool/%f" && sync "{folder}/spool/%f"',
        "sentraplay": ours,
    }
    return rounds([_each(name, one, folder, env) for name, one in ways.items()], count, folder)


def _each(name: str, command: str, folder: Path, env: dict[str, str]) -> Contestant:
    """The command on every segment, in turn, into an empty spool."""
    program = (
        "import os, subprocess, sys\n"
        f"folder, command = {str(folder)!r}, {command!r}\n"
        "for name in os.listdir(folder + '/spool'): os.unlink(folder + '/spool/' + name)\n"
        f"for number in range({SEGMENTS}):\n"
        "    name = f'{number:024X}'\n"
        "    told = command.replace('%p', folder + '/' + name).replace('%f', name)\n"
        "    subprocess.run(['sh', '-c', told], check=True)\n"
    )
    return Contestant(name, (sys.executable, "-c", program), env)


def bases(workplace: Workplace, count: int) -> dict[str, list[Cost]]:
    """The same cluster by pg_basebackup alone, and by a play that keeps it in a directory of its host."""
    server = start_postgres(workplace, {**AS_IN_PRODUCTION, "archive_mode": "on"})
    server.create_database("shop")
    with server.connect("shop") as connection:
        fill(connection)
    sshd, folder = start_sshd(workplace), workplace.directory("bases", mode=0o777)
    who = server.superuser
    env = {
        "PATH": f"{server.programs}:{os.environ['PATH']}",
        "PGPASSWORD": who.password,
        "HOME": str(folder),
        "XDG_STATE_HOME": str(folder / "state"),
        "LC_ALL": "C.UTF-8",
    }
    call = f"pg_basebackup -h {server.sockets} -p {server.port} -U {who.name} -c fast -X none -Ft"
    bare = f"rm -rf {folder}/bare; {call} -D {folder}/bare -Z server-zstd:level=3,workers=2; sync {folder}/bare/*"
    where = {"type": "directory", "host": "db", "path": str(folder / "backups")}
    hosts = {"db": sshd.host().variables(server=server.server(socket=True))}
    inventory = {"all": {"vars": {"repositories": {"there": where}}, "hosts": hosts}}
    (folder / "inventory.yml").write_text(json.dumps(inventory))
    (folder / "inventory.yml").chmod(0o600)
    common = {"server": "{{ server }}", "spool": str(folder / "wal")}
    backup = {"pg_basebackup": {**common, "service": "shop", "repository": "there"}}
    for name, tasks in (("set-up", [{"pg_wal_archive": common}]), ("base", [backup])):
        play = {"hosts": "all", "gather_facts": False, "tasks": tasks}
        (folder / f"{name}.yml").write_text(json.dumps([play]))
    run = (PROGRAM, "run", "-i", str(folder / "inventory.yml"))
    subprocess.run((*run, str(folder / "set-up.yml")), check=True, env=env, stdout=subprocess.DEVNULL)
    contestants = [
        Contestant("pg_basebackup", ("bash", "-ec", bare), env),
        Contestant("sentraplay", (*run, str(folder / "base.yml")), env),
    ]
    return rounds(contestants, count, folder)


def ratio(costs: dict[str, list[Cost]], one: str, other: str) -> float:
    """The median of the ratios of wall time within each round."""
    return statistics.median(a.wall / b.wall for a, b in zip(costs[one], costs[other], strict=True))


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    workplace = Workplace()
    try:
        archived = archiving(workplace, count)
        print(f"{SEGMENTS} segments, median of {count} rounds:\n{table(archived, 'cp and fsync')}", flush=True)
        print(f"bound 1.5: {ratio(archived, 'sentraplay', 'cp and fsync'):.2f}\n", flush=True)
        made = bases(workplace, count)
        print(f"base backup, median of {count} rounds:\n{table(made, 'pg_basebackup')}", flush=True)
        print(f"bound 1.1: {ratio(made, 'sentraplay', 'pg_basebackup'):.2f}", flush=True)
    finally:
        workplace.close()


if __name__ == "__main__":
    main()
