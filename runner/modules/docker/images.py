"""The images a compose project runs on, and whether a host has them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from runner.frozen import frozen
from runner.hosts.contract import Command, Reader
from runner.modules.docker.project import Container, checked


@frozen
class Image:
    """What the compose file calls it, which content that was (`id`), and what it was built for."""

    name: str
    id: str
    platform: str


def in_use(reader: Reader, containers: Iterable[Container]) -> tuple[Image, ...]:
    """The images of these containers, each once, in order of their names."""
    used = {container.image: container.image_id for container in containers}
    found = inspect(reader, sorted(set(used.values())))
    return tuple(Image(name, used[name], found[used[name]]) for name in sorted(used) if used[name] in found)


def inspect(reader: Reader, references: Sequence[str]) -> dict[str, str]:
    """The platform (`linux/amd64`) of every image named or numbered here that the host has, by its id."""
    if not references:
        return {}
    result = reader.query(Command(("docker", "image", "inspect", *references)), check=False)
    if not result.ok and "no such image" not in result.stderr.lower():
        checked(result)
    return {one["Id"]: f"{one['Os']}/{one['Architecture']}" for one in json.loads(result.stdout or "[]")}


def id_of(reader: Reader, name: str) -> str | None:
    """The content that `name` stands for on the host; None if it is not there."""
    return next(iter(inspect(reader, [name])), None)
