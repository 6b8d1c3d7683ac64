"""What pgBackRest said of its backups, as the repository keeps it, and what `status` makes of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from runner.backup.reported import reported
from runner.backup.reports import Kept, Report, What, report, reports
from runner.backup.status import known_services
from runner.errors import VerificationFailed
from runner.repositories.memory import MemoryRepository

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
FULL = Kept("20261127-010000F", NOW - timedelta(days=1), 1000)
INCREMENT = Kept("20261127-010000F_20261128-010000I", NOW - timedelta(hours=11), 10)
HOUR = 3600.0


@pytest.fixture
def repository() -> MemoryRepository:
    return MemoryRepository("main")


def tell(repository: MemoryRepository, what: What, hours_ago: float, error: str | None = None) -> Report:
    at = NOW - timedelta(hours=hours_ago)
    told = Report(what, at, "pgBackRest, posix /there, stanza app", (FULL, INCREMENT), INCREMENT.id, 2.5, error=error)
    told = replace(told, segments=7) if what == "check" else told
    report(repository, "app", told)
    return told


def troubles(
    repository: MemoryRepository, rpo: float | None = None, proved: float | None = None
) -> dict[str, list[str]]:
    return {line.kind: line.troubles(NOW, rpo, proved) for line in reported(repository, "app")}


def test_a_report_is_read_as_it_was_told(repository: MemoryRepository) -> None:
    told = tell(repository, "restore", 1)
    found = reports(repository, "app")
    assert found is not None
    assert found.latest == found.proved == told
    assert found.latest.subject == INCREMENT
    assert known_services(repository) == ["app"]


def test_nothing_is_told_of_a_service_nothing_was_reported_of(repository: MemoryRepository) -> None:
    tell(repository, "backup", 1)
    assert reports(repository, "other") is None
    assert reported(repository, "other") == []


def test_of_backups_and_checks_the_last_are_kept_and_of_verifications_all(repository: MemoryRepository) -> None:
    for hours in (6, 5, 4):
        tell(repository, "check", hours)
        tell(repository, "backup", hours)
        tell(repository, "restore", hours)
    kept = [info.key.split("-")[1] for info in repository.list("app/pgbackrest/")]
    assert sorted(kept) == ["backup", "check", "restore", "restore", "restore"]


def test_a_failed_check_does_not_hide_when_the_last_good_one_was(repository: MemoryRepository) -> None:
    tell(repository, "check", 3)
    tell(repository, "check", 2, error="WAL segment 7 is missing")
    tell(repository, "check", 1, error="WAL segment 8 is missing")
    found = reports(repository, "app")
    assert found is not None and found.check is not None and found.failed_check is not None
    assert found.check.at == NOW - timedelta(hours=3)
    assert troubles(repository)["pgbackrest-wal"] == ["the last check failed: WAL segment 8 is missing"]
    tell(repository, "check", 0.5)
    assert troubles(repository)["pgbackrest-wal"] == []
    assert len(list(repository.list("app/pgbackrest/"))) == 1


def test_the_rpo_asks_for_the_last_check_once_there_was_one(repository: MemoryRepository) -> None:
    tell(repository, "backup", 11)
    assert troubles(repository, rpo=HOUR) == {"pgbackrest": ["the newest backup is 11h old"]}
    tell(repository, "check", 0.5)
    assert troubles(repository, rpo=HOUR) == {"pgbackrest": [], "pgbackrest-wal": []}
    late = troubles(repository, rpo=HOUR / 4)["pgbackrest-wal"]
    assert late == ["that WAL arrives was last checked 30m ago"]


def test_checks_that_never_were_good_miss_every_rpo(repository: MemoryRepository) -> None:
    tell(repository, "check", 1, error="archive_command failed")
    assert troubles(repository, rpo=HOUR)["pgbackrest-wal"] == [
        "the last check failed: archive_command failed",
        "no check ever found that WAL arrives",
    ]


@pytest.mark.parametrize(
    ("later", "counts"),
    [(("quick", None), True), (("full", None), False), (("restore", None), False), (("full", "again"), True)],
)
def test_a_failed_verification_counts_until_one_as_thorough_is_good(
    repository: MemoryRepository, later: tuple[What, str | None], counts: bool
) -> None:
    tell(repository, "restore", 4)
    tell(repository, "full", 3, error="a file is damaged")
    tell(repository, later[0], 2, error=later[1])
    said = troubles(repository)["pgbackrest"]
    assert any("failed" in one for one in said) is counts


def test_how_old_the_proved_backup_is_counts_and_not_when_it_was_proved(repository: MemoryRepository) -> None:
    tell(repository, "quick", 2)
    assert troubles(repository, proved=HOUR)["pgbackrest"] == ["no backup was ever proved"]
    tell(repository, "full", 1)
    assert troubles(repository, proved=HOUR)["pgbackrest"] == ["the newest that was proved is 11h old"]
    assert troubles(repository, proved=12 * HOUR)["pgbackrest"] == []


def test_damaged_pages_and_no_backup_at_all_are_troubles(repository: MemoryRepository) -> None:
    bad = replace(INCREMENT, damaged=True)
    report(repository, "app", Report("backup", NOW - timedelta(hours=2), "there", (FULL, bad)))
    assert troubles(repository)["pgbackrest"] == [f"backup {bad.id} holds pages with wrong checksums"]
    report(repository, "app", Report("check", NOW - timedelta(hours=1), "there", ()))
    assert troubles(repository)["pgbackrest"] == ["there is no backup"]


@pytest.mark.parametrize("data", [b"", b"{}", b'{"format": 2}', b"[]"])
def test_a_report_that_cannot_be_read_is_an_error_and_not_nothing(repository: MemoryRepository, data: bytes) -> None:
    repository.put_if_absent("app/pgbackrest/20261128T110000000Z-check-good-abcdef.json", data)
    with pytest.raises(VerificationFailed, match="cannot be read"):
        reports(repository, "app")
