"""What restores write into the comments of databases, and the names they give beside."""

from __future__ import annotations

from runner.modules.postgres import marker, pg_restore


def test_a_marker_keeps_what_people_wrote() -> None:
    mark = marker.Marker(marker.Part.LIVE, "app", "r1", "b1", "2026-11-23T00:00:00Z", replaced="app_previous")
    comment = marker.write(mark, "two\nlines")
    assert marker.split(comment) == ("two\nlines", mark)
    assert marker.split(marker.write(mark, comment)) == ("two\nlines", mark)
    assert marker.split("sentraplay: is a nice tool") == ("sentraplay: is a nice tool", None)
    assert marker.split(None) == ("", None)


def test_a_name_beside_never_exceeds_what_postgresql_allows() -> None:
    for name in ("a" * 63, "ä" * 31, "short"):
        beside = marker.name_beside(name, "_previous_20261123T000000Z")
        assert len(beside.encode()) <= 63 and beside.endswith("_previous_20261123T000000Z")
    assert pg_restore.PgRestoreArgs(database="x").keep_previous == "7d"
