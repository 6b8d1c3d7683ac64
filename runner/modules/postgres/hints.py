"""What to do about the errors people meet with PostgreSQL, by the server's own codes and words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_CONNECT: Final[tuple[tuple[str, str], ...]] = (
    ("password authentication failed", "check server.user and server.password"),
    ("no password supplied", "the server asks for a password: set server.password (a variable from a vaulted file)"),
    ("Peer authentication failed", "the system user must have the role's name: use `become: true` and become_user"),
    ("no pg_hba.conf entry", "pg_hba.conf lets nobody in from there: add a line, or use the Unix socket's directory"),
    (
        "Ident authentication failed",
        "give server.host as the Unix socket's directory, or set a password in pg_hba.conf",
    ),
    ("role ", "check server.user; in a compose deployment the superuser is the image's POSTGRES_USER"),
    ("does not exist", "check the database's name (it is case-sensitive) and server.port"),
    (
        "not currently accepting connections",
        "an earlier swap may have been cut off: run it again, or `sentraplay resume`",
    ),
    ("Connection refused", "is the server running, and listening on that address and port?"),
    ("No such file or directory", "is the server running, and is server.host the directory of its socket?"),
    ("starting up", "the server is starting or recovering: wait for it (wait_for, or retries with until)"),
    ("too many clients", "every connection is taken: stop clients, or raise max_connections"),
    ("timeout expired", "no answer within 10 seconds: is the address right, and is there a firewall between?"),
)

_STATEMENT: Final[Mapping[str, str]] = {
    "42501": "the role has not the right for this; use a superuser or grant what is missing",
    "53100": "the server's disk is full: make room and run this again",
    "57014": "the statement ran into its time limit; raise statement_timeout if it may take that long",
    "42P01": "check the table's schema: is it in the search path?",
    "25006": "the query writes, but it may only read here (read_only, a standby, or an assertion)",
    "25001": "this statement cannot run in a transaction: set autocommit: true",
    "40P01": "two transactions waited for each other; running this again usually helps",
}


def connect_hint(text: str) -> str:
    """What to try when no session could be opened; "" if the words are new to us."""
    return next((hint for words, hint in _CONNECT if words in text), "")


def statement_hint(sqlstate: str) -> str:
    """What to try when a statement failed."""
    return _STATEMENT.get(sqlstate, "")


def connect_reason(text: str) -> str:
    """The one line that says why, from what libpq wrote (it may have tried several addresses and added advice)."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if "failed:" in line or "FATAL" in line] or lines[-1:]
    reason = telling[-1] if telling else "no answer"
    return reason.removeprefix("psql: error: ").removeprefix("connection failed: ")


def client_reason(stderr: str) -> str:
    """What a client program (pg_dump, pg_restore) says went wrong, in one line; libpq's prompt taken out."""
    lines = [line.strip() for line in stderr.replace("Password: ", "").splitlines() if line.strip()]
    errors = [line for line in lines if ": error: " in line or "ERROR:" in line or "FATAL:" in line]
    return " / ".join(errors or lines)[:600] or "it said nothing"
