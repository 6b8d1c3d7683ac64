"""Modules that work on PostgreSQL servers, natively or inside a compose service."""

from __future__ import annotations

from typing import Any

from runner.modules.contract import Module
from runner.modules.postgres.pg_dump import PgDump
from runner.modules.postgres.pg_query import PgQuery
from runner.modules.postgres.pg_restore import PgRestore

MODULES: tuple[Module[Any], ...] = (PgDump(), PgQuery(), PgRestore())
