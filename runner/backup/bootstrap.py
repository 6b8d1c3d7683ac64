"""From a repository alone: the playbooks and inventory stored in it, and the manifest of every backup."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

from runner.backup.catalogue import LATEST, catalogue, find, ids, raw, services
from runner.backup.checking import check_opens
from runner.backup.encryption import readable
from runner.backup.manifest import Manifest
from runner.backup.unpacking import Unpacked, unpack
from runner.errors import ObjectNotFound, Refused, UsageError
from runner.frozen import frozen
from runner.hosts.contract import Host, Pipeline
from runner.repositories.contract import Repository
from runner.repositories.receiving import fill
from runner.repositories.streams import BLOCK

KIND: Final = "project"
ROLE: Final = "project"
MANIFESTS: Final = "manifests"


@frozen
class Brought:
    """What bootstrap brought back: the project's backup, what came out of it, and how many manifests."""

    project: Manifest
    unpacked: Unpacked
    manifests: int
    damaged: tuple[str, ...]


def bring_back(
    repository: Repository, controller: Host, directory: Path, service: str | None = None, backup: str = LATEST
) -> Brought:
    """Unpack a project's backup into `directory`, and every manifest into `manifests/<service>/` under it.

    The directory is made if it is missing; Refused unless it is empty. `service` names whose project,
    where the repository holds several (UsageError otherwise). ObjectNotFound if it holds none.
    """
    project = find(repository, _owner(repository, service), backup, KIND)
    check_opens(repository, project)
    _make_empty(directory)
    one = project.object(ROLE)
    with (
        readable(repository, project, one, controller) as opening,
        controller.stream(Pipeline(opening.members)) as stream,
    ):
        fill(stream, io.BytesIO(opening.stdin))
        unpacked = unpack(stream.stdout, directory)
        while stream.stdout.read(BLOCK):
            continue
        stream.finish()
    count, damaged = _write_manifests(repository, directory / MANIFESTS)
    return Brought(project, unpacked, count, damaged)


def _owner(repository: Repository, service: str | None) -> str:
    if service is not None:
        return service
    owners = [name for name in services(repository) if ids(repository, name, KIND)]
    if not owners:
        raise ObjectNotFound(
            "the repository holds no playbooks and no inventory",
            where=repository.describe(),
            why="no play has stored them (project_backup)",
            hint="clone them from where you keep them; `sentraplay backups list` shows what can be restored",
        )
    if len(owners) > 1:
        raise UsageError(
            f"the repository holds the projects of {', '.join(owners)}",
            where=repository.describe(),
            hint="say whose (--service)",
        )
    return owners[0]


def _make_empty(directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise Refused(
            f"{directory} is not empty",
            why="what is there could be the only copy of something",
            hint="name another directory, one that is empty or not there",
        )


def _write_manifests(repository: Repository, directory: Path) -> tuple[int, tuple[str, ...]]:
    """How many sound manifests were written, and the ids of those that are damaged and were not."""
    count, damaged = 0, []
    for service in services(repository):
        known = catalogue(repository, service)
        damaged += [f"{service}/{one.id}" for one in known.damaged]
        (directory / service).mkdir(mode=0o700, parents=True, exist_ok=True)
        for manifest in known.backups:
            with (directory / service / f"{manifest.id}.json").open("xb") as target:
                target.write(raw(repository, service, manifest.id))
            count += 1
    return count, tuple(damaged)
