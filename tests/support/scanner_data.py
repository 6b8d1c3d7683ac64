"""Data like a security scanner's, with the things that get lost in a bad restore."""

from __future__ import annotations

from typing import Any, Final

import psycopg

FINDINGS_PER_SCAN: Final = 40

SCHEMA: Final = """
CREATE SCHEMA shard_1;
CREATE TYPE severity AS ENUM ('info', 'low', 'medium', 'high', 'critical');
CREATE TABLE scans (
  id bigserial PRIMARY KEY, target text NOT NULL, started_at timestamptz NOT NULL, options jsonb NOT NULL DEFAULT '{}'
);
CREATE TABLE findings (
  id bigserial PRIMARY KEY, scan_id bigint NOT NULL REFERENCES scans ON DELETE CASCADE,
  severity severity NOT NULL, title text NOT NULL, evidence bytea, tags text[], score numeric(4, 1)
);
CREATE INDEX findings_by_severity ON findings (severity, scan_id);
CREATE TABLE api_keys (
  id serial PRIMARY KEY, name text NOT NULL UNIQUE, key_hash bytea NOT NULL, revoked boolean NOT NULL DEFAULT false
);
CREATE TABLE baselines (id serial PRIMARY KEY, name text NOT NULL, document jsonb NOT NULL);
CREATE TABLE shard_1.findings (LIKE findings INCLUDING ALL);
CREATE TABLE "Odd Names" ("a ""quoted"" column" text, "ключ" integer);
CREATE VIEW open_findings AS SELECT * FROM findings WHERE severity >= 'high';
CREATE MATERIALIZED VIEW findings_per_scan AS
  SELECT scan_id, count(*) AS findings FROM findings GROUP BY scan_id WITH NO DATA;
CREATE FUNCTION risk(severity) RETURNS integer LANGUAGE sql IMMUTABLE AS
  $$ SELECT array_position(enum_range(NULL::severity), $1) $$;
COMMENT ON TABLE findings IS 'what a scan found; it''s the only copy';
"""

ROWS: Final = """
INSERT INTO scans (target, started_at, options)
  SELECT 'https://host-' || n || '.example/ü', timestamptz '2025-01-01 00:00+00' + n * interval '17 minutes',
         jsonb_build_object('depth', n % 5, 'note', 'line' || chr(10) || 'tab' || chr(9) || 'quote''"')
  FROM generate_series(1, :scans) n;
INSERT INTO findings (scan_id, severity, title, evidence, tags, score)
  SELECT s.id, (enum_range(NULL::severity))[1 + (f * 7 + s.id) % 5], 'finding ' || f || ' ✓ \\N \\.',
         CASE WHEN f % 3 > 0 THEN decode(md5(s.id || ':' || f), 'hex') END,
         CASE WHEN f % 4 > 0 THEN ARRAY['cwe-' || f, 'a,b', '{}'] END, (f % 100) / 10.0
  FROM scans s, generate_series(1, :per_scan) f;
INSERT INTO api_keys (name, key_hash, revoked)
  SELECT 'key ' || n, sha256(convert_to('key' || n, 'UTF8')), n % 4 = 0 FROM generate_series(1, 25) n;
INSERT INTO baselines (name, document)
  SELECT 'baseline ' || n, jsonb_build_object('accepted', jsonb_build_array(n, n + 1, NULL))
  FROM generate_series(1, 12) n;
INSERT INTO shard_1.findings SELECT * FROM findings WHERE id % 10 = 0;
INSERT INTO "Odd Names" VALUES ('', 1), (NULL, 2), (E'back\\\\slash\\r\\n', NULL);
REFRESH MATERIALIZED VIEW findings_per_scan;
ANALYZE;
"""

TABLES: Final = """
SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1
"""


def load(connection: psycopg.Connection[Any], scans: int) -> None:
    """Create the tables and fill them: `scans` scans with 40 findings each, 25 API keys, 12 baselines, a shard."""
    connection.execute(SCHEMA)
    rows = ROWS.replace(":scans", str(scans)).replace(":per_scan", str(FINDINGS_PER_SCAN))
    connection.execute(rows.encode())


def contents(connection: psycopg.Connection[Any]) -> dict[str, tuple[int, str]]:
    """Every user table's row count and a hash over all its rows in any order: equal means equal data."""
    found: dict[str, tuple[int, str]] = {}
    for (table,) in connection.execute(TABLES).fetchall():
        rows = f"SELECT md5(t::text) AS h FROM {table} t"
        query = f"SELECT count(*), coalesce(md5(string_agg(h, '' ORDER BY h)), '') FROM ({rows}) r"
        row = connection.execute(query.encode()).fetchone()
        assert row is not None
        found[table] = (row[0], row[1])
    return found
