"""Calls of apt-get: without questions, waiting for locks, mending what a call cut off left, services held back."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Host, Reader, Result, Script
from runner.modules.contract import Acting

QUIET: Final = {
    "DEBIAN_FRONTEND": "noninteractive",
    "DEBIAN_PRIORITY": "critical",
    "APT_LISTCHANGES_FRONTEND": "none",
    "NEEDRESTART_SUSPEND": "1",
    "LC_ALL": "C",
}
LOCKED: Final = re.compile(r"Could not get lock|Unable to acquire the dpkg frontend lock|Unable to lock", re.IGNORECASE)
BROKEN_OFF: Final = "dpkg was interrupted"
FINISH: Final = ("dpkg", "--force-confdef", "--force-confold", "--configure", "-a")
STEP: Final = re.compile(r"^(Inst|Remv|Purg|Conf) (\S+)(?: \[([^\]]*)\])?(?: \((\S+))?", re.MULTILINE)
NOT_THERE: Final = re.compile(r"E: (?:Unable to locate package|Couldn't find any package by \w+) '?([^'\s]+)'?")
NO_VERSION: Final = re.compile(r"E: Version '([^']+)' for '([^']+)' was not found")
# Whoever was killed in the middle left its own policy behind, or the other one aside: that is put right first.
RUN: Final = """
code=$1; shift
policy=${DPKG_ROOT:-}/usr/sbin/policy-rc.d; kept=$policy.sentraplay-kept sign='# in place while packages are installed'
restore() {
  if [ -e "$kept" ]; then mv -f "$kept" "$policy"
  elif [ -e "$policy" ] && grep -q -x -F "$sign" "$policy"; then rm -f "$policy"; fi
}
trap restore EXIT
trap 'exit 1' HUP INT TERM
restore || exit 1
if [ -n "$code" ]; then
  if [ -e "$policy" ]; then cp -p "$policy" "$kept.new" && mv -f "$kept.new" "$kept" || exit 1; fi
  printf '#!/bin/sh\\n%s\\nexit %s\\n' "$sign" "$code" > "$policy.new" || exit 1
  chmod 755 "$policy.new" && mv -f "$policy.new" "$policy" || exit 1
fi
"$@"
"""
CACHE: Final = """
eval "$(apt-config shell lists Dir::State::lists/d archives Dir::Cache::archives/d state Dir::State/d)" || exit 1
date +%s
find "$lists" ! -type d -exec stat -L -c '%n %s %Y' {} + 2>/dev/null | sort | cksum | tr -d ' '
set -- "$lists"*Packages* "$lists"*packages*
if [ -e "$1" ] || [ -e "$2" ]; then
  stat -c %Y "$state/periodic/update-success-stamp" 2>/dev/null || stat -c %Y "$lists"
else echo 0; fi
for file in "$archives"*.deb "$archives"partial/*; do
  if [ -e "$file" ]; then echo kept; break; fi
done
"""
# apt-get leaves the time as it is when nothing was new; how old the lists are is told by it all the same.
REFRESHED: Final = 'eval "$(apt-config shell lists Dir::State::lists/d)" && touch "$lists"'


@frozen
class Step:
    """One package of a transaction: `kind` is Inst, Remv, Purg or Conf; versions are empty where there is none."""

    kind: str
    name: str
    before: str
    after: str

    def __str__(self) -> str:
        if self.kind == "Conf":
            return f"configures {self.name} {self.after}"
        if self.kind != "Inst":
            return f"removes {self.name} {self.before}".rstrip()
        return (
            f"upgrades {self.name} {self.before} -> {self.after}"
            if self.before
            else f"installs {self.name} {self.after}"
        )


@frozen
class Cache:
    """How the lists are: the host's time now, that of the last update (0: never), and whether packages are kept.

    `content` is another one if the lists are other ones.
    """

    now: int
    content: str
    updated: int
    keeps_packages: bool


def cache(reader: Reader) -> Cache:
    result = reader.query(Script(CACHE), check=False)
    if not result.ok:
        raise TaskFailed(
            f"{reader.name} has no apt", hint="this module is for Debian and Ubuntu: `package` finds the right one"
        )
    now, content, updated, *kept = result.stdout.split()
    return Cache(int(now), content, int(updated), bool(kept))


def simulate(reader: Reader, *words: str) -> tuple[Step, ...]:
    """What a call would do; TaskFailed if it could not."""
    result = reader.query(Script('apt-get -q -s "$@"', words, env=QUIET), check=False)
    if not result.ok:
        raise failure(words, result)
    return steps(result.stdout)


def steps(output: str) -> tuple[Step, ...]:
    """Those of a simulation; to configure a package is a step of its own only if it was unpacked before."""
    found = [Step(kind, name, before, after) for kind, name, before, after in STEP.findall(output)]
    unpacked = {step.name for step in found if step.kind == "Inst"}
    return tuple(step for step in found if step.kind != "Conf" or step.name not in unpacked)


def run(at: Acting, words: Sequence[str], *, lock_timeout: int, policy: int | None = None) -> Result:
    """Call apt-get for real. Waits for a lock up to `lock_timeout` seconds; finishes first what was broken off."""
    code = "" if policy is None else str(policy)
    call = Script(RUN, (code, "apt-get", "-q", "-y", *words), env=QUIET)
    result = unlocked(at, lambda host: host.run(call, check=False), lock_timeout)
    if BROKEN_OFF in result.stderr:
        mended = at.host.run(Script(RUN, (code, *FINISH), env=QUIET), check=False)
        if not mended.ok:
            raise failure(FINISH, mended)
        result = unlocked(at, lambda host: host.run(call, check=False), lock_timeout)
    if not result.ok:
        raise failure(words, result)
    return result


def unlocked(at: Acting, call: Callable[[Host], Result], timeout: int) -> Result:
    """The result of a call, made again every second while somebody else holds the lock."""
    result = call(at.host)
    for _ in range(timeout):
        if result.ok or not LOCKED.search(result.stderr):
            break
        at.sleep(1)
        result = call(at.host)
    return result


def failure(words: Sequence[str], result: Result) -> TaskFailed:
    """Why apt-get did not do it, in words, with what it said."""
    data: dict[str, object] = {"rc": result.exit_code, "stdout": result.stdout, "stderr": result.stderr}
    if unknown := NOT_THERE.search(result.stderr):
        return Unavailable(
            f"No package matching '{unknown[1]}' is available",
            hint="check the name; if the host's lists are old, say `update_cache: true`",
            data=data,
        )
    if version := NO_VERSION.search(result.stderr):
        return Unavailable(
            f"no version '{version[1]}' of package {version[2]} is available",
            hint=f"`apt-cache policy {version[2]}` on the host lists those there are; "
            "if its lists are old, say `update_cache: true`",
            data=data,
        )
    said = [line for line in result.stderr.splitlines() if line.startswith(("E:", "dpkg:"))]
    last = said[-1].removeprefix("E: ") if said else result.stderr.strip()[-300:] or f"status {result.exit_code}"
    called = "dpkg --configure" if words is FINISH else f"apt-get {words[-1] if words else ''}"
    return TaskFailed(f"{called}: {last}", hint=_hint(result.stderr), data=data)


class Unavailable(TaskFailed):
    """The lists do not hold it: newer ones may."""


def _hint(said: str) -> str:
    if LOCKED.search(said):
        return "another program is installing packages: wait for it, or raise `lock_timeout`"
    if "Permission denied" in said or "are you root" in said:
        return "packages are installed by root: add `become: true`"
    if "unmet dependencies" in said or "held broken packages" in said:
        return "the registered result's `stdout` names the packages that do not go together"
    return ""
