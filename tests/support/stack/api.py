"""The api of the stack: creates its tables at start, and says it is healthy only after asking the database."""

import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg2

TABLES = """
CREATE TABLE IF NOT EXISTS scans (
  id bigserial PRIMARY KEY, target text NOT NULL, started_at timestamptz NOT NULL, options jsonb NOT NULL DEFAULT '{}'
)
"""


def query(text: str, fetch: bool = True) -> int:
    connection = psycopg2.connect(
        host=os.environ.get("POSTGRES_HOST", "db"),
        user=os.environ["POSTGRES_USER"],
        password=os.environ["POSTGRES_PASSWORD"],
        dbname=os.environ["POSTGRES_DB"],
        connect_timeout=3,
    )
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(text)
            return cursor.fetchone()[0] if fetch else 0
    finally:
        connection.close()


class Api(BaseHTTPRequestHandler):
    """GET /health: 200 with counts, or 503 with the reason."""

    def do_GET(self) -> None:
        if self.path != "/health":
            self.answer(404, {"error": "not found"})
            return
        try:
            reports = sum(1 for path in Path("/app/reports").rglob("*") if path.is_file())
            self.answer(200, {"status": "ok", "scans": query("SELECT count(*) FROM scans"), "reports": reports})
        except psycopg2.Error as error:
            self.answer(503, {"status": "error", "reason": str(error).strip()})

    def answer(self, status: int, body: dict) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def create_tables() -> None:
    for left in reversed(range(30)):
        try:
            query(TABLES, fetch=False)
            return
        except psycopg2.OperationalError:
            if not left:
                raise
            time.sleep(1)


create_tables()
ThreadingHTTPServer(("", 8080), Api).serve_forever()
