"""schedule: a playbook or a command that runs by itself, by systemd's timers or cron."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import ClassVar, Final, Literal

from runner.errors import TaskFailed, UsageError
from runner.frozen import frozen
from runner.hosts.contract import Host, Reader, Script
from runner.modules.arguments import Duration
from runner.modules.contract import Acting, Change, Diff, Outcome, Reading
from runner.modules.schedule.calendar import calendar
from runner.modules.schedule.job import Files, Job, cron_files, systemd_files
from runner.modules.schedule.places import Backend, backend, paths_of, present, remove, write
from runner.units import seconds

# `command -v` would answer with a shell's own command for some.
_PROGRAM: Final = Script("""
IFS=:
for directory in $PATH; do
  [ -f "$directory/$1" ] && [ -x "$directory/$1" ] && { printf '%s\\n' "$directory/$1"; exit; }
done
exit 1
""")
_ACTIVE: Final = Script('systemctl is-enabled -- "$1" && systemctl is-active -- "$1"')
# Any word is a complaint: an unknown setting is a warning with status 0 (measured, systemd 252).
_VERIFY: Final = Script("""
umask 022
cd -- "$1" || exit
command -v systemd-analyze >/dev/null || exit 0
exec systemd-analyze verify ./*.service ./*.timer 2>&1
""")
_ENABLE: Final = Script('systemctl daemon-reload && systemctl enable --now -- "$1.timer"')
_DISABLE: Final = Script('systemctl disable --now -- "$1.timer"; :')
_RELOAD: Final = Script("systemctl daemon-reload && systemctl reset-failed 2>/dev/null; :")


@frozen
class ScheduleArgs:
    name: str
    state: Literal["present", "absent"] = "present"
    cron: str | None = None
    playbook: str | None = None
    inventory: tuple[str, ...] = ()
    extra_vars: Mapping[str, object] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    limit: str | None = None
    command: tuple[str, ...] | None = None
    program: str | None = None
    user: str = "root"
    chdir: str | None = None
    environment_file: str | None = None
    random_delay: Duration = "5m"
    timeout: Duration = "12h"
    on_failure: tuple[str, ...] = ()
    hardening: bool = True
    backend: Literal["auto", "systemd", "cron"] = "auto"


class Schedule:
    name: ClassVar = "schedule"
    Args = ScheduleArgs

    def preview(self, at: Reading, args: ScheduleArgs) -> Change:
        kind, files = _wanted(at, args)
        before = present(at.host, paths_of(args.name, kind))
        needed = before != dict(files.content) or (bool(files.content) and not _is_active(at.host, args.name, kind))
        said = f"{'schedules' if files.content else 'unschedules'} {args.name} with {kind}"
        return Change(needed, said if needed else f"{args.name} is as wanted", _diff(args.name, before, files))

    def apply(self, at: Acting, args: ScheduleArgs) -> Outcome:
        kind, files = _wanted(at, args)
        paths = paths_of(args.name, kind)
        before = present(at.host, paths)
        data: dict[str, object] = {"name": args.name, "backend": kind, "files": sorted(files.content)}
        if before == dict(files.content) and (not files.content or _is_active(at.host, args.name, kind)):
            return Outcome(False, data)
        if files.content:
            _install(at.host, args.name, kind, files)
        else:
            unschedule(at.host, args.name, kind)
        return Outcome(True, data, diff=_diff(args.name, before, files))


def unschedule(host: Host, name: str, kind: Backend) -> None:
    """Stop a job from running again and remove its files; one that is running goes on to its end."""
    paths = paths_of(name, kind)
    present(host, paths)
    if kind == "systemd":
        host.run(Script(_DISABLE.text, (f"sentraplay-{name}",)))
    remove(host, paths)
    if kind == "systemd":
        host.run(_RELOAD)


def _install(host: Host, name: str, kind: Backend, files: Files) -> None:
    if kind == "systemd":
        _verify(host, name, files)
    write(host, files)
    if kind == "systemd":
        host.run(Script(_ENABLE.text, (f"sentraplay-{name}",)))


def _verify(host: Host, name: str, files: Files) -> None:
    with host.private_directory() as directory:
        write(host, Files({f"{directory}/{path.rpartition('/')[2]}": text for path, text in files.content.items()}))
        said = host.query(Script(_VERIFY.text, (directory,)), check=False)
    if said.stdout.strip() or not said.ok:
        raise TaskFailed(
            f"systemd does not accept the job {name}: {' '.join(said.stdout.replace(directory, '').split())}",
            where=host.name,
            why="a unit with a mistake is ignored silently or runs otherwise than meant",
            hint="correct `cron`, `user`, `chdir` or the program; nothing was installed",
        )


def _wanted(at: Reading, args: ScheduleArgs) -> tuple[Backend, Files]:
    kind = backend(at.host, args.backend)
    if args.state == "absent":
        return kind, Files()
    job = _job(at, args)
    return kind, systemd_files(job) if kind == "systemd" else cron_files(job)


def _job(at: Reading, args: ScheduleArgs) -> Job:
    if args.cron is None or not (args.playbook or args.command):
        raise UsageError(
            "a schedule needs `cron`, and a `playbook` or a `command`", hint="see: sentraplay doc schedule"
        )
    return Job(
        name=args.name,
        calendar=calendar(args.cron),
        argv=_argv(at, args),
        user=args.user,
        directory=_directory(at, args),
        environment_file=args.environment_file or "",
        random_delay=int(seconds(args.random_delay)),
        timeout=int(seconds(args.timeout)),
        on_failure=_resolved(at.host, args.on_failure or _told(args.name)),
        hardening=args.hardening,
    )


def _told(name: str) -> tuple[str, ...]:
    return ("logger", "-t", "sentraplay", "-p", "user.err", f"the scheduled job {name} failed")


def _argv(at: Reading, args: ScheduleArgs) -> tuple[str, ...]:
    if args.command:
        return _resolved(at.host, args.command)
    given = ["run", str(args.playbook), "--yes"]
    for source in args.inventory:
        given += ["-i", source]
    if args.extra_vars:
        given += ["-e", json.dumps(args.extra_vars, ensure_ascii=False, sort_keys=True)]
    if args.tags:
        given += ["--tags", ",".join(args.tags)]
    if args.limit:
        given += ["--limit", args.limit]
    return (*_resolved(at.host, (args.program or _own_program(at.host),)), *given)


def _own_program(reader: Reader) -> str:
    """On the controller, the very program that runs now; elsewhere the one in the PATH."""
    own = Path(sys.prefix) / "bin" / "sentraplay"
    return str(own) if reader.name == "localhost" and own.is_file() else "sentraplay"


def _resolved(reader: Reader, argv: tuple[str, ...]) -> tuple[str, ...]:
    """With the program's absolute path, which a unit needs."""
    if argv[0].startswith("/"):
        return argv
    found = reader.query(Script(_PROGRAM.text, (argv[0],)), check=False).stdout.strip()
    if not found.startswith("/"):
        raise TaskFailed(
            f"{reader.name} has no program {argv[0]}",
            why="the job could not start",
            hint="install it, or give its path",
        )
    return (found, *argv[1:])


def _directory(at: Reading, args: ScheduleArgs) -> str:
    if args.chdir:
        return args.chdir
    if at.host.name == "localhost":
        return str(Path.cwd())
    if args.command:
        return "/"
    raise UsageError(
        f"where on {at.host.name} are the playbooks?", hint="say the directory that relative paths start from: `chdir`"
    )


def _is_active(reader: Reader, name: str, kind: Backend) -> bool:
    return kind == "cron" or reader.query(Script(_ACTIVE.text, (f"sentraplay-{name}.timer",)), check=False).ok


def _diff(name: str, before: Mapping[str, str], files: Files) -> Diff | None:
    if before == dict(files.content):
        return None
    return Diff(f"schedule {name}", "".join(before.values()), "".join(files.content.values()))
