"""service: a service, whatever manages services on the host."""

from __future__ import annotations

import shlex
from typing import ClassVar, Final, Literal

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Reader
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.modules.facts.gathering import gather
from runner.modules.services import openrc, sysvinit
from runner.modules.services.systemd import Systemd, SystemdArgs
from runner.modules.services.wishes import Seen, State, Wish, summary
from runner.modules.system.planning import NotThereYet, unknown

# Who works here with what the facts name; anything else, such as a container's own first process, has scripts at most.
KNOWN: Final = frozenset({"systemd", "openrc"})


@frozen
class ServiceArgs:
    name: str
    state: State | None = None
    enabled: bool | None = None
    arguments: str = ""
    pattern: str | None = None
    runlevel: str = "default"
    sleep: int | None = None
    use: Literal["auto", "systemd", "openrc", "sysvinit"] = "auto"

    @property
    def wish(self) -> Wish:
        return Wish(self.state, self.enabled)

    @property
    def for_systemd(self) -> SystemdArgs:
        return SystemdArgs(name=self.name, state=self.state, enabled=self.enabled)


class Service:
    name: ClassVar = "service"
    Args = ServiceArgs

    def preview(self, at: Reading, args: ServiceArgs) -> Change:
        manager = _manager(at, args)
        if manager == "systemd":
            return Systemd().preview(at, args.for_systemd)
        try:
            verbs = args.wish.verbs(_look(at.host, manager, args))
        except NotThereYet as missing:
            return unknown(missing)
        return Change(bool(verbs), summary(args.name, verbs), data=args.wish.told(args.name))

    def apply(self, at: Acting, args: ServiceArgs) -> Outcome:
        manager = _manager(at, args)
        if manager == "systemd":
            return Systemd().apply(at, args.for_systemd)
        verbs = args.wish.verbs(_look(at.host, manager, args))
        for verb in verbs:
            if verb == "restart" and args.sleep is not None:
                _act(at, manager, args, "stop")
                at.sleep(args.sleep)
                verb = "start"
            _act(at, manager, args, verb)
        return Outcome(bool(verbs), args.wish.told(args.name))


def _look(reader: Reader, manager: str, args: ServiceArgs) -> Seen:
    if "/" in args.name or args.name.startswith("-"):
        raise TaskFailed(f"{args.name!r} is not the name of a service")
    if manager == "openrc":
        return openrc.look(reader, args.name, args.runlevel)
    return sysvinit.look(reader, args.name, args.pattern or "")


def _act(at: Acting, manager: str, args: ServiceArgs, verb: str) -> None:
    arguments = tuple(shlex.split(args.arguments))
    if manager == "openrc":
        openrc.act(at, args.name, verb, args.runlevel, arguments)
    else:
        sysvinit.act(at, args.name, verb, arguments)


def _manager(at: Reading, args: ServiceArgs) -> str:
    if args.use != "auto":
        return args.use
    told = at.variables.get("ansible_service_mgr")
    manager = told if isinstance(told, str) else str(gather(at.host, ["!all", "!min", "service_mgr"])["service_mgr"])
    return manager if manager in KNOWN else "sysvinit"
