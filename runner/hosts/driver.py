"""The shell programs on the host: what keeps a command and its link bound to each other.

Two of them, both of POSIX sh alone (checked with dash, bash and busybox):

`SHELL` keeps one `sh` alive that reads requests (see `quoting.request`) from its standard input.
`STREAM` runs one program and passes its bytes through untouched.

Both put a watchdog in front: a process that reads the channel's standard input and passes it on. When the
channel ends — closed, cut, the controller killed — it has the running command's process group ended, TERM
twice, KILL after `KILL_AFTER` seconds. The command itself never holds the channel's standard input.
Ending the channel's input is therefore also how the controller kills: on a deadline, on Ctrl-C.

Each command is the leader of its own session (setsid), so that what it started dies with it and what
an earlier command left in the background does not. Where the host has no setsid, only the command
itself is signalled, not what it started. Commands run with SIGINT and SIGQUIT ignored, as every background
job of a non-interactive shell does.

The texts hold no single quote, no newline where they stand in an argv, and no `!`: whatever the login
shell is (sh, csh, fish), it takes them as they are.
"""

from __future__ import annotations

from typing import Final

KILL_AFTER: Final = 3
"""Seconds between TERM and KILL."""

_TICKS: Final = KILL_AFTER * 10
_AGAIN: Final = 5

# The leader is waited for while the killer counts: an unreaped leader would keep its group existing. TERM comes twice:
# of a shell that is just starting a command the first reaches the shell alone, which runs its trap, and cleans up, only
# when that command has ended (seen with dash).
_END: Final = (
    "_sp_end() { "
    'trap "" TERM HUP INT; '
    'if [ "$_sp_pid" ]; then '
    "kill -TERM $_sp_group || kill -TERM $_sp_pid; "
    f"( _sp_i=0; while [ $_sp_i -lt {_TICKS} ] && kill -0 $_sp_group; do "
    f"[ $_sp_i != {_AGAIN} ] || kill -TERM $_sp_group; "
    "sleep 0.1 || sleep 1; _sp_i=$((_sp_i+1)); done; kill -KILL $_sp_group ) & "
    "_sp_killer=$!; wait $_sp_pid; wait $_sp_killer; "
    "fi 2>/dev/null; _sp_exit; }"
)
# TERM may come between the start of a command and the moment its id is known; then _sp_started ends it.
_ON_TERM: Final = '_sp_term() { _sp_dying=1; if [ "$_sp_pid" ] || [ -z "$_sp_busy" ]; then _sp_end; fi; }'
_STARTED: Final = (
    "_sp_started() { _sp_pid=$!; "
    'if [ "$_sp_setsid" ]; then _sp_group=-$_sp_pid; else _sp_group=$_sp_pid; fi; '
    'if [ "$_sp_dying" ]; then _sp_end; fi; }'
)
_GUARD: Final = f"_sp_setsid=$(command -v setsid); _sp_pid=; _sp_busy=; _sp_dying=; {_END}; {_ON_TERM}; {_STARTED}"
# A user who may not enter the directory the session started in gets one that exists for everybody.
_SOMEWHERE: Final = "cd . 2>/dev/null || cd 2>/dev/null || cd /"

# How both are laid out: this process | the pump, which reads the channel | the relay, which has the child.
# The pump tells this process, by TERM repeated until it is heeded, that the channel has ended; this process tells
# the relay; the relay tells this process by USR1 that all is over. (Waiting for the relay alone would not
# do: some shells wait for the whole pipeline, and the pump ends only with the channel.)
_WATCH: Final = (
    'trap "kill -TERM \\$_sp_relay 2>/dev/null" TERM HUP; trap "exit 0" USR1; '
    'printf "\\n%s p\\n" "$1" >&2; exec 3<&0 </dev/null; '
)
_PUMP: Final = "{ exec 2>/dev/null"  # by exec: a redirected group would keep the old one open beside it
_TELL: Final = "while kill -TERM $$; do sleep 1; done; }"
_WAIT: Final = "& _sp_relay=$!; exec 3<&- >&-; while kill -0 $_sp_relay 2>/dev/null; do wait $_sp_relay; done"

SHELL: Final = (
    f"{_WATCH}{_PUMP}; cat <&3; exec >/dev/null; {_TELL} | {{ "
    'trap "kill -TERM \\$_sp_main 2>/dev/null" TERM HUP; exec 3<&- 5<&0 </dev/null; '
    "sh <&5 5<&- & _sp_main=$!; exec 5<&- >&-; "
    "while kill -0 $_sp_main 2>/dev/null; do wait $_sp_main; done; "
    f"kill -USR1 $$; }} {_WAIT}"
)
"""`sh -c SHELL sh MARK`: says it is there (MARK p, on standard error), then serves requests."""

# Lines up to the mark are the program; what follows them is the program's own standard input.
_BOOT: Final = (
    f"{_SOMEWHERE}; "
    '_sp_nl=$(printf "\\n."); _sp_nl=${_sp_nl%.}; _sp_p=; '
    'while IFS= read -r _sp_l && [ "$_sp_l" != "$1" ]; do _sp_p="$_sp_p$_sp_l$_sp_nl"; done; '
    '[ "$_sp_l" = "$1" ] && eval "$_sp_p"'
)
STREAM: Final = (
    f"{_GUARD}; _sp_exit() {{ kill -USR1 $$; exit; }}; {_WATCH}"
    # Input comes in counted blocks and ends with a 0. An end without it is a lost link: the command is killed
    # while its own input is still open, so it can never take half of its input for the whole.
    f"{_PUMP}; "
    'while read -r _sp_n <&3 && [ "$_sp_n" -gt 0 ]; do '
    "dd bs=$_sp_n count=1 iflag=fullblock <&3 || exec >/dev/null; done; "
    f'if [ "$_sp_n" = 0 ]; then exec >/dev/null; cat <&3; fi; {_TELL} | {{ '
    "_sp_busy=1; trap _sp_term TERM HUP; exec 3<&- 5<&0 </dev/null; "
    '$_sp_setsid sh -c "$2" sh "$1" <&5 5<&- & _sp_started; exec 5<&- >&-; '
    "wait $_sp_pid; _sp_status=$?; _sp_pid=; "
    f'printf "\\n%s e %s\\n" "$1" $_sp_status >&2; _sp_exit; }} {_WAIT}'
)
"""`sh -c STREAM sh MARK BOOT`: runs the program that comes first on its input, ends with MARK e STATUS."""

BOOT: Final = _BOOT


def prelude(mark: str) -> str:
    """What the persistent shell is sent first: its functions, and a greeting (MARK h) on both outputs."""
    report = f"printf '\\n%s e %s\\n' {mark} \"$_sp_status$_sp_left\""
    return (
        f"{_SOMEWHERE}\n{_GUARD}\n_sp_exit() {{ exit; }}\ntrap _sp_term TERM HUP\n"
        "_sp_wait() { _sp_started; wait $_sp_pid; _sp_status=$?; _sp_left=; "
        # Members of the group that outlive the leader: jobs put into the background.
        'if [ "$_sp_setsid" ] && kill -0 $_sp_group 2>/dev/null; then _sp_left=" left"; fi; '
        f"_sp_pid=; _sp_busy=; {report}; {report} >&2; }}\n"
        f"printf '\\n%s h\\n' {mark}; printf '\\n%s h\\n' {mark} >&2\n"
    )


BECOME: Final = (
    "if command -v sudo >/dev/null 2>&1; then "
    '_sp_u=$1; shift; exec sudo -n -H -u "$_sp_u" -- "$@"; fi; '
    'if [ "$(id -u)" = 0 ]; then _sp_u=$1; shift; shift; shift; '
    'exec su -s /bin/sh -c "exec sh -c \\"\\$0\\" \\"\\$@\\"" "$_sp_u" "$@"; fi; '
    "echo sudo is not installed and the user is not root >&2; exit 127"
)
"""`sh -c BECOME sh USER sh -c TEXT …`: the rest as USER, by sudo that must not ask, or by su for root without sudo."""
