"""images_backup: the images of a compose project into a repository, so that no registry is needed to recover."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import ClassVar, Final

from runner import __version__
from runner.backup import catalogue
from runner.backup.compression import Wanted, choose
from runner.backup.copying import is_there
from runner.backup.distributing import described, distribute, further
from runner.backup.manifest import Manifest, Provenance, to_json
from runner.backup.writer import BackupWriter, Contents
from runner.errors import ObjectNotFound, TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Pipeline, command
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.modules.docker.images import Image, id_of, in_use
from runner.modules.docker.project import ComposeProject, detect
from runner.repositories.contract import Repository

KIND: Final = "images"
ROLE: Final = "images"


@frozen
class ImagesBackupArgs:
    service: str
    repository: str
    project_src: str
    project_name: str | None = None
    files: tuple[str, ...] = ()
    compression: Wanted = "auto"
    copy_to: tuple[str, ...] = ()


class ImagesBackup:
    name: ClassVar = "images_backup"
    Args = ImagesBackupArgs

    def preview(self, at: Reading, args: ImagesBackupArgs) -> Change:
        images = _images(at, args)
        repository = at.repositories.get(args.repository)
        others = further(at.repositories, repository, args.copy_to)
        kept = _newest(at, args)
        if kept is None or images_of(kept) != images:
            where = described(repository, others)
            return Change(True, f"would back up {', '.join(image.name for image in images)} to {where}")
        lacking = [other.name for other in others if not is_there(other, repository, kept)]
        if lacking:
            return Change(True, f"would copy backup {kept.id}, which has these images, to {', '.join(lacking)}")
        return Change(False, f"backup {kept.id} has these images", data=_data(kept))

    def apply(self, at: Acting, args: ImagesBackupArgs) -> Outcome:
        images = _images(at, args)
        repository = at.repositories.get(args.repository)
        others = further(at.repositories, repository, args.copy_to)
        kept = _newest(at, args)
        if kept is not None and images_of(kept) == images:
            catalogue.check_presence(repository, kept)
            copies = distribute(repository, others, [kept], at.progress)
            return Outcome(bool(copies["copied"]), {**_data(kept), **copies})
        manifest = _made(at, args, images, repository)
        return Outcome(True, {**_data(manifest), **distribute(repository, others, [manifest], at.progress)})


def _made(at: Acting, args: ImagesBackupArgs, images: tuple[Image, ...], repository: Repository) -> Manifest:
    compression = choose(at.host, args.compression)
    made_by = Provenance(at.run.id, at.run.playbook, at.run.git_commit, __version__)
    with BackupWriter(repository, args.service, KIND, made_by) as writer:
        started = datetime.now(UTC)
        writer.store(
            at.host,
            # One archive: layers that images share are in it once.
            Pipeline((command("docker", "save", *_references(at, images)), *compression.members)),
            f"images.tar{compression.suffix}",
            role=ROLE,
            format="docker save",
            compression=compression.name,
            progress=lambda done, total: at.progress("saving images", done, total),
        )
        listed = [{"name": image.name, "id": image.id, "platform": image.platform} for image in images]
        return writer.commit(at.host, Contents(started, True, contents={"images": listed}))


def images_of(manifest: Manifest) -> tuple[Image, ...]:
    """The images a backup holds, in order of their names."""
    return tuple(Image(one["name"], one["id"], one["platform"]) for one in manifest.contents["images"])


def _images(at: Reading, args: ImagesBackupArgs) -> tuple[Image, ...]:
    project = ComposeProject(detect(at.host), args.project_src, args.project_name, args.files)
    images = in_use(at.host, project.containers(at.host))
    if not images:
        raise TaskFailed(
            f"the compose project in {args.project_src} has no containers, so its images are not known",
            where=at.host.name,
            hint="bring it up first (compose: {state: present}), or name the right `project_src` and `project_name`",
        )
    return images


def _references(at: Reading, images: tuple[Image, ...]) -> list[str]:
    """By name, so that names travel; by content where the name stands for something else by now."""
    return [image.name if id_of(at.host, image.name) == image.id else image.id for image in images]


def _newest(at: Reading, args: ImagesBackupArgs) -> Manifest | None:
    try:
        return catalogue.find(at.repositories.get(args.repository), args.service, kind=KIND)
    except ObjectNotFound:
        return None


def _data(manifest: Manifest) -> dict[str, object]:
    names = [image.name for image in images_of(manifest)]
    return {"backup_id": manifest.id, "size": manifest.size, "images": names, "backup": json.loads(to_json(manifest))}
