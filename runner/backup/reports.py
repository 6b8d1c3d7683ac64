"""What pgBackRest said of backups it keeps by itself, so that `status` can tell of them from the repository alone.

Each report is an object of its own, `<service>/pgbackrest/<time>-<what>-<good|bad>-<random>.json`: what was done,
whether it went well, and which backups there were then. Two who report at once overwrite nothing, and the names alone
tell which ones count.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from datetime import UTC, datetime
from typing import Any, Final, Literal, cast

from runner.backup.identity import check_service
from runner.backup.verifications import LEVELS, Level
from runner.errors import RepositoryError, VerificationFailed
from runner.frozen import frozen
from runner.repositories.contract import Repository

BACKREST: Final = "pgbackrest"
FORMAT: Final = 1

What = Literal["backup", "check", "quick", "full", "restore"]
"""A backup was made, a new WAL segment arrived and none is missing, or a backup was verified at that level."""

_LARGEST: Final = 16 * 1024 * 1024
_STAMP: Final = "%Y%m%dT%H%M%S"
_NAME: Final = re.compile(
    r"(?P<at>\d{8}T\d{9}Z)-(?P<what>backup|check|quick|full|restore)-(?P<how>good|bad)-[0-9a-f]{6}\.json"
)


@frozen
class Kept:
    """One backup: how new its data are (UTC), bytes it takes, and whether its pages were damaged when it was made."""

    id: str
    restored_point: datetime
    size: int
    damaged: bool = False


@frozen
class Report:
    """`at` is when it ended (UTC), `seconds` how long it took; `error` is None if all was well.

    `backups`, oldest first, are all there were; `backup` is the one that was made or verified, "" if it is about none;
    `segments` is how many WAL segments there were, if that was looked at.
    """

    what: What
    at: datetime
    where: str
    backups: tuple[Kept, ...]
    backup: str = ""
    seconds: float = 0.0
    segments: int | None = None
    error: str | None = None
    run: str = ""

    @property
    def subject(self) -> Kept | None:
        """The backup it is about, if it was among those there were."""
        return next((one for one in self.backups if one.id == self.backup), None)


@frozen
class Reports:
    """Those that count: the latest that told of the backups, the last good and bad check, the last good verification
    that read everything, and the last bad one that no later one of its level or a higher one made good."""

    latest: Report
    check: Report | None = None
    failed_check: Report | None = None
    proved: Report | None = None
    failed: Report | None = None


@frozen
class _Name:
    key: str
    at: str
    what: What = field(compare=False)
    good: bool = field(compare=False)


def report(repository: Repository, service: str, told: Report) -> None:
    """Keep a report; RepositoryError if it cannot be stored. Of backups and checks it takes the place of earlier ones,
    whose deletion nothing depends on; verifications stay, to show."""
    moment = told.at.astimezone(UTC)
    stamp = f"{moment.strftime(_STAMP)}{moment.microsecond // 1000:03}Z"
    how = "good" if told.error is None else "bad"
    key = f"{_prefix(service)}{stamp}-{told.what}-{how}-{secrets.token_hex(3)}.json"
    before = _names(repository, service)
    repository.put_if_absent(key, _to_json(told))
    for one in before:
        replaced = told.what in ("backup", "check") and one.what == told.what and (told.error is None or not one.good)
        if replaced and one.at <= stamp:
            with suppress(RepositoryError):
                repository.delete(one.key)


def reports(repository: Repository, service: str) -> Reports | None:
    """What counts of a service; None if nothing was ever reported. VerificationFailed for a report that counts and
    cannot be read: what it says is not known."""
    names = _names(repository, service)
    if not names:
        return None

    def last(ones: Iterable[_Name]) -> Report | None:
        found = max(ones, key=lambda one: (one.at, one.key), default=None)
        return _read(repository, found.key) if found else None

    latest = last(names)
    assert latest is not None
    checks = [one for one in names if one.what == "check"]
    good_check = max((one.at for one in checks if one.good), default="")
    return Reports(
        latest,
        check=last(one for one in checks if one.good),
        failed_check=last(one for one in checks if not one.good and one.at > good_check),
        proved=last(one for one in names if one.good and one.what in ("full", "restore")),
        failed=last(one for one in names if one.what in LEVELS and not one.good and not _made_good(one, names)),
    )


def _made_good(bad: _Name, names: Sequence[_Name]) -> bool:
    levels = LEVELS[LEVELS.index(cast(Level, bad.what)) :]
    return any(one.good and one.what in levels and one.at > bad.at for one in names)


def _prefix(service: str) -> str:
    return f"{check_service(service)}/{BACKREST}/"


def _names(repository: Repository, service: str) -> list[_Name]:
    prefix = _prefix(service)
    found = []
    for info in repository.list(prefix):
        if match := _NAME.fullmatch(info.key.removeprefix(prefix)):
            found.append(_Name(info.key, match["at"], cast(What, match["what"]), match["how"] == "good"))
    return found


def _read(repository: Repository, key: str) -> Report:
    with repository.get(key) as source:
        data = source.read(_LARGEST)
    try:
        return _from_json(data)
    except (ValueError, KeyError, TypeError) as error:
        raise VerificationFailed(
            f"the report {key} cannot be read: {error}",
            where=repository.describe(),
            why="what pgBackRest said of its backups is not known",
            hint="run what reports again: the check (pg_wal_archive, state: check), a backup or a verification",
        ) from error


def _to_json(told: Report) -> bytes:
    plain = {
        "format": FORMAT,
        "what": told.what,
        "at": _text(told.at),
        "where": told.where,
        "backup": told.backup,
        "seconds": round(told.seconds, 3),
        "segments": told.segments,
        "error": told.error,
        "run": told.run,
        "backups": [
            {"id": one.id, "restored_point": _text(one.restored_point), "size": one.size, "damaged": one.damaged}
            for one in told.backups
        ],
    }
    return (json.dumps(plain, indent=2) + "\n").encode()


def _from_json(data: bytes) -> Report:
    plain = json.loads(data)
    if plain["format"] != FORMAT:
        raise ValueError(f"it has format {plain['format']}, this version knows {FORMAT}")
    return Report(
        what=plain["what"],
        at=_moment(plain["at"]),
        where=plain["where"],
        backups=tuple(_kept(one) for one in plain["backups"]),
        backup=plain["backup"],
        seconds=float(plain["seconds"]),
        segments=plain["segments"],
        error=plain["error"],
        run=plain["run"],
    )


def _kept(plain: Mapping[str, Any]) -> Kept:
    return Kept(plain["id"], _moment(plain["restored_point"]), int(plain["size"]), bool(plain["damaged"]))


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
