"""For each state a compose project may be wanted in: whether anything has to be done, and what."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from typing import Literal

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Command, Reader
from runner.modules.contract import Reading
from runner.modules.docker.configuration import (
    Configuration,
    Service,
    foreign_volumes,
    image_ids,
    read_configuration,
    up_to_date,
)
from runner.modules.docker.project import ComposeProject, Container, checked


@frozen
class Options:
    """Those of the module that decide what compose is told; `stop_timeout` is in seconds."""

    services: tuple[str, ...]
    dependencies: bool
    pull: Literal["always", "missing", "never"]
    recreate: Literal["always", "never", "auto"]
    remove_orphans: bool
    stop_timeout: int | None

    @property
    def grace(self) -> tuple[str, ...]:
        return () if self.stop_timeout is None else ("-t", str(self.stop_timeout))


@frozen
class Act:
    """`needed` is None when only compose can tell. `awaited` are the services that must come up."""

    needed: bool | None
    summary: str
    commands: tuple[Command, ...] = ()
    awaited: tuple[Service, ...] = ()
    warning: str = ""
    warning_hint: str = ""


def present(at: Reading, project: ComposeProject, options: Options) -> Act:
    """Containers made and started, made anew where the compose file or the image has changed."""
    configuration = read_configuration(at.host, project, with_hashes=True)
    services = configuration.wanted(options.services, with_needed=options.dependencies)
    containers = project.containers(at.host)
    images = image_ids(at.host, (service.image for service in services))
    if options.pull == "never":
        _refuse_missing_images(services, images)
    states = {
        service.name: up_to_date(service, [one for one in containers if one.service == service.name], images)
        for service in services
    }
    stale = [name for name, state in states.items() if state is False]
    unknown = [name for name, state in states.items() if state is None]
    needed: bool | None = True if stale or options.recreate == "always" else None
    if needed is None and not unknown and options.pull != "always" and not options.remove_orphans:
        needed = False
    up = ("up", "-d", "--no-build", *_up_options(options), *options.grace)
    commands = [project.command(*up, *options.services)]
    if options.pull == "always":
        commands.insert(0, project.command("pull", *(service.name for service in services)))
    volumes = foreign_volumes(at.host, configuration, _name(project, configuration, containers))
    return Act(
        needed,
        f"brings up {', '.join(stale or unknown)}" if stale or unknown else "everything is up",
        tuple(commands),
        services,
        f"another project has the volumes {', '.join(volumes)}, and this one starts with new, empty ones"
        if volumes
        else "",
        "if the data in them is meant, give `project_name` the name the project had" if volumes else "",
    )


def started(at: Reading, project: ComposeProject, options: Options) -> Act:
    """Containers that exist started; none is made."""
    services, containers = _existing(at.host, project, options)
    down = [service.name for service in services if not _runs(service, containers)]
    command = project.command("start", *(service.name for service in services))
    return Act(bool(down), f"starts {', '.join(down)}" if down else "everything is running", (command,), services)


def restarted(at: Reading, project: ComposeProject, options: Options) -> Act:
    """Containers that exist stopped and started."""
    services, _ = _existing(at.host, project, options)
    names = [service.name for service in services]
    return Act(True, f"restarts {', '.join(names)}", (project.command("restart", *options.grace, *names),), services)


def healthy(at: Reading, project: ComposeProject, options: Options) -> Act:
    """Nothing done, only waited."""
    services = read_configuration(at.host, project).wanted(options.services, with_needed=options.dependencies)
    return Act(False, f"waits for {', '.join(service.name for service in services)}", awaited=services)


def stopped(at: Reading, project: ComposeProject, options: Options) -> Act:
    """Containers stopped and kept."""
    services = read_configuration(at.host, project).wanted(options.services, with_needed=False)
    names = [service.name for service in services]
    up = _active(project.containers(at.host, names))
    command = project.command("stop", *options.grace, *names)
    return Act(bool(up), f"stops {', '.join(up)}" if up else "nothing is running", (command,))


def absent(at: Reading, project: ComposeProject, options: Options) -> Act:
    """Containers and networks removed. Volumes and images stay: they hold what cannot be made again."""
    if options.services:
        services = read_configuration(at.host, project).wanted(options.services, with_needed=False)
        names = [service.name for service in services]
        there = project.containers(at.host, names)
        commands = (project.command("stop", *options.grace, *names), project.command("rm", "-f", *names))
        return Act(bool(there), _removing([one.name for one in there]), commands)
    configuration = read_configuration(at.host, project)
    containers = project.containers(at.host)
    found = [one.name for one in containers]
    found += _networks(at.host, _name(project, configuration, containers))
    orphans = ("--remove-orphans",) if options.remove_orphans else ()
    needed = True if found else (None if orphans else False)
    return Act(needed, _removing(found), (project.command("down", *orphans, *options.grace),))


def _up_options(options: Options) -> Sequence[str]:
    words = {"always": ["--force-recreate"], "never": ["--no-recreate"], "auto": []}[options.recreate]
    words += [] if options.dependencies else ["--no-deps"]
    return words + (["--remove-orphans"] if options.remove_orphans else [])


def _refuse_missing_images(services: Sequence[Service], images: Mapping[str, str]) -> None:
    missing = [service.image for service in services if service.image and service.image not in images]
    if missing:
        raise TaskFailed(
            f"the host does not have the image {', '.join(missing)}, and `pull: never` forbids to fetch it",
            hint="bring it with `docker save | docker load`, or say `pull: missing`",
        )


def _existing(
    reader: Reader, project: ComposeProject, options: Options
) -> tuple[tuple[Service, ...], tuple[Container, ...]]:
    services = read_configuration(reader, project).wanted(options.services, with_needed=False)
    containers = project.containers(reader, [service.name for service in services])
    there = {one.service for one in containers}
    missing = [service.name for service in services if service.name not in there]
    if missing:
        raise TaskFailed(f"there is no container of {', '.join(missing)} to start", hint="say `state: present`")
    return services, containers


def _runs(service: Service, containers: Sequence[Container]) -> bool:
    own = [one for one in containers if one.service == service.name]
    return all(one.running or (service.runs_to_end and one.exit_code == 0) for one in own)


def _active(containers: Sequence[Container]) -> list[str]:
    return [one.name for one in containers if one.status in ("running", "restarting", "paused")]


def _removing(names: Sequence[str]) -> str:
    return f"removes {', '.join(names)}" if names else "nothing is there"


def _name(project: ComposeProject, configuration: Configuration, containers: Sequence[Container]) -> str:
    """The project's name: said, told by compose, seen at a container, or made from the directory as v1 does."""
    if project.name or configuration.name:
        return project.name or configuration.name
    if containers:
        return containers[0].project
    base = posixpath.basename(project.directory).lower()
    return "".join(letter for letter in base if letter.isascii() and (letter.isalnum() or letter in "-_"))


def _networks(reader: Reader, name: str) -> list[str]:
    wanted = f"label=com.docker.compose.project={name}"
    argv = ("docker", "network", "ls", "--filter", wanted, "--format", "{{.Name}}")
    return checked(reader.query(Command(argv), check=False)).stdout.split()
