"""images_restore: the images of a backup onto a host, those that it has not."""

from __future__ import annotations

from typing import ClassVar

from runner.backup import catalogue
from runner.backup.encryption import readable
from runner.backup.manifest import Manifest
from runner.errors import VerificationFailed
from runner.frozen import frozen
from runner.hosts.contract import Pipeline, command
from runner.modules.backup.images_backup import KIND, ROLE, images_of
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.modules.docker.images import Image, id_of


@frozen
class ImagesRestoreArgs:
    service: str
    repository: str
    backup: str = catalogue.LATEST


class ImagesRestore:
    name: ClassVar = "images_restore"
    Args = ImagesRestoreArgs

    def preview(self, at: Reading, args: ImagesRestoreArgs) -> Change:
        manifest = catalogue.find(at.repositories.get(args.repository), args.service, args.backup, KIND)
        missing = _missing(at, manifest)
        if not missing:
            return Change(False, f"every image of {manifest.id} is there", data=_data(manifest, missing))
        names = ", ".join(image.name for image in missing)
        return Change(True, f"would load {names} from {manifest.id}", data=_data(manifest, missing))

    def apply(self, at: Acting, args: ImagesRestoreArgs) -> Outcome:
        repository = at.repositories.get(args.repository)
        manifest = catalogue.find(repository, args.service, args.backup, KIND)
        missing = _missing(at, manifest)
        if not missing:
            return Outcome(False, _data(manifest, missing))
        one = manifest.object(ROLE)
        with readable(
            repository,
            manifest,
            one,
            at.host,
            progress=lambda done, total: at.progress("fetching images", done, total),
        ) as opening:
            at.host.run(Pipeline((*opening.members, command("docker", "load", "-q"))), stdin=opening.stdin)
        for image in missing:
            _name(at, image, manifest)
        return Outcome(True, _data(manifest, missing))


def _missing(at: Reading, manifest: Manifest) -> tuple[Image, ...]:
    """Those whose names the host does not know.

    By name, because the same content has another id under another of Docker's image stores.
    """
    return tuple(image for image in images_of(manifest) if id_of(at.host, image.name) is None)


def _name(at: Acting, image: Image, manifest: Manifest) -> None:
    """Give a loaded image its name, if it travelled without."""
    if id_of(at.host, image.name) is not None:
        return
    if id_of(at.host, image.id) is None:
        raise VerificationFailed(
            f"image {image.name} is not in the archive of backup {manifest.id}",
            where=at.host.name,
            hint="load it from a registry or another backup, or restore from another `images` backup",
        )
    at.host.run(command("docker", "tag", image.id, image.name))


def _data(manifest: Manifest, loaded: tuple[Image, ...]) -> dict[str, object]:
    return {
        "backup_id": manifest.id,
        "images": [image.name for image in images_of(manifest)],
        "loaded": [image.name for image in loaded],
    }
