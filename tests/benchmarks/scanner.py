"""The benchmarks' database: what a security scanner keeps after a few thousand scans of real size.

Several tables carry the bytes, as in such a service: the components of SBOMs, findings, what was seen as evidence, an
audit log. Part of a row is words and paths that repeat themselves, the rest is what does not: hashes, UUIDs, tokens,
times. The rows of tests/support/scanner_data.py, made to be odd and not to be large, are so alike that compressing them
costs next to nothing: beside that, nothing that a backup does would look quick.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import psycopg

SCANS: Final = 6_000
COMPONENTS: Final = 300
FINDINGS: Final = 240
EVIDENCE_EVERY: Final = 2
AUDITED: Final = 100
SEED: Final = 15

# The servers of the tests are set up to be quick and to lose data in a crash; what is measured is not.
AS_IN_PRODUCTION: Final = {
    "shared_buffers": "512MB",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
}

SCHEMA: Final = """
CREATE TABLE scans (
  id bigint PRIMARY KEY, target text NOT NULL, started_at timestamptz NOT NULL, options jsonb NOT NULL
);
CREATE TABLE components (
  id bigint PRIMARY KEY, scan_id bigint NOT NULL REFERENCES scans, purl text NOT NULL, licence text NOT NULL,
  sha256 bytea NOT NULL, size integer NOT NULL
);
CREATE TABLE findings (
  id bigint PRIMARY KEY, scan_id bigint NOT NULL REFERENCES scans, component_id bigint NOT NULL REFERENCES components,
  severity smallint NOT NULL, rule text NOT NULL, path text NOT NULL, line integer NOT NULL, title text NOT NULL,
  fingerprint bytea NOT NULL, first_seen timestamptz NOT NULL
);
CREATE TABLE evidence (
  finding_id bigint PRIMARY KEY REFERENCES findings, request text NOT NULL, response text NOT NULL
);
CREATE TABLE audit_log (
  id bigint PRIMARY KEY, at timestamptz NOT NULL, actor uuid NOT NULL, action text NOT NULL, detail jsonb NOT NULL
);
CREATE INDEX findings_of_scan ON findings (scan_id, severity);
CREATE INDEX findings_by_fingerprint ON findings (fingerprint);
CREATE INDEX components_of_scan ON components (scan_id);
"""

BEGIN: Final = datetime(2025, 1, 1, tzinfo=UTC)
LICENCES: Final = ("MIT", "Apache-2.0", "BSD-3-Clause", "GPL-2.0-only", "ISC", "MPL-2.0")
ECOSYSTEMS: Final = ("npm", "pypi", "maven", "golang", "deb/debian", "cargo")
ACTIONS: Final = ("scan.started", "scan.finished", "finding.accepted", "finding.reopened", "key.used", "report.read")
LETTERS: Final = "etaoinshrdlucmfwygpbvkxqjz"

Row = tuple[object, ...]


class Scanner:
    """Makes the rows, the same for the same number of scans."""

    def __init__(self, scans: int) -> None:
        self.scans = scans
        self._chance = random.Random(SEED)
        weights = range(len(LETTERS) + 4, 4, -1)
        self._words = [
            "".join(self._chance.choices(LETTERS, weights, k=self._chance.randint(3, 11))) for _ in range(5_000)
        ]
        self._rules = [f"{self._word()}-{number:04d}" for number in range(600)]
        self._titles = {rule: self._text(7) for rule in self._rules}
        self._packages = [f"pkg:{self._one(ECOSYSTEMS)}/{self._word()}-{self._word()}" for _ in range(8_000)]
        self._paths = ["/".join(self._text(4).split()) + self._one((".py", ".js", ".go")) for _ in range(20_000)]

    def scan_rows(self) -> Iterator[Row]:
        for scan in range(1, self.scans + 1):
            options = {"depth": scan % 5, "profile": self._word(), "commit": self._token(20)}
            yield scan, f"https://git.example/{self._word()}/{self._word()}", self._moment(), json.dumps(options)

    def component_rows(self) -> Iterator[Row]:
        for number in range(1, self.scans * COMPONENTS + 1):
            version = f"{self._below(20)}.{self._below(40)}.{self._below(60)}"
            purl = f"{self._one(self._packages)}@{version}"
            sha256 = self._chance.randbytes(32)
            yield number, 1 + (number - 1) // COMPONENTS, purl, self._one(LICENCES), sha256, self._below(2_000_000)

    def finding_rows(self) -> Iterator[Row]:
        for number in range(1, self.scans * FINDINGS + 1):
            scan = 1 + (number - 1) // FINDINGS
            component = (scan - 1) * COMPONENTS + 1 + self._below(COMPONENTS)
            rule, path = self._one(self._rules), self._one(self._paths)
            told = f"{self._titles[rule]} ({self._word()})"
            where = (rule, path, self._below(3_000), told)
            yield number, scan, component, self._below(5), *where, self._chance.randbytes(32), self._moment()

    def evidence_rows(self) -> Iterator[Row]:
        for number in range(EVIDENCE_EVERY, self.scans * FINDINGS + 1, EVIDENCE_EVERY):
            path, host = self._one(self._paths), f"{self._word()}.example"
            request = f"GET /{path}?session={self._token(16)} HTTP/1.1\r\nHost: {host}"
            yield number, request, f"HTTP/1.1 200 OK\r\nETag: {self._token(16)}\r\n\r\n{self._text(30)}"

    def audit_rows(self) -> Iterator[Row]:
        actors = [UUID(bytes=self._chance.randbytes(16)) for _ in range(200)]
        for number in range(1, self.scans * AUDITED + 1):
            address = f"10.{self._below(256)}.{self._below(256)}.{self._below(256)}"
            detail = {"address": address, "token": self._token(16)}
            yield number, self._moment(), self._one(actors), self._one(ACTIONS), json.dumps(detail)

    def _one(self, among: Any) -> Any:
        return among[int(self._chance.random() * len(among))]

    def _below(self, end: int) -> int:
        return int(self._chance.random() * end)

    def _word(self) -> str:
        return str(self._one(self._words))

    def _text(self, words: int) -> str:
        return " ".join(self._chance.choices(self._words, k=words))

    def _token(self, size: int) -> str:
        return self._chance.randbytes(size).hex()

    def _moment(self) -> datetime:
        return BEGIN + timedelta(microseconds=self._below(31_536_000_000_000))


def fill(connection: psycopg.Connection[Any], scans: int = SCANS) -> None:
    """Create the tables and fill them: for the usual number of scans 1.2 GB on disk."""
    connection.execute(SCHEMA)
    scanner = Scanner(scans)
    for table, rows in (
        ("scans", scanner.scan_rows()),
        ("components", scanner.component_rows()),
        ("findings", scanner.finding_rows()),
        ("evidence", scanner.evidence_rows()),
        ("audit_log", scanner.audit_rows()),
    ):
        with connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
    connection.execute("VACUUM ANALYZE")
