"""`lock`: a play keeps other runs off its hosts while it is under way."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from runner.errors import HostUnreachable, Refused, SentraPlayError, TaskFailed
from runner.hosts import locks
from runner.hosts.contract import Hosts
from runner.hosts.locks import Holder
from runner.modules.contract import RunInfo

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Locks:
    """Takes and leaves the locks of one run. `tell` warns whoever watches; `broken` are those --break-lock names."""

    def __init__(
        self, hosts: Hosts, run: RunInfo, forks: int, broken: Sequence[str], tell: Callable[[str], None]
    ) -> None:
        self._hosts = hosts
        self._forks = forks
        self._broken = frozenset(broken)
        self._tell = tell
        self._own = this_process(run)

    @contextmanager
    def held(self, name: str, hosts: Sequence[str]) -> Iterator[None]:
        """Hold the lock on every one of `hosts` that can be reached; Refused, and none held, if another has one."""
        if not _NAME.fullmatch(name):
            raise TaskFailed(f"{name!r} cannot be the name of a lock", hint="use letters, digits, '.', '_' and '-'")
        taken: list[str] = []
        try:
            self._take(name, hosts, taken)
            yield
        finally:
            self._each(lambda host: self._release(name, host), taken)

    def _take(self, name: str, hosts: Sequence[str], taken: list[str]) -> None:
        def one(host: str) -> str:
            with suppress(HostUnreachable):  # the play's first task will tell
                if refusal := self._refusal(name, host):
                    return refusal
                taken.append(host)
            return ""

        refusals = [refusal for refusal in self._each(one, hosts) if refusal]
        if refusals:
            raise Refused(
                f"the lock '{name}' is held: {refusals[0]}",
                why="two runs at once on the same service could undo each other's work",
                hint=f"wait for it, or if you are sure that it is dead: --break-lock {name}",
            )

    def _refusal(self, name: str, host: str) -> str:
        """Why the lock cannot be had on a host; empty if it is held now."""
        reached = self._hosts.get(host)
        text = locks.take(reached, name, self._own)
        if not text:
            return ""
        found = locks.holder_from(text)
        may_break = name in self._broken or (found is not None and self._is_dead(found))
        if may_break and locks.break_open(reached, name, self._own, text):
            self._tell(f"{host}: the lock '{name}' of {_told(found, text)} was taken over")
            text = locks.take(reached, name, self._own)
        return f"{host}, by {_told(locks.holder_from(text), text)}" if text else ""

    def _is_dead(self, holder: Holder) -> bool:
        """Whether a holder can be known to be gone: an earlier life of this run, or a process of this machine."""
        own = self._own
        if holder.run == own.run:
            return True
        if holder.controller != own.controller:
            return False
        return holder.boot != own.boot or process_start(holder.pid) != holder.process_started

    def _release(self, name: str, host: str) -> str:
        with suppress(SentraPlayError):
            locks.release(self._hosts.get(host), name, self._own)
        return ""

    def _each(self, action: Callable[[str], str], hosts: Sequence[str]) -> list[str]:
        if not hosts:
            return []
        with ThreadPoolExecutor(max_workers=max(1, self._forks), thread_name_prefix="lock") as pool:
            return list(pool.map(action, hosts))


def _told(holder: Holder | None, text: str) -> str:
    if holder is None:
        return f"something else ({text.strip()[:80]!r})"
    return f"run {holder.run} of {holder.playbook} on {holder.controller}, since {holder.since}"


def this_process(run: RunInfo) -> Holder:
    """This run in this process."""
    return Holder(
        run=run.id,
        playbook=run.playbook,
        controller=os.uname().nodename,
        boot=_boot(),
        pid=os.getpid(),
        process_started=process_start(os.getpid()),
        since=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )


def process_start(pid: int) -> int:
    """When a process of this machine was started, in the kernel's ticks since boot; 0 if there is none of that id."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return 0


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
