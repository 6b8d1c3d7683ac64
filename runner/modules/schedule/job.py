"""A job: what runs, as whom, where, and what happens if it fails."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import field
from typing import Final

from runner.frozen import frozen
from runner.modules.schedule.calendar import Calendar

PREFIX: Final = "sentraplay-"
MARK: Final = "# Written by SentraPlay (module schedule); it is written anew at every change. Job: "

ON_FAILURE: Final = "; } || "


@frozen
class Job:
    """`argv` begins with a program's absolute path. `environment_file` holds NAME=value lines, or is ""; its values
    never stand in what is written here. Times are in seconds."""

    name: str
    calendar: Calendar
    argv: tuple[str, ...]
    user: str
    directory: str
    environment_file: str
    random_delay: int
    timeout: int
    on_failure: tuple[str, ...]
    hardening: bool

    @property
    def unit(self) -> str:
        """The name of what belongs to it, without a suffix."""
        return f"{PREFIX}{self.name}"


@frozen
class Files:
    """Files by their paths, all to be there with mode 0644, or all to be gone."""

    content: Mapping[str, str] = field(default_factory=dict)


def cron_files(job: Job) -> Files:
    """A file of /etc/cron.d with one line for the job, locked so that it never runs twice at once.

    A percent sign would end cron's command, so it is escaped; everything else is quoted for sh.
    """
    log = f"/var/log/{job.unit}.log"
    run = ["flock", "--nonblock", f"/run/lock/{job.unit}.lock", "timeout", str(job.timeout), *job.argv]
    parts = [f"cd {shlex.quote(job.directory)}"]
    if job.environment_file:
        parts.append(f"set -a && . {shlex.quote(job.environment_file)} && set +a")
    parts += ["umask 077", f"{shlex.join(run)} >>{shlex.quote(log)} 2>&1"]
    line = f"{{ {' && '.join(parts)}{ON_FAILURE}{shlex.join(job.on_failure)}"
    text = (
        f"{MARK}{job.name}\n"
        "SHELL=/bin/sh\n"
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
        'MAILTO=""\n'
        f"{job.calendar.cron} {job.user} {line.replace('%', chr(92) + '%')}\n"
    )
    return Files({f"/etc/cron.d/{job.unit}": text})


def systemd_files(job: Job) -> Files:
    """A timer, the service it starts, and the service that tells when that fails."""
    service = f"{MARK}{job.name}\n[Unit]\nDescription=SentraPlay: {_plain(job.name)}\n"
    service += f"OnFailure={job.unit}-failed.service\nWants=network-online.target\nAfter=network-online.target\n"
    service += f"\n[Service]\nType=oneshot\nExecStart={_command(job.argv)}\nUser={job.user}\n"
    service += f"WorkingDirectory={_escaped(job.directory)}\nTimeoutStartSec={job.timeout}\nUMask=0077\n"
    service += "Nice=10\nIOSchedulingClass=best-effort\nIOSchedulingPriority=7\n"
    if job.environment_file:
        service += f"EnvironmentFile={_escaped(job.environment_file)}\n"
    service += _HARDENING if job.hardening else ""
    timer = f"{MARK}{job.name}\n[Unit]\nDescription=SentraPlay: when {_plain(job.name)} runs\n\n[Timer]\n"
    timer += f"OnCalendar={job.calendar.systemd}\nPersistent=true\nRandomizedDelaySec={job.random_delay}\n"
    timer += f"AccuracySec=1s\nUnit={job.unit}.service\n\n[Install]\nWantedBy=timers.target\n"
    failed = f"{MARK}{job.name}\n[Unit]\nDescription=SentraPlay: tells that {_plain(job.name)} failed\n\n"
    failed += f"[Service]\nType=oneshot\nExecStart={_command(job.on_failure)}\n"
    base = f"/etc/systemd/system/{job.unit}"
    return Files({f"{base}.service": service, f"{base}-failed.service": failed, f"{base}.timer": timer})


# Nothing a backup, a verification or a restore below /srv, /var, /opt or /home needs; sudo, and a restore into
# /etc or /usr of this very machine, need `hardening: false`.
_HARDENING: Final = """\
NoNewPrivileges=true
PrivateTmp=true
ProtectSystem=full
ProtectKernelTunables=true
ProtectKernelModules=true
ProtectControlGroups=true
RestrictRealtime=true
LockPersonality=true
"""


def _command(argv: tuple[str, ...]) -> str:
    """Words as ExecStart= reads them: systemd.service(5), COMMAND LINES, and % of systemd.unit(5), SPECIFIERS."""
    program, *words = argv
    return " ".join([_escaped(program), *(_quoted(word) for word in words)])


def _quoted(word: str) -> str:
    return json.dumps(_escaped(word).replace("$", "$$"), ensure_ascii=False)


def _escaped(text: str) -> str:
    return text.replace("%", "%%")


def _plain(text: str) -> str:
    return _escaped(" ".join(text.split()))
