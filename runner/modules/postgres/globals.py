"""Roles from `pg_dumpall --globals-only`: those a server lacks are made, those it has are left alone."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from runner.frozen import frozen
from runner.modules.postgres.sql import statements

_NAME: Final = r'("(?:[^"]|"")*"|[^\s;"]+)'
_CREATE: Final = re.compile(rf"CREATE ROLE {_NAME}", re.DOTALL)
_ABOUT: Final = re.compile(rf"(?:CREATE ROLE|ALTER ROLE|COMMENT ON ROLE) {_NAME}", re.DOTALL)
_MEMBER: Final = re.compile(rf"GRANT {_NAME} TO {_NAME}", re.DOTALL)
_GRANTED_BY: Final = re.compile(rf"\s+GRANTED BY {_NAME}", re.DOTALL)
_COMMENT: Final = re.compile(r"\A(?:\s*--[^\n]*\n)*\s*")


@frozen
class Roles:
    """The roles of a globals dump and every statement about them, in the dump's order."""

    names: tuple[str, ...]
    statements: tuple[str, ...]

    def creating(self, missing: Collection[str]) -> list[str]:
        """The statements that make the `missing` ones with their attributes, passwords and memberships."""
        return [_portable(statement) for statement in self.statements if _subject(statement) in missing]


def read(text: str) -> Roles:
    """The roles in what pg_dumpall wrote; tablespaces and everything else are passed over."""
    # Newer ones frame their output with \restrict and \unrestrict, which only psql understands.
    plain = "\n".join(line for line in text.splitlines() if not line.startswith(("\\restrict ", "\\unrestrict ")))
    found = tuple(_COMMENT.sub("", statement) for statement in statements(plain))
    names = tuple(_unquoted(match[1]) for statement in found if (match := _CREATE.match(statement)))
    return Roles(names, tuple(statement for statement in found if _subject(statement) in names))


def _subject(statement: str) -> str | None:
    """The role a statement changes; in a membership that is the member."""
    if match := _ABOUT.match(statement):
        return _unquoted(match[1])
    if match := _MEMBER.match(statement):
        return _unquoted(match[2])
    return None


def _portable(statement: str) -> str:
    """A membership without the role that granted it, which may be another superuser's name on this server."""
    return _GRANTED_BY.sub("", statement) if _MEMBER.match(statement) else statement


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
