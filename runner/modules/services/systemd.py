"""systemd: units of systemd, of the system, of a user or of all users."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final, Literal

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Reader, Script
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.modules.services.wishes import Seen, State, Wish, failed, not_found, summary
from runner.modules.system.planning import NotThereYet, unknown

Scope = Literal["system", "user", "global"]

# A user's own systemd is found by this directory, which a session without a login lacks.
CALL: Final = """
if [ -z "${XDG_RUNTIME_DIR:-}" ]; then XDG_RUNTIME_DIR=/run/user/$(id -u); export XDG_RUNTIME_DIR; fi
exec systemctl "$@"
"""
LOOK: Final = """
scope=$1 shown=$2 unit=$3
if [ -z "${XDG_RUNTIME_DIR:-}" ]; then XDG_RUNTIME_DIR=/run/user/$(id -u); export XDG_RUNTIME_DIR; fi
command -v systemctl >/dev/null || exit 9
systemctl --"$scope" is-enabled -- "$unit" 2>/dev/null || echo
echo ==
systemctl --"$shown" show -- "$unit"
"""
NO_SYSTEMD: Final = 9
NOT_FOR_ENABLING: Final = frozenset({"static", "generated", "transient"})
ENABLED: Final = frozenset({"enabled", "enabled-runtime", *NOT_FOR_ENABLING})
C_LOCALE: Final = {"LC_ALL": "C"}


@frozen
class SystemdArgs:
    name: str | None = None
    state: State | None = None
    enabled: bool | None = None
    masked: bool | None = None
    daemon_reload: bool = False
    daemon_reexec: bool = False
    scope: Scope = "system"
    no_block: bool = False
    force: bool = False

    @property
    def wish(self) -> Wish:
        return Wish(self.state, self.enabled)


class Systemd:
    name: ClassVar = "systemd"
    Args = SystemdArgs

    def preview(self, at: Reading, args: SystemdArgs) -> Change:
        _check(args)
        if args.name is None:
            return Change(False, " and ".join(_manager_verbs(args)))
        try:
            unit = look(at.host, args.name, args.scope)
            verbs = unit.verbs(args)
        except NotThereYet as missing:
            return unknown(missing)
        data = {**args.wish.told(args.name), "status": unit.properties}
        return Change(bool(verbs), summary(args.name, verbs), data=data)

    def apply(self, at: Acting, args: SystemdArgs) -> Outcome:
        _check(args)
        for verb in _manager_verbs(args):
            _call(at, args, verb)
        if args.name is None:
            return Outcome(False, {"name": None, "status": {}})
        unit = look(at.host, args.name, args.scope)
        if unit.seen.fixed and args.enabled is False:
            at.warn(f"{args.name} is {unit.file_state}: it is started by others, there is nothing to disable")
        verbs = unit.verbs(args)
        for verb in verbs:
            _call(at, args, verb)
        return Outcome(bool(verbs), {**args.wish.told(args.name), "status": unit.properties})


@frozen
class Unit:
    """A unit as systemd tells it."""

    name: str
    file_state: str
    properties: Mapping[str, str]

    @property
    def masked(self) -> bool:
        return "masked" in (self.properties.get("LoadState"), self.file_state, self.file_state.removesuffix("-runtime"))

    @property
    def seen(self) -> Seen:
        active = self.properties.get("ActiveState", "")
        return Seen(
            running=active in ("active", "activating", "reloading"),
            enabled=self.file_state in ENABLED,
            fixed=self.file_state in NOT_FOR_ENABLING,
            stopping=active == "deactivating",
        )

    def verbs(self, args: SystemdArgs) -> tuple[str, ...]:
        """What has to be done, in order; TaskFailed for what a masked unit cannot do."""
        masking = () if args.masked in (None, self.masked) else (("mask" if args.masked else "unmask"),)
        rest = args.wish.verbs(self.seen)
        stays_masked = self.masked if args.masked is None else args.masked
        if stays_masked and (set(rest) & {"start", "restart", "enable"}):
            raise TaskFailed(
                f"{self.name} is masked, so it can neither be started nor enabled",
                hint="say `masked: false`, if it is to run",
                data={"name": self.name},
            )
        return (*masking, *rest)


def look(reader: Reader, name: str, scope: Scope = "system") -> Unit:
    """The unit of that name; NotThereYet if there is none."""
    # Units of all users run in none of them.
    shown = "system" if scope == "global" else scope
    result = reader.query(Script(LOOK, (scope, shown, name), env=C_LOCALE), check=False)
    if result.exit_code == NO_SYSTEMD:
        raise TaskFailed(f"{reader.name} has no systemd", hint="`service` finds what manages services there")
    first, _, rest = result.stdout.partition("\n==\n")
    properties = dict(line.partition("=")[::2] for line in rest.splitlines() if "=" in line)
    if not result.ok or not properties:
        raise failed("look at", name, result, "systemd does not answer: is it what this host was started with?")
    if properties.get("LoadState") == "not-found" and not first.strip():
        raise not_found(name)
    return Unit(name, first.strip() or properties.get("UnitFileState", ""), properties)


def _check(args: SystemdArgs) -> None:
    if args.name is None and not (args.daemon_reload or args.daemon_reexec):
        raise TaskFailed("there is nothing to do", hint="give `name`, or `daemon_reload: true`")
    if args.name is None and (args.state or args.enabled is not None or args.masked is not None):
        raise TaskFailed("`state`, `enabled` and `masked` need `name`")


def _manager_verbs(args: SystemdArgs) -> tuple[str, ...]:
    reload = ("daemon-reload",) if args.daemon_reload else ()
    return (*reload, *(("daemon-reexec",) if args.daemon_reexec else ()))


def _call(at: Acting, args: SystemdArgs, verb: str) -> None:
    options = (*(("--no-block",) if args.no_block else ()), *(("--force",) if args.force else ()))
    unit = () if args.name is None or verb.startswith("daemon-") else ("--", args.name)
    result = at.host.run(Script(CALL, (f"--{args.scope}", *options, verb, *unit), env=C_LOCALE), check=False)
    if not result.ok:
        journal = f"`journalctl -u {args.name}` on the host says why" if verb in ("start", "restart", "reload") else ""
        raise failed(verb, args.name or "systemd", result, journal)
