"""Jobs: programs that go on when the link to their host is gone, and are found again by their id.

What a job runs never stands on disk or in an argv: its program comes on standard input, as everything does that
runs on a host. What it writes, and in the end its status, lies in a private directory of the job's user
(~/.sentraplay/jobs/ID) until the job is removed.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts import quoting
from runner.hosts.contract import Command, Host, Reader, Script

LIMIT: Final = 16 * 1024 * 1024
"""More output than this on one of its outputs cannot be told."""

_PLACE: Final = "jobs=${HOME:?}/.sentraplay/jobs job=$jobs/$1\n"

# One supervisor and one program, each the leader of its own session: nothing that ends the link reaches them.
# The program comes through descriptor 3; `&` would give it an empty standard input.
_SUPERVISE: Final = """
exec 3<&0 </dev/null >/dev/null 2>&1
job=$1 limit=$2 mask=$3 alone=$(command -v setsid)
trap : TERM HUP
printf '%s %s\\n' "$$" "$(cat /proc/sys/kernel/random/boot_id)" >"$job/pid.new" && mv "$job/pid.new" "$job/pid"
( umask "$mask"; exec $alone sh ) <&3 3<&- >"$job/stdout" 2>"$job/stderr" &
program=$!
exec 3<&-
if [ "$alone" ]; then group=-$program; else group=$program; fi
end() { kill -TERM $group; sleep 3; kill -KILL $group; }
( trap 'kill $!; exit' TERM; sleep "$limit" & wait $!; : >"$job/late"; end ) & clock=$!
trap 'end &' TERM
while kill -0 $program; do wait $program; status=$?; done
kill $clock
if [ -e "$job/late" ]; then status=late; fi
printf '%s\\n' "$status" >"$job/status.new" && sync && mv "$job/status.new" "$job/status"
"""

_START: Final = (
    _PLACE
    + """
mask=$(umask)
umask 077
mkdir -p -- "$jobs" || exit 1
program=$(cat; echo .)
mkdir -- "$job" 2>/dev/null || { [ -d "$job" ]; exit; }
alone=$(command -v setsid)
printf %s "${program%.}" | ( exec $alone sh -c "$3" sh "$job" "$2" "$mask" ) >/dev/null 2>&1 &
tries=0
while [ $tries -lt 100 ] && ! [ -e "$job/pid" ]; do tries=$((tries+1)); sleep 0.1 || sleep 1; done
[ -e "$job/pid" ]
"""
)

_LOOK: Final = (
    _PLACE
    + """
ended() { if [ -e "$job/status" ]; then printf 'ended %s\\n' "$(cat "$job/status")"; exit 0; fi; }
if ! [ -d "$job" ]; then echo absent; exit 0; fi
ended
read -r pid boot <"$job/pid" || exit 1
if [ "$boot" = "$(cat /proc/sys/kernel/random/boot_id 2>/dev/null)" ] && kill -0 "$pid" 2>/dev/null; then
  echo running; exit 0
fi
ended
echo lost
"""
)

_KILL: Final = _PLACE + 'read -r pid boot <"$job/pid" && kill -TERM "$pid"\n'
_REMOVE: Final = _PLACE + 'rm -rf -- "$job"; rmdir -- "$jobs" "${jobs%/*}" 2>/dev/null || :\n'
_WHERE: Final = _PLACE + 'printf %s "$job"\n'


class Stage(StrEnum):
    """`LOST`: its host was started anew, or somebody killed the whole job; how far it got is not known."""

    ABSENT = "absent"
    RUNNING = "running"
    ENDED = "ended"
    LATE = "late"
    LOST = "lost"


@frozen
class State:
    """How a job stands; `status` is what its program ended with."""

    stage: Stage
    status: int = 0


def start(host: Host, job: str, what: Command | Script, stdin: bytes, limit: float) -> None:
    """Start it, unless there is a job of that id; it is killed after `limit` seconds. Returns once it runs."""
    text = quoting.detached(what, stdin)
    host.run(
        Script(_START, (job, str(max(1, round(limit))), _SUPERVISE)), stdin=text.encode("utf-8", "surrogateescape")
    )


def look(reader: Reader, job: str) -> State:
    """How it stands now."""
    word, _, status = reader.query(Script(_LOOK, (job,))).stdout.strip().partition(" ")
    if status == "late":
        return State(Stage.LATE)
    return State(Stage(word), int(status or 0))


def output(reader: Reader, job: str) -> tuple[str, str]:
    """What it has written until now, on standard output and on standard error."""
    place = where(reader, job)
    texts = (reader.read(f"{place}/{name}", limit=LIMIT) for name in ("stdout", "stderr"))
    written, errors = (text.decode("utf-8", "surrogateescape") for text in texts)
    return written, errors


def where(reader: Reader, job: str) -> str:
    """The job's directory."""
    return reader.query(Script(_WHERE, (job,))).stdout


def kill(host: Host, job: str) -> None:
    """End its program: TERM, three seconds later KILL. Returns at once."""
    host.run(Script(_KILL, (job,)), check=False)


def remove(host: Host, job: str) -> None:
    """Forget it and what it wrote."""
    host.run(Script(_REMOVE, (job,)))


def lost(job: str) -> TaskFailed:
    """The error for a job that is gone without an end."""
    return TaskFailed(
        f"the job {job} is gone without an end",
        why="its host was started anew, or the job was killed; how far it got is not known",
        hint="look at the host, then run the task again",
    )
