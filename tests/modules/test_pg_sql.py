"""SQL as text: quoting, parameters, cutting a script."""

from __future__ import annotations

import pytest

from runner.errors import TaskFailed
from runner.modules.postgres.sql import bind, for_psql, identifier, literal, statements
from runner.secret import Secret

FUNCTION = (
    "CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql"
    " BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END"
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "NULL"),
        (True, "true"),
        (7, "7"),
        (0.1, "0.1"),
        (float("inf"), "'inf'::float8"),
        ("it's", "'it''s'"),
        ("back\\slash'", " E'back\\\\slash'''"),
        ({"a": [1]}, """'{"a": [1]}'"""),
        ([1, "x"], "ARRAY[1, 'x']"),
        ([], "'{}'"),
        (Secret("s'x"), "'s''x'"),
    ],
)
def test_a_value_becomes_a_literal(value: object, expected: str) -> None:
    assert literal(value) == expected


def test_a_name_is_quoted_whatever_it_holds() -> None:
    assert identifier("public", 'a"b; DROP') == '"public"."a""b; DROP"'


def test_a_nul_character_is_refused() -> None:
    with pytest.raises(TaskFailed, match="NUL"):
        literal("a\0b")


def test_positional_and_named_parameters_are_put_in_place() -> None:
    assert bind("SELECT %s, %s, '100%%'", ["a'b", 2]) == "SELECT 'a''b', 2, '100%'"
    assert bind("SELECT %(x)s + %(x)s", {"x": 3, "unused": 4}) == "SELECT 3 + 3"


def test_a_query_without_parameters_stays_as_it_is() -> None:
    assert bind("SELECT 'a%' LIKE '%s'", ()) == "SELECT 'a%' LIKE '%s'"


@pytest.mark.parametrize(
    ("query", "params"),
    [
        ("SELECT %s", [1, 2]),
        ("SELECT %s, %s", [1]),
        ("SELECT %(a)s", [1]),
        ("SELECT %s", {"a": 1}),
        ("SELECT %(b)s", {"a": 1}),
    ],
)
def test_parameters_that_do_not_fit_are_refused(query: str, params: object) -> None:
    with pytest.raises(TaskFailed, match="do not fit"):
        bind(query, params)  # type: ignore[arg-type]  # the wrong shapes are the point


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("SELECT 1; SELECT 2;", ["SELECT 1", "SELECT 2"]),
        ("SELECT ';' ; SELECT \";\"", ["SELECT ';'", 'SELECT ";"']),
        ("SELECT E'\\';' ; SELECT 2", ["SELECT E'\\';'", "SELECT 2"]),
        ("DO $a$ BEGIN; $b$;$b$ END $a$; SELECT $1", ["DO $a$ BEGIN; $b$;$b$ END $a$", "SELECT $1"]),
        ("SELECT 1 -- ;\n; /* ; /* ; */ ; */ SELECT 2", ["SELECT 1 -- ;", "/* ; /* ; */ ; */ SELECT 2"]),
        (";; -- nothing\n", []),
        (
            f"{FUNCTION}; SELECT 3",
            [
                FUNCTION,
                "SELECT 3",
            ],
        ),
        ("BEGIN; CREATE TABLE t (x int); COMMIT", ["BEGIN", "CREATE TABLE t (x int)", "COMMIT"]),
        ("SELECT 'größe;' AS größe; SELECT 2", ["SELECT 'größe;' AS größe", "SELECT 2"]),
    ],
)
def test_a_script_is_cut_at_the_semicolons_that_end_statements(script: str, expected: list[str]) -> None:
    assert statements(script) == expected


@pytest.mark.parametrize("script", ["SELECT 1 \\gexec", "\\copy t FROM x", "SELECT 1;\n\\! rm -rf /"])
def test_a_psql_command_is_refused(script: str) -> None:
    with pytest.raises(TaskFailed, match="backslash"):
        statements(script)


@pytest.mark.parametrize("script", ["SELECT 'open", 'SELECT "open', "SELECT /* open"])
def test_what_is_never_closed_is_refused(script: str) -> None:
    with pytest.raises(TaskFailed, match="never closed"):
        statements(script)


def test_psql_variables_are_kept_out_of_a_statement() -> None:
    assert for_psql("SELECT a[1:n], ':USER', b::text, :'x'") == "SELECT a[1: n], ':USER', b::text, : 'x'"
