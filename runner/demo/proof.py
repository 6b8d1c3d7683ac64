"""What the service holds, taken the same way before the disaster and after the recovery."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from runner.demo.database import Cluster


@dataclass(frozen=True, slots=True)
class Holding:
    """Rows, or files, and one hash over all their content."""

    count: int
    digest: str


Proof = dict[str, Holding]

# Every table's rows in an order of their own, hashed as PostgreSQL prints them.
TABLES = """
SELECT json_object_agg(name, json_build_array(
  (xpath('//c/text()', query_to_xml('SELECT count(*) AS c FROM ' || name, true, true, '')))[1]::text,
  (xpath('//h/text()', query_to_xml(
    'SELECT md5(string_agg(t::text, chr(10) ORDER BY t::text)) AS h FROM ' || name || ' t', true, true, '')))[1]::text))
FROM (SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname = 'public') tables
"""


def take(cluster: Cluster, root: Path) -> Proof:
    """The proof of a service: one entry per table, one per folder of files."""
    found: Proof = {}
    for table, (rows, digest) in sorted(json.loads(cluster.sql(TABLES)).items()):
        found[f"table {table}"] = Holding(int(rows), digest)
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        found[f"files {folder.name}/"] = _of_tree(folder)
    found["files .env"] = Holding(1, _of_file(root / ".env"))
    return found


def _of_tree(folder: Path) -> Holding:
    paths = sorted(path for path in folder.rglob("*") if path.is_symlink() or path.is_file())
    lines = (f"{path.relative_to(folder)}\0{_of_file(path)}\n" for path in paths)
    return Holding(len(paths), hashlib.sha256("".join(lines).encode()).hexdigest())


def _of_file(path: Path) -> str:
    stat = path.lstat()
    content = bytes(path.readlink()) if path.is_symlink() else path.read_bytes()
    return f"{stat.st_mode:o} {stat.st_uid} {hashlib.sha256(content).hexdigest()}"
