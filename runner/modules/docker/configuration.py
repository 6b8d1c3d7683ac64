"""What a compose file says, as compose itself reads it: with `.env`, overrides and `extends` resolved."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from runner.document import load_text
from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Command, Reader
from runner.modules.docker.project import PLUGIN, ComposeProject, Container, checked


@frozen
class Service:
    """`runs_to_end`: others wait until it has completed, so that its end with status 0 is right."""

    name: str
    image: str
    needs: tuple[str, ...]
    runs_to_end: bool
    config_hash: str


@frozen
class Configuration:
    """`name` is empty where compose does not tell it (v1). `volumes` are the keys of those it makes itself."""

    name: str
    services: Mapping[str, Service]
    volumes: tuple[str, ...]

    def wanted(self, names: Sequence[str], *, with_needed: bool) -> tuple[Service, ...]:
        """The services of these names (all, if none), with those they depend on; TaskFailed for an unknown one."""
        unknown = [name for name in names if name not in self.services]
        if unknown:
            raise TaskFailed(
                f"the compose file has no service {', '.join(unknown)}",
                hint=f"it has {', '.join(sorted(self.services))}",
            )
        found = list(names or self.services)
        for name in found:
            if with_needed:
                found += [needed for needed in self.services[name].needs if needed not in found]
        return tuple(self.services[name] for name in sorted(found))


def read_configuration(reader: Reader, project: ComposeProject, *, with_hashes: bool = False) -> Configuration:
    """The project's configuration; TaskFailed with compose's own words if the file is wrong.

    `with_hashes` asks compose a second time, for what it compares containers by.
    """
    raw = _raw(reader, project)
    services: Mapping[str, Any] = raw.get("services") or {}
    hashes = _hashes(reader, project) if with_hashes else {}
    to_end = {name for one in services.values() for name in _completing(one.get("depends_on"))}
    volumes: Mapping[str, Any] = raw.get("volumes") or {}
    return Configuration(
        name=str(raw.get("name") or ""),
        services={
            name: Service(
                name=name,
                image=str(one.get("image") or ""),
                needs=tuple(one.get("depends_on") or ()),
                runs_to_end=name in to_end,
                config_hash=hashes.get(name, ""),
            )
            for name, one in services.items()
        },
        volumes=tuple(key for key, one in volumes.items() if not (one or {}).get("external")),
    )


def image_ids(reader: Reader, images: Iterable[str]) -> Mapping[str, str]:
    """The id of each image that is on the host."""
    found: dict[str, str] = {}
    for image in sorted(set(images) - {""}):
        result = reader.query(Command(("docker", "image", "inspect", "--format", "{{.Id}}", image)), check=False)
        if result.ok:
            found[image] = result.stdout.strip()
        elif "no such image" not in result.stderr.lower():
            checked(result)
    return found


def foreign_volumes(reader: Reader, configuration: Configuration, name: str) -> tuple[str, ...]:
    """Volumes another project keeps under the keys this one is about to make anew.

    That is how data seems lost when a stack is started from another directory: its project has
    another name, and with it other, empty volumes.
    """
    form = '{{.Name}}\t{{.Label "com.docker.compose.project"}}\t{{.Label "com.docker.compose.volume"}}'
    listed = checked(reader.query(Command(("docker", "volume", "ls", "--format", form)), check=False)).stdout
    volumes = [tuple(line.split("\t")) for line in listed.splitlines() if line.count("\t") == 2]
    own = {key for _, project, key in volumes if project == name}
    new = set(configuration.volumes) - own
    return tuple(sorted(volume for volume, project, key in volumes if key in new and project != name))


def up_to_date(service: Service, containers: Sequence[Container], images: Mapping[str, str]) -> bool | None:
    """Whether `up` would leave a service alone; None if only compose can tell."""
    if not containers:
        return False
    done = all(
        one.running or (service.runs_to_end and one.status == "exited" and not one.exit_code) for one in containers
    )
    if not done:
        return False
    image = images.get(service.image)
    if image is not None and any(one.image_id != image for one in containers):
        return False
    # Some releases hash differently for the label than for `config --hash`: a difference proves nothing.
    return True if all(one.config_hash == service.config_hash for one in containers) else None


def _raw(reader: Reader, project: ComposeProject) -> Mapping[str, Any]:
    if project.program == PLUGIN:
        as_json = checked(reader.query(project.command("config", "--format", "json"), check=False)).stdout
        found: Mapping[str, Any] = json.loads(as_json)
        return found
    # v1 writes YAML only, and to an option it does not know it answers with its help and status 0.
    text = checked(reader.query(project.command("config"), check=False)).stdout
    data = load_text(text, f"{project.directory} as compose reads it").data
    return data if isinstance(data, Mapping) else {}


def _hashes(reader: Reader, project: ComposeProject) -> Mapping[str, str]:
    result = reader.query(project.command("config", "--hash", "*"), check=False)
    pairs = (line.split() for line in result.stdout.splitlines()) if result.ok else ()
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}


def _completing(depends_on: object) -> Iterable[str]:
    if not isinstance(depends_on, Mapping):
        return ()
    return [
        name
        for name, how in depends_on.items()
        if isinstance(how, Mapping) and how.get("condition") == "service_completed_successfully"
    ]
