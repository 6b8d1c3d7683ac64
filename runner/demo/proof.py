"""What the service holds, taken the same way before the disaster and after the recovery."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from runner.demo.database import Cluster
from runner.demo.service import FOLDERS
from runner.frozen import frozen


@frozen
class Holding:
    """Rows, or files, and one hash over all their content."""

    count: int
    digest: str


Proof = dict[str, Holding]

# One query per table, made and run by psql: its rows in an order of their own, hashed as PostgreSQL prints them.
TABLES: Final = r"""
SELECT format('SELECT %L, count(*), md5(string_agg(t::text, chr(10) ORDER BY t::text)) FROM %1$I t', tablename)
FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename \gexec
"""


def take(cluster: Cluster, root: Path) -> Proof:
    """The proof of a service: one entry per table, one per folder of files."""
    found: Proof = {}
    for line in cluster.sql(TABLES).splitlines():
        table, rows, digest = line.split("|")
        found[f"table {table}"] = Holding(int(rows), digest)
    for name in FOLDERS:
        found[f"files {name}/"] = _of_tree(root / name)
    found["file .env"] = Holding(1, _of_file(root / ".env"))
    return found


def _of_tree(folder: Path) -> Holding:
    paths = sorted(path for path in folder.rglob("*") if path.is_symlink() or path.is_file())
    lines = (f"{path.relative_to(folder)}\0{_of_file(path)}\n" for path in paths)
    return Holding(len(paths), hashlib.sha256("".join(lines).encode()).hexdigest())


def _of_file(path: Path) -> str:
    stat = path.lstat()
    content = bytes(path.readlink()) if path.is_symlink() else path.read_bytes()
    return hashlib.sha256(f"{stat.st_mode:o} {stat.st_uid}\0".encode() + content).hexdigest()
