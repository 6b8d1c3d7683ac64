"""cron: a job of a user's crontab, or of a file in /etc/cron.d."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar, Final, Literal

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Reader, Script
from runner.modules.contract import Acting, Change, Diff, Outcome, Reading
from runner.modules.machine import crontab
from runner.modules.system.attributes import Attributes
from runner.modules.system.editing import Edited, Editing, encoded
from runner.modules.system.paths import act
from runner.modules.system.placing import Placing
from runner.modules.system.planning import NotThereYet, unknown

Special = Literal["annually", "daily", "hourly", "monthly", "reboot", "weekly", "yearly"]

# crontab's own name for "this user has none" is its status 1. As oneself it is called without -u, which asks for root.
LIST: Final = """
command -v crontab >/dev/null || exit 9
if [ -n "$1" ] && [ "$1" != "$(id -un)" ]; then exec crontab -u "$1" -l; fi
exec crontab -l
"""
NO_CRON: Final = 9
NONE_YET: Final = 1
INSTALL: Final = """
if [ -n "$1" ] && [ "$1" != "$(id -un)" ]; then exec crontab -u "$1" -; fi
exec crontab -
"""
KEEP: Final = 'umask 077; file=$(mktemp "/var/tmp/crontab.XXXXXX") && cat > "$file" && echo "$file"'
REMOVE: Final = 'rm -f "$1"'
# What cron itself demands of a name in /etc/cron.d; a file with another one is silently ignored.
FILE_NAME: Final = re.compile(r"[A-Za-z0-9_-]+")


@frozen
class CronArgs:
    name: str
    state: Literal["present", "absent"] = "present"
    job: str | None = None
    user: str | None = None
    cron_file: str | None = None
    minute: str | int = "*"
    hour: str | int = "*"
    day: str | int = "*"
    month: str | int = "*"
    weekday: str | int = "*"
    special_time: Special | None = None
    disabled: bool = False
    env: bool = False
    insertafter: str | None = None
    insertbefore: str | None = None
    backup: bool = False

    @property
    def path(self) -> str:
        """The file of the job, empty for a user's own crontab."""
        if self.cron_file is None:
            return ""
        return self.cron_file if self.cron_file.startswith("/") else f"/etc/cron.d/{self.cron_file}"

    @property
    def times(self) -> tuple[str, ...]:
        return tuple(str(one) for one in (self.minute, self.hour, self.day, self.month, self.weekday))

    @property
    def line(self) -> str:
        """The job's line in the crontab."""
        when = f"@{self.special_time}" if self.special_time else " ".join(self.times)
        who = f"{self.user} " if self.cron_file else ""
        return f"{'#' if self.disabled else ''}{when} {who}{(self.job or '').strip(chr(13) + chr(10))}"


class Cron:
    name: ClassVar = "cron"
    Args = CronArgs

    def preview(self, at: Reading, args: CronArgs) -> Change:
        _check(args)
        if args.path and not _empties(at.host, args):
            return _editing(args).preview(at)
        try:
            plan = _plan(at.host, args)
        except NotThereYet as missing:
            return unknown(missing)
        if plan is None:
            return Change(None, "cannot be told before there is a crontab program")
        return Change(plan.needed, plan.said, plan.diff, _told(args, plan.after))

    def apply(self, at: Acting, args: CronArgs) -> Outcome:
        _check(args)
        if args.path and not _empties(at.host, args):
            return _editing(args).apply(at)
        plan = _plan(at.host, args)
        if plan is None:
            raise TaskFailed(
                f"{at.host.name} has no crontab program", hint="install the package `cron` (Debian) or `cronie` (RHEL)"
            )
        data = _told(args, plan.after)
        if not plan.needed:
            return Outcome(False, data)
        if args.backup and plan.before:
            data["backup_file"] = at.host.run(Script(KEEP), stdin=encoded(plan.before)).stdout.strip()
        if args.path:
            act(at.host, REMOVE, args.path, doing=f"remove {args.path}")
        else:
            _install(at, args, plan)
        return Outcome(True, data, diff=plan.diff)


@frozen
class _Plan:
    """A whole crontab before and after."""

    title: str
    before: str
    after: str

    @property
    def needed(self) -> bool:
        return self.before != self.after

    @property
    def said(self) -> str:
        return f"changes {self.title}" if self.needed else f"{self.title} is as wanted"

    @property
    def diff(self) -> Diff | None:
        return Diff(self.title, self.before, self.after) if self.needed else None


def _editing(args: CronArgs) -> Editing:
    # cron reads a file of /etc/cron.d only if nobody else may write it.
    new = Attributes("0644" if args.state == "present" else None)
    return Editing(Placing(dest=args.path, attributes=new, backup=args.backup), lambda _, before: _edited(args, before))


def _edited(args: CronArgs, before: bytes | None) -> Edited:
    if before is None and args.state == "absent":
        return Edited(None, data=_told(args, ""))
    old = (before or b"").decode("utf-8", "surrogateescape")
    new = crontab.text(_changed(args, crontab.lines(old)))
    same = old == new
    return Edited(None if same and before is not None else encoded(new), "" if same else "changed", _told(args, new))


def _empties(reader: Reader, args: CronArgs) -> bool:
    """Whether a file would have nothing left in it; it is removed then."""
    if args.state != "absent" or args.env or reader.stat(args.path) is None:
        return False
    old = reader.read(args.path).decode("utf-8", "surrogateescape")
    return args.name in crontab.job_names(crontab.lines(old)) and not _after(args, old).strip()


def _after(args: CronArgs, old: str, *, listed: bool = False) -> str:
    return crontab.text(_changed(args, crontab.lines(old, listed=listed)))


def _plan(reader: Reader, args: CronArgs) -> _Plan | None:
    """For a file, that it is emptied; for a user's crontab all of it. None if the host has no crontab program."""
    if args.path:
        old = reader.read(args.path).decode("utf-8", "surrogateescape")
        return _Plan(args.path, old, "")
    listed = reader.query(Script(LIST, (args.user or "",)), check=False)
    if listed.exit_code == NO_CRON:
        return None
    if listed.exit_code not in (0, NONE_YET) or "not allowed" in listed.stderr or "unknown" in listed.stderr:
        raise _failed("read", args, listed.stderr)
    old = "\n".join(crontab.lines(listed.stdout if listed.ok else "", listed=True))
    unended = listed.ok and bool(listed.stdout) and not listed.stdout.endswith("\n")
    before = old if unended or not old else f"{old}\n"
    return _Plan(f"the crontab of {args.user}" if args.user else "crontab", before, _after(args, old))


def _changed(args: CronArgs, content: Sequence[str]) -> tuple[str, ...]:
    if args.env and args.state == "absent":
        return crontab.without_variable(content, args.name)
    if args.env:
        return crontab.with_variable(content, args.name, args.job or "", args.insertafter, args.insertbefore)
    if args.state == "absent":
        return crontab.without_job(content, args.name)
    return crontab.with_job(content, args.name, args.line)


def _install(at: Acting, args: CronArgs, plan: _Plan) -> None:
    # By standard input: the lines of a job may hold what is nobody else's business.
    result = at.host.run(Script(INSTALL, (args.user or "",)), stdin=encoded(plan.after), check=False)
    if not result.ok:
        raise _failed("write", args, result.stderr)


def _failed(verb: str, args: CronArgs, said: str) -> TaskFailed:
    user = args.user or "this user"
    lowered = said.lower()
    if "privileged" in lowered or "permission" in lowered or "must be" in lowered:
        hint = "the crontab of another user is for root: add `become: true`"
    else:
        hint = "create the user first" if "unknown" in lowered else ""
    return (NotThereYet if "unknown" in lowered else TaskFailed)(
        f"cannot {verb} the crontab of {user}: {said.strip()}", hint=hint
    )


def _check(args: CronArgs) -> None:
    if args.path == "/etc/crontab":
        raise TaskFailed("/etc/crontab is not managed", hint="name a file in /etc/cron.d")
    if args.cron_file is not None and not FILE_NAME.fullmatch(args.path.rpartition("/")[2]):
        raise TaskFailed(
            f"cron would ignore the file {args.path}",
            why="a name in /etc/cron.d may hold letters, digits, _ and - only, and no dot",
            hint="choose another `cron_file`",
        )
    if args.special_time and any(one != "*" for one in args.times):
        raise TaskFailed("You cannot combine special_time with any of the time or day/date parameters.")
    if args.state == "present":
        _check_present(args)
    if args.env and not re.fullmatch(r"[A-Za-z_]\w*", args.name):
        raise TaskFailed(f"Invalid name for environment variable: {args.name!r}")


def _check_present(args: CronArgs) -> None:
    if args.cron_file and not args.user and not args.env:
        raise TaskFailed("To use cron_file=... parameter you must specify user=... as well")
    if (args.insertafter or args.insertbefore) and not args.env:
        raise TaskFailed("Insertafter and insertbefore parameters are valid only with env=yes")
    if re.search(r"[\r\n]", (args.job or "").strip("\r\n")):
        raise TaskFailed("a job is one line", hint="put the commands into a script, and name that")


def _told(args: CronArgs, content: str) -> dict[str, object]:
    lines = crontab.lines(content)
    told: dict[str, object] = {"jobs": crontab.job_names(lines), "envs": crontab.variable_names(lines)}
    return {**told, "cron_file": args.cron_file} if args.cron_file else told
