"""hostname: the name of the machine, now and after its next start."""

from __future__ import annotations

import re
from typing import ClassVar, Final, Literal

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Host, Reader
from runner.modules.contract import Acting, Change, Diff, Outcome, Reading
from runner.modules.facts.gathering import gather, prefixed
from runner.modules.system.paths import act, ask

Use = Literal["alpine", "debian", "generic", "openrc", "redhat", "sles", "systemd"]

# The settings files are those of systems that do not keep the name in /etc/hostname.
LOOK: Final = """
kind=$1
if [ -z "$kind" ]; then
  if [ -d /run/systemd/system ] && command -v hostnamectl >/dev/null; then kind=systemd
  elif [ -e /etc/conf.d/hostname ] && [ ! -e /etc/alpine-release ]; then kind=openrc
  else kind=generic; fi
fi
echo "$kind"
uname -n
case $kind in
  systemd) hostnamectl --static status 2>/dev/null || cat /etc/hostname;;
  openrc) sed -n 's/^hostname="\\{0,1\\}\\([^"]*\\).*/\\1/p' /etc/conf.d/hostname;;
  redhat) sed -n 's/^HOSTNAME=\\(.*\\)/\\1/p' /etc/sysconfig/network;;
  sles) cat /etc/HOSTNAME;;
  *) cat /etc/hostname;;
esac 2>/dev/null || :
"""
# A file is written beside its place and renamed: whoever starts meanwhile finds the old name or the new one.
KEEP: Final = """
kind=$1 name=$2
umask 022
replace() {
  trap 'rm -f "$1.new"' EXIT
  cat > "$1.new" && mv -f "$1.new" "$1"
}
setting() { grep -v "^$2=" "$1" 2>/dev/null; echo "$2=$3"; }
case $kind in
  systemd) hostnamectl --static set-hostname "$name";;
  openrc) setting /etc/conf.d/hostname hostname "\\"$name\\"" | replace /etc/conf.d/hostname;;
  redhat) setting /etc/sysconfig/network HOSTNAME "$name" | replace /etc/sysconfig/network;;
  sles) echo "$name" | replace /etc/HOSTNAME;;
  *) echo "$name" | replace /etc/hostname;;
esac
"""
SET: Final = """
if [ "$1" = systemd ]; then hostnamectl --transient set-hostname "$2"; else hostname "$2"; fi
"""
LONGEST: Final = 64
NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")


@frozen
class HostnameArgs:
    name: str
    use: Use | None = None


@frozen
class _Seen:
    kind: str
    current: str
    permanent: str


class Hostname:
    name: ClassVar = "hostname"
    Args = HostnameArgs

    def preview(self, at: Reading, args: HostnameArgs) -> Change:
        seen = _look(at.host, args)
        diff = _diff(seen, args)
        said = f"{seen.current} -> {args.name}" if diff else f"the name is {args.name}"
        return Change(diff is not None, said, diff, {"name": args.name})

    def apply(self, at: Acting, args: HostnameArgs) -> Outcome:
        seen = _look(at.host, args)
        _carry_out(at.host, args, seen)
        names = ("hostname", "nodename", "fqdn", "domain")
        facts = prefixed(gather(at.host, ["!all", "!min", "platform"], wanted=names))
        diff = _diff(seen, args)
        return Outcome(diff is not None, {"name": args.name, "ansible_facts": facts}, facts=facts, diff=diff)


def _look(reader: Reader, args: HostnameArgs) -> _Seen:
    if len(args.name) > LONGEST or not NAME.fullmatch(args.name):
        raise TaskFailed(
            f"{args.name!r} cannot be the name of a machine",
            hint=f"letters, digits, - and . may be in it, and at most {LONGEST} of them",
        )
    kind, current, *permanent = ask(
        reader, LOOK, args.use or "", doing="look up the name of the machine"
    ).stdout.split()
    return _Seen(kind, current, permanent[0] if permanent else "")


def _carry_out(host: Host, args: HostnameArgs, seen: _Seen) -> None:
    if seen.permanent != args.name:
        act(host, KEEP, seen.kind, args.name, doing="keep the name of the machine")
    if seen.current != args.name:
        act(host, SET, seen.kind, args.name, doing="set the name of the machine")


def _diff(seen: _Seen, args: HostnameArgs) -> Diff | None:
    if seen.current == seen.permanent == args.name:
        return None
    before = f"hostname: {seen.current}\npermanent: {seen.permanent}\n"
    return Diff("hostname", before, f"hostname: {args.name}\npermanent: {args.name}\n")
