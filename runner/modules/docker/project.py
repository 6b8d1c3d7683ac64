"""A compose project on a host: the words to drive it with, and what its containers are doing.

Works with `docker compose` (v2) and `docker-compose` (v1). State is read from `docker inspect`, whose
form is the same for both. Commands run in the project's directory, where both look for the compose
file and `.env`; `--project-directory` is not used, because v1 then still looks for the file elsewhere.

The project's name decides the names of its volumes. Without `project_name` it is COMPOSE_PROJECT_NAME
of `.env`, the file's `name`, or the directory's name: a stack restored into another directory would
silently start with new, empty volumes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Command, Reader, Result, Script

Program = tuple[str, ...]

PLUGIN: Final[Program] = ("docker", "compose")
STANDALONE: Final[Program] = ("docker-compose",)

# A docker without the plugin may answer `docker compose` with its help and status 0: only a version counts.
# v1 takes most of a second to tell its version; that it is there is enough.
DETECT: Final = """
case $(docker compose version --short 2>/dev/null) in
  [0-9v]*.*) echo docker compose; exit 0;;
esac
command -v docker-compose >/dev/null 2>&1 || exit 1
echo docker-compose
"""

HINTS: Final[Mapping[str, str]] = {
    "permission denied": "this user may not talk to Docker: add `become: true`, or the user to the group `docker`",
    "cannot connect to the docker daemon": "Docker is not running on the host: start its service first",
    "couldn't connect to docker daemon": "Docker is not running on the host: start its service first",
    "while fetching server api version": "Docker is not running on the host: start its service first",
    "no configuration file provided": "there is no compose file in `project_src`: name it in `files`",
    "can't find a suitable configuration file": "there is no compose file in `project_src`: name it in `files`",
    "no such service": "the compose file has no service of that name",
    "is not running": "the service has no running container: start it first with `state: present`",
    "pull access denied": "the image is not on the host and the registry does not give it: "
    "log in there, or bring it with `docker save | docker load`",
    "needs to be built": "images are never built on the way: build and bring them first, or name an `image`",
    "manifest unknown": "the registry has no such image: pin one that exists, or bring it with `docker save`",
}


def detect(reader: Reader) -> Program:
    """The words compose is called with on that host; TaskFailed if it has none."""
    found = reader.query(Script(DETECT), check=False)
    if found.ok:
        return tuple(found.stdout.split())
    raise TaskFailed(
        f"{reader.name} has neither `docker compose` nor `docker-compose`",
        hint="install Docker with its compose plugin on the host (Debian: docker.io and docker-compose)",
    )


@frozen
class Container:
    """A container as `docker inspect` tells it. `health` is empty when the image defines no check."""

    id: str
    name: str
    service: str
    project: str
    status: str
    exit_code: int
    restarts: int
    started_at: str
    health: str
    health_output: str
    image: str
    image_id: str
    config_hash: str
    restarts_itself: bool

    @property
    def running(self) -> bool:
        return self.status == "running"

    def describe(self) -> str:
        """Its state in words: `exited (status 3)`, `running, unhealthy`, `restarting (4 times)`."""
        words = self.status
        if self.status in ("exited", "dead"):
            words += f" (status {self.exit_code})"
        if self.restarts:
            words += f", restarted {self.restarts} times"
        return words + (f", {self.health}" if self.health else "")


@frozen
class ComposeProject:
    """`directory` is absolute on the host; `files` are relative to it or absolute."""

    program: Program
    directory: str
    name: str | None = None
    files: tuple[str, ...] = ()

    def argv(self, *words: str) -> tuple[str, ...]:
        """A call of compose; it must run in `directory`."""
        name = () if self.name is None else ("-p", self.name)
        files = tuple(word for file in self.files for word in ("-f", file))
        return (*self.program, *name, *files, *words)

    def command(self, *words: str) -> Command:
        """The same, ready to run."""
        return Command(self.argv(*words), cwd=self.directory)

    def exec_argv(
        self, service: str, *argv: str, user: str | None = None, workdir: str | None = None
    ) -> tuple[str, ...]:
        """A program inside a service's container. `-T`: without it compose fails where there is no terminal."""
        options = (*(("--user", user) if user else ()), *(("--workdir", workdir) if workdir else ()))
        return self.argv("exec", "-T", *options, service, *argv)

    def exec(self, service: str, *argv: str, user: str | None = None, workdir: str | None = None) -> Command:
        """The same, ready to run or to be a member of a pipeline."""
        return Command(self.exec_argv(service, *argv, user=user, workdir=workdir), cwd=self.directory)

    def containers(self, reader: Reader, services: Sequence[str] = ()) -> tuple[Container, ...]:
        """The containers of these services (or all), stopped ones too; those of `compose run` are left out."""
        listed = checked(reader.query(self._listing(), check=False)).stdout.split()
        if not listed:
            return ()
        inspected = reader.query(Command(("docker", "inspect", "--type", "container", *listed)), check=False)
        if "no such" in inspected.stderr.lower():
            # One was removed between the two questions: what is left is told all the same.
            found = _containers(inspected.stdout)
        else:
            found = _containers(checked(inspected).stdout)
        return tuple(one for one in found if not services or one.service in services)

    def _listing(self) -> Command:
        """What prints the ids. Compose, slow to start, is only asked where it alone knows the project's name."""
        if self.name is None:
            return self.command("ps", "-a", "-q")
        return Command(("docker", "ps", "-a", "-q", "--filter", f"label=com.docker.compose.project={self.name}"))

    def logs(self, reader: Reader, service: str, lines: int = 20) -> str:
        """What a service said last."""
        result = reader.query(self.command("logs", "--no-color", "--tail", str(lines), service), check=False)
        return (result.stdout + result.stderr).strip()


def checked(result: Result) -> Result:
    """The result of a docker or compose call; TaskFailed with a hint if it did not end with 0."""
    if result.ok:
        return result
    said = result.stderr.strip() or result.stdout.strip()
    lowered = said.lower()
    # v1 meets some troubles with a Python traceback, of which the last line says something.
    lines = said.splitlines()[-1 if "Traceback (" in said else -3 :]
    raise TaskFailed(
        f"{' '.join(result.argv[:2])} ended with status {result.exit_code}: {' '.join(lines)}",
        hint=next((hint for sign, hint in HINTS.items() if sign in lowered), ""),
        data={"rc": result.exit_code, "stdout": result.stdout, "stderr": result.stderr},
    )


def _containers(inspected: str) -> tuple[Container, ...]:
    found = (_container(one) for one in json.loads(inspected or "[]") if not _is_one_off(one))
    return tuple(sorted(found, key=lambda container: (container.service, container.name)))


def _is_one_off(one: Mapping[str, Any]) -> bool:
    return str(_labels(one).get("com.docker.compose.oneoff", "")).lower() == "true"


def _labels(one: Mapping[str, Any]) -> Mapping[str, Any]:
    return one["Config"].get("Labels") or {}


def _container(one: Mapping[str, Any]) -> Container:
    state, labels = one["State"], _labels(one)
    health = state.get("Health") or {}
    checks = health.get("Log") or []
    return Container(
        id=one["Id"],
        name=one["Name"].lstrip("/"),
        service=labels.get("com.docker.compose.service", ""),
        project=labels.get("com.docker.compose.project", ""),
        status="restarting" if state.get("Restarting") else state["Status"],
        exit_code=state["ExitCode"],
        restarts=one.get("RestartCount", 0),
        started_at=state["StartedAt"],
        health="" if health.get("Status", "none") == "none" else health["Status"],
        health_output=checks[-1].get("Output", "").strip() if checks else "",
        image=one["Config"]["Image"],
        image_id=one["Image"],
        config_hash=labels.get("com.docker.compose.config-hash", ""),
        restarts_itself=one["HostConfig"]["RestartPolicy"]["Name"] not in ("", "no"),
    )
