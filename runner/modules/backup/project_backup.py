"""project_backup: the playbooks and the inventory themselves, so that a bucket alone is enough to begin again."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Final

from runner import __version__
from runner.backup import tar
from runner.backup.compression import Wanted, choose
from runner.backup.distributing import described, distribute, further
from runner.backup.manifest import Provenance
from runner.backup.summary import summary
from runner.backup.writer import BackupWriter, Contents
from runner.errors import Refused, TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Pipeline
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.repositories.contract import Repository

KIND: Final = "project"
ROLE: Final = "project"
CONTROLLER: Final = "localhost"


@frozen
class ProjectBackupArgs:
    service: str
    repository: str
    path: str | None = None
    exclude: tuple[str, ...] = (".venv", "__pycache__", "node_modules")
    compression: Wanted = "auto"
    require_encryption: bool = True
    copy_to: tuple[str, ...] = ()


class ProjectBackup:
    name: ClassVar = "project_backup"
    Args = ProjectBackupArgs

    def preview(self, at: Reading, args: ProjectBackupArgs) -> Change:
        root = _root(at, args)
        repository = _safe(at.repositories.get(args.repository), args)
        where = described(repository, further(at.repositories, repository, args.copy_to))
        return Change(True, f"back up {root} to {where}", data={"path": str(root)})

    def apply(self, at: Acting, args: ProjectBackupArgs) -> Outcome:
        root = _root(at, args)
        repository = _safe(at.repositories.get(args.repository), args)
        others = further(at.repositories, repository, args.copy_to)
        controller = at.host_named(CONTROLLER)
        tar.check(controller)
        compression = choose(controller, args.compression)
        made_by = Provenance(at.run.id, at.run.playbook, at.run.git_commit, __version__)
        begun = datetime.now(UTC)
        with BackupWriter(repository, args.service, KIND, made_by) as writer:
            with controller.private_directory() as workdir:
                producer = Pipeline((tar.archive(str(root), args.exclude, workdir), *compression.members))
                name = f"project.tar{compression.suffix}"
                writer.store(controller, producer, name, role=ROLE, format="tar", compression=compression.name)
                written = tar.written(controller, workdir)
            details: dict[str, Any] = {"path": str(root), "entries": written.entries, "bytes": written.size}
            writer.detail(name, details)
            contents = {"path": str(root), "exclude": list(args.exclude)}
            manifest = writer.commit(controller, Contents(begun, False, contents, warnings=written.warnings))
        copies = distribute(repository, others, [manifest], at.progress)
        return Outcome(True, {**summary(manifest, repository), **details, **copies})


def _root(at: Reading, args: ProjectBackupArgs) -> Path:
    """The directory to back up; TaskFailed if nobody says which and the playbook is in no git work tree."""
    playbook = Path(at.run.playbook).absolute().parent
    if args.path is not None:
        root = playbook / args.path
        if not root.is_dir():
            raise TaskFailed(f"{root} is no directory", where=CONTROLLER, hint="correct `path`")
        return root.resolve()
    for directory in (playbook, *playbook.parents):
        if (directory / ".git").exists():
            return directory.resolve()
    raise TaskFailed(
        f"{playbook} is in no git work tree",
        where=CONTROLLER,
        why="what belongs to the project cannot be told",
        hint="say the directory that holds playbooks and inventory: `path`",
    )


def _safe(repository: Repository, args: ProjectBackupArgs) -> Repository:
    if args.require_encryption and not repository.encryption.recipients:
        raise Refused(
            f"{repository.name} does not encrypt",
            where=repository.describe(),
            why="an inventory tells everybody who reads it how to reach every host",
            hint="give the repository `encryption` with recipients, or say require_encryption: false",
        )
    return repository
