"""Jobs as they are now: when they run next, how they ended last; and one of them started at once."""

from __future__ import annotations

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import CommandFailed, Host, Reader, Script
from runner.modules.schedule.job import ON_FAILURE, PREFIX
from runner.modules.schedule.places import Backend, Installed, installed, paths_of

_STATE = Script("""
systemctl show --property=NextElapseUSecRealtime,LastTriggerUSec -- "$1.timer"
systemctl show --property=Result,ExecMainExitTimestamp -- "$1.service"
""")

_LOG = Script("""
[ -s "$1" ] || exit 0
stat -c '%y' -- "$1"
tail -n 1 -- "$1"
""")

_START = Script("""
start=$(date +%s)
systemctl start -- "$1.service"
status=$?
journalctl --quiet --no-pager --output=cat --since "@$start" -u "$1.service"
exit "$status"
""")


@frozen
class State:
    """A job with its times, as its scheduler tells them; "" where that is not known."""

    name: str
    backend: Backend
    when: str
    next: str
    last: str
    result: str


def states(reader: Reader) -> tuple[State, ...]:
    """Every job of SentraPlay on a host."""
    return tuple(_systemd(reader, one) if one.backend == "systemd" else _cron(reader, one) for one in installed(reader))


def find(reader: Reader, name: str) -> Installed:
    """The job of that name; TaskFailed if the host has none."""
    known = installed(reader)
    for one in known:
        if one.name == name:
            return one
    there = ", ".join(one.name for one in known) or "none"
    raise TaskFailed(f"{reader.name} has no job {name}", hint=f"there are: {there}")


def run_now(host: Host, name: str) -> None:
    """Start a job as its scheduler would, and wait for its end; TaskFailed if it fails."""
    one = find(host, name)
    script = Script(_START.text, (f"{PREFIX}{name}",)) if one.backend == "systemd" else _line(host, name)
    try:
        host.run(script)
    except CommandFailed as failed:
        raise TaskFailed(
            f"the job {name} ended with status {failed.result.exit_code}",
            where=host.name,
            hint="its output is above, in the journal, or in its log under /var/log",
        ) from failed


def _line(host: Host, name: str) -> Script:
    """The command of a cron job, without what is done when it fails: that is told here."""
    (path,) = paths_of(name, "cron")
    line = host.read(path).decode("utf-8", "surrogateescape").splitlines()[-1].split(None, 6)
    user, command = line[5], line[6].replace("\\%", "%")
    # Its output goes to its log as always, and what is new there is shown.
    text = 'log=$3 before=$(wc -c <"$3" 2>/dev/null || echo 0)\n'
    text += 'if [ "$2" = "$(id -un)" ]; then sh -c "$1"; else su -s /bin/sh -c "$1" -- "$2"; fi\n'
    text += 'status=$?\ntail -c "+$((before + 1))" -- "$log" 2>/dev/null\nexit "$status"\n'
    return Script(text, (command.rpartition(ON_FAILURE)[0] + "; }", user, f"/var/log/{PREFIX}{name}.log"))


def _systemd(reader: Reader, one: Installed) -> State:
    said = reader.query(Script(_STATE.text, (f"{PREFIX}{one.name}",)), check=False).stdout
    known = dict(line.partition("=")[::2] for line in said.splitlines())
    timer = reader.read(paths_of(one.name, "systemd")[2]).decode("utf-8", "surrogateescape")
    when = next((line.partition("=")[2] for line in timer.splitlines() if line.startswith("OnCalendar=")), "")
    # Since the system started a run is known by its end; of those before it the timer remembers when, not how.
    ended, result = known.get("ExecMainExitTimestamp", ""), known.get("Result", "")
    return State(
        one.name,
        one.backend,
        when,
        known.get("NextElapseUSecRealtime", ""),
        ended or known.get("LastTriggerUSec", ""),
        result if ended or result != "success" else "",
    )


def _cron(reader: Reader, one: Installed) -> State:
    (path,) = paths_of(one.name, "cron")
    line = reader.read(path).decode("utf-8", "surrogateescape").splitlines()[-1]
    log = reader.query(Script(_LOG.text, (f"/var/log/{PREFIX}{one.name}.log",)), check=False).stdout.splitlines()
    return State(one.name, one.backend, " ".join(line.split()[:5]), "", log[0][:19] if log else "", "")
