"""Services that are a script in /etc/init.d."""

from __future__ import annotations

from typing import Final

from runner.hosts.contract import Reader, Script
from runner.modules.contract import Acting
from runner.modules.services.wishes import Seen, failed, not_found

# With a pattern, a process whose command line holds it is the service: some scripts cannot tell.
LOOK: Final = """
name=$1 pattern=$2
if [ ! -x "/etc/init.d/$name" ]; then exit 9; fi
if [ -n "$pattern" ]; then
  (ps -ww -eo pid,args 2>/dev/null || ps) | grep -v grep | grep -F -q -- "$pattern"; echo "$?"
else "/etc/init.d/$name" status >/dev/null 2>&1; echo "$?"; fi
for link in /etc/rc[2345].d/S[0-9][0-9]"$name" /etc/rc.d/rc[2345].d/S[0-9][0-9]"$name"; do
  if [ -e "$link" ]; then echo enabled; break; fi
done
"""
UNKNOWN: Final = 9
ENABLE: Final = """
name=$1 verb=$2
if command -v update-rc.d >/dev/null; then
  if [ "$verb" = enable ]; then update-rc.d "$name" defaults && update-rc.d "$name" enable
  else update-rc.d "$name" disable; fi
elif command -v chkconfig >/dev/null; then
  if [ "$verb" = enable ]; then chkconfig --add "$name" && chkconfig "$name" on; else chkconfig "$name" off; fi
else echo 'neither update-rc.d nor chkconfig is on the host' >&2; exit 1; fi
"""
# What the caller gave it, a service must not inherit: it would hold on to the connection.
ACT: Final = """
name=$1 verb=$2; shift 2
cd / && "/etc/init.d/$name" "$verb" "$@" </dev/null
"""


def look(reader: Reader, name: str, pattern: str) -> Seen:
    """How the service is; NotThereYet if there is no such script."""
    result = reader.query(Script(LOOK, (name, pattern)), check=False)
    if result.exit_code == UNKNOWN:
        raise not_found(name)
    status, *enabled = result.stdout.split()
    return Seen(running=status == "0", enabled=bool(enabled))


def act(at: Acting, name: str, verb: str, arguments: tuple[str, ...]) -> None:
    """start, stop, restart, reload, enable or disable."""
    script = Script(ENABLE, (name, verb)) if verb in ("enable", "disable") else Script(ACT, (name, verb, *arguments))
    result = at.host.run(script, check=False)
    if not result.ok:
        raise failed(verb, name, result)
