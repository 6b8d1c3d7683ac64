"""How a service stands whose backups pgBackRest keeps, by what was last reported of them: see `reports`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from runner.backup.reports import BACKREST, Kept, Report, Reports, reports
from runner.frozen import frozen
from runner.repositories.contract import Repository
from runner.units import human_seconds


@frozen
class ReportedStatus:
    """Its backups, and how well they are proved; see status.Line."""

    service: str
    known: Reports

    @property
    def kind(self) -> str:
        return BACKREST

    @property
    def name(self) -> str:
        return f"{self.service} {self.kind}"

    @property
    def amount(self) -> str:
        return str(len(self.known.latest.backups))

    @property
    def size(self) -> int:
        return sum(one.size for one in self.known.latest.backups)

    @property
    def newest(self) -> Kept | None:
        return self.known.latest.backups[-1] if self.known.latest.backups else None

    @property
    def moment(self) -> datetime | None:
        return self.newest.restored_point if self.newest else None

    @property
    def proof(self) -> tuple[str, str]:
        proved = self.known.proved
        return (proved.backup, proved.what) if proved else ("none", "")

    def troubles(self, now: datetime, rpo: float | None, proved_within: float | None) -> list[str]:
        """See Line."""
        said = [f"backup {one.id} holds pages with wrong checksums" for one in self.known.latest.backups if one.damaged]
        if (failed := self.known.failed) is not None:
            said.append(f"verification ({failed.what}) of {failed.backup or 'the newest'} failed: {failed.error}")
        if self.newest is None:
            said.append("there is no backup")
        elif rpo is not None and self.known.check is None and _age(now, self.newest) > rpo:
            said.append(f"the newest backup is {human_seconds(_age(now, self.newest))} old")
        if proved_within is not None:
            said += self._unproved(now, proved_within)
        return said

    def _unproved(self, now: datetime, limit: float) -> list[str]:
        subject = self.known.proved.subject if self.known.proved else None
        if subject is None:
            return ["no backup was ever proved"]
        age = _age(now, subject)
        return [f"the newest that was proved is {human_seconds(age)} old"] if age > limit else []

    def plain(self, now: datetime) -> Mapping[str, object]:
        """See Line; `reported` is how many seconds ago pgBackRest was asked last."""
        proved, newest = self.known.proved, self.newest
        return {
            "service": self.service,
            "kind": self.kind,
            "backups": len(self.known.latest.backups),
            "size": self.size,
            "newest": newest.id if newest else None,
            "age": round(_age(now, newest)) if newest else None,
            "proved": proved.backup if proved else None,
            "proved_level": proved.what if proved else None,
            "reported": round((now - self.known.latest.at).total_seconds()),
            "where": self.known.latest.where,
        }


@frozen
class ReportedWal:
    """The WAL pgBackRest keeps: everything up to the last good check arrived; see status.Line."""

    service: str
    check: Report | None
    failed: Report | None

    @property
    def kind(self) -> str:
        return f"{BACKREST}-wal"

    @property
    def name(self) -> str:
        return f"{self.service} {self.kind}"

    @property
    def amount(self) -> str:
        return f"{self.check.segments} files" if self.check and self.check.segments is not None else ""

    @property
    def size(self) -> None:
        return None

    @property
    def moment(self) -> datetime | None:
        return self.check.at if self.check else None

    @property
    def proof(self) -> tuple[str, str]:
        return ("", "")

    def troubles(self, now: datetime, rpo: float | None, proved_within: float | None) -> list[str]:
        """See Line; a check proves no backup, so `proved_within` is for those alone."""
        said = [f"the last check failed: {self.failed.error}"] if self.failed else []
        if rpo is None:
            return said
        if self.check is None:
            return [*said, "no check ever found that WAL arrives"]
        age = (now - self.check.at).total_seconds()
        return [*said, f"that WAL arrives was last checked {human_seconds(age)} ago"] if age > rpo else said

    def plain(self, now: datetime) -> Mapping[str, object]:
        """See Line."""
        age = round((now - self.check.at).total_seconds()) if self.check else None
        files = self.check.segments if self.check else None
        return {"service": self.service, "kind": self.kind, "files": files, "age": age}


def reported(repository: Repository, service: str) -> list[ReportedStatus | ReportedWal]:
    """Nothing if pgBackRest keeps nothing of the service; its WAL once that was checked."""
    known = reports(repository, service)
    if known is None:
        return []
    checked = known.check or known.failed_check
    log = [ReportedWal(service, known.check, known.failed_check)] if checked else []
    return [ReportedStatus(service, known), *log]


def _age(now: datetime, one: Kept) -> float:
    return (now - one.restored_point).total_seconds()
