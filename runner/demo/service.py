"""The demo's service: a security scanner's database, its files, and its health page."""

from __future__ import annotations

import json
import random
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from runner.demo.database import DATABASE, Cluster
from runner.demo.place import Place

HEALTH: Final = "/api/v1/health"
FOLDERS: Final = ("cache", "data", "reports", "sboms")
REPORTS: Final = 300
SBOMS: Final = 150

SCHEMA: Final = """
CREATE TABLE scans (id bigserial PRIMARY KEY, target text NOT NULL, started_at timestamptz NOT NULL, options jsonb);
CREATE TABLE findings (
  id bigserial PRIMARY KEY, scan_id bigint NOT NULL REFERENCES scans ON DELETE CASCADE,
  severity text NOT NULL CHECK (severity IN ('low', 'medium', 'high', 'critical')), title text NOT NULL, evidence bytea
);
CREATE INDEX findings_by_severity ON findings (severity, scan_id);
CREATE TABLE api_keys (id serial PRIMARY KEY, owner text UNIQUE, digest bytea NOT NULL, revoked boolean NOT NULL);
CREATE TABLE baselines (id serial PRIMARY KEY, name text NOT NULL, accepted jsonb NOT NULL);
INSERT INTO scans (target, started_at, options)
  SELECT 'registry.example/app-' || n || ':latest', timestamptz '2026-01-01 00:00+00' + n * interval '11 minutes',
         jsonb_build_object('depth', n % 4)
  FROM generate_series(1, 1200) n;
INSERT INTO findings (scan_id, severity, title, evidence)
  SELECT scan, (ARRAY['low', 'medium', 'high', 'critical'])[1 + (scan + n) % 4], 'CVE-2026-' || scan * 31 + n,
         decode(md5(scan || '/' || n), 'hex')
  FROM generate_series(1, 1200) scan, generate_series(1, 25) n;
INSERT INTO api_keys (owner, digest, revoked)
  SELECT 'team ' || n, sha256(convert_to('key ' || n, 'UTF8')), n % 5 = 0 FROM generate_series(1, 40) n;
INSERT INTO baselines (name, accepted)
  SELECT 'baseline ' || n, jsonb_build_array(n, n * 2) FROM generate_series(1, 60) n;
"""


def fill_database(cluster: Cluster) -> None:
    """Create the service's database, its tables and some tens of thousands of rows."""
    cluster.sql(f"CREATE DATABASE {DATABASE}", "postgres")
    cluster.sql(SCHEMA)


def write_files(place: Place, root: Path) -> None:
    """Reports, SBOMs, settings: odd names, links and tight modes among them, because those get lost first."""
    chance = random.Random(2026)
    place.folder(*root.relative_to(place.path).parts)
    for name in FOLDERS:
        (root / name).mkdir()
    for number in range(REPORTS):
        text = "".join(f"<li>{chance.getrandbits(64):016x}</li>\n" for _ in range(60))
        (root / "reports" / f"scan {number:04}.html").write_text(f"<ul>\n{text}</ul>\n")
    for number in range(SBOMS):
        packages = [{"name": f"lib{n}", "hash": f"{chance.getrandbits(128):032x}"} for n in range(40)]
        (root / "sboms" / f"app-{number:04}.json").write_text(json.dumps({"packages": packages}))
    (root / "reports" / "naïve – “odd” name.html").write_text("<p>kept</p>\n")
    (root / "reports" / "latest.html").symlink_to("scan 0299.html")
    (root / "data" / "state.bin").write_bytes(chance.randbytes(2_000_000))
    (root / ".env").write_text(f"ENCRYPTION_MASTER_KEY={chance.getrandbits(256):064x}\n")
    (root / ".env").chmod(0o600)
    place.give(root)


@contextmanager
def health_page(cluster: Cluster, address: str, port: int) -> Iterator[None]:
    """The service's health page: 200 only if the database answers with its rows."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # noqa: N802  (the base class's name)
            try:
                scans = int(cluster.sql("SELECT count(*) FROM scans"))
            except (subprocess.SubprocessError, OSError):
                self._say(503, {"status": "database unavailable"})
            else:
                self._say(200 if scans else 503, {"status": "ok" if scans else "empty", "scans": scans})

        def _say(self, status: int, answer: dict[str, Any]) -> None:
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing: the demo's terminal belongs to the playbooks."""

    server = ThreadingHTTPServer((address, port), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
