"""Why a recovering server ended, read off its log."""

from __future__ import annotations

from runner.modules.postgres.physical.side import fatal

ENDED = "FATAL:  recovery ended before configured recovery target was reached\n"


def test_what_a_client_was_told_meanwhile_is_no_reason() -> None:
    assert fatal(ENDED + "FATAL:  the database system is in recovery mode\n").startswith("recovery ended before")
    assert fatal("FATAL:  the database system is shutting down\n") == ""


def test_the_last_reason_counts() -> None:
    assert fatal("ERROR:  one\nLOG:  x\n" + ENDED).startswith("recovery ended before")
