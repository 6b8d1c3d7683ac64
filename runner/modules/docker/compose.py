"""compose: the services of a compose project, brought up for good, stopped, or run a program in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Literal

from runner.frozen import frozen
from runner.hosts.contract import Reader
from runner.modules.arguments import Duration
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.modules.docker import actions
from runner.modules.docker.actions import Act, Options
from runner.modules.docker.health import Patience, wait_until_up
from runner.modules.docker.project import ComposeProject, Container, checked, detect
from runner.modules.system.execution import Execution, stdin_bytes
from runner.modules.system.paths import absolute, is_directory
from runner.modules.system.planning import NotThereYet, unknown
from runner.units import seconds

State = Literal["present", "started", "stopped", "restarted", "absent", "healthy"]
PLANNERS: Mapping[State, Callable[[Reading, ComposeProject, Options], Act]] = {
    "present": actions.present,
    "started": actions.started,
    "stopped": actions.stopped,
    "restarted": actions.restarted,
    "absent": actions.absent,
    "healthy": actions.healthy,
}


@frozen
class ExecArgs:
    service: str
    argv: tuple[str, ...]
    user: str | None = None
    workdir: str | None = None
    stdin: str | None = None
    stdin_add_newline: bool = True
    strip_empty_ends: bool = True


@frozen
class ComposeArgs:
    project_src: str
    project_name: str | None = None
    files: tuple[str, ...] = ()
    state: State | None = None
    services: tuple[str, ...] = ()
    dependencies: bool = True
    pull: Literal["always", "missing", "never"] = "missing"
    recreate: Literal["always", "never", "auto"] = "auto"
    remove_orphans: bool = False
    stop_timeout: int | None = None
    wait: bool = True
    wait_timeout: Duration = 300
    stable_for: Duration = 5
    exec: ExecArgs | None = None

    @property
    def options(self) -> Options:
        return Options(
            services=self.services,
            dependencies=self.dependencies,
            pull=self.pull,
            recreate=self.recreate,
            remove_orphans=self.remove_orphans,
            stop_timeout=self.stop_timeout,
        )


class Compose:
    name: ClassVar = "compose"
    Args = ComposeArgs

    def preview(self, at: Reading, args: ComposeArgs) -> Change:
        try:
            project = _project(at, args)
            if args.exec is not None:
                return _execution(at.host, project, args.exec).preview(at.host)
        except NotThereYet as missing:
            return unknown(missing)
        act = PLANNERS[args.state or "present"](at, project, args.options)
        return Change(act.needed, act.summary, data=_result(project.containers(at.host), args))

    def apply(self, at: Acting, args: ComposeArgs) -> Outcome:
        project = _project(at, args)
        if args.exec is not None:
            return _execution(at.host, project, args.exec).run(at.host)
        act = PLANNERS[args.state or "present"](at, project, args.options)
        before = project.containers(at.host)
        if act.warning:
            at.warn(act.warning, act.warning_hint)
        if act.needed is not False:
            for command in act.commands:
                checked(at.host.run(command, check=False))
        if args.wait and act.awaited:
            patience = Patience(seconds(args.wait_timeout), seconds(args.stable_for))
            wait_until_up(at, project, act.awaited, patience)
        after = project.containers(at.host)
        # What is known to be needed was done; what only compose could tell shows in the containers.
        changed = act.needed is True or (act.needed is None and _identities(before) != _identities(after))
        return Outcome(changed, _result(after, args))


def _project(at: Reading, args: ComposeArgs) -> ComposeProject:
    directory = absolute(at.host, args.project_src)
    if not is_directory(at.host, directory):
        raise NotThereYet(f"there is no directory {directory}", hint="bring the compose file there first")
    return ComposeProject(detect(at.host), directory, args.project_name, args.files)


def _execution(reader: Reader, project: ComposeProject, args: ExecArgs) -> Execution:
    if not any(one.running for one in project.containers(reader, [args.service])):
        raise NotThereYet(
            f"service {args.service} has no running container", hint="start it first with `state: present`"
        )
    return Execution(
        what=project.exec(args.service, *args.argv, user=args.user, workdir=args.workdir),
        shown=list(args.argv),
        stdin=stdin_bytes(args.stdin, args.stdin_add_newline),
        creates=None,
        removes=None,
        strip=args.strip_empty_ends,
    )


def _identities(containers: Sequence[Container]) -> set[tuple[str, str, str]]:
    return {(one.id, one.started_at, one.status) for one in containers}


def _result(containers: Sequence[Container], args: ComposeArgs) -> dict[str, object]:
    return {
        "project_name": containers[0].project if containers else args.project_name,
        "containers": [
            {
                "id": one.id,
                "name": one.name,
                "service": one.service,
                "state": one.status,
                "health": one.health,
                "exit_code": one.exit_code,
                "image": one.image,
                "image_id": one.image_id,
            }
            for one in containers
        ],
    }
