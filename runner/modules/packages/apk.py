"""apk: packages of Alpine Linux."""

from __future__ import annotations

import re
from typing import ClassVar, Final, Literal

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Reader, Result, Script
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.suggestions import some

State = Literal["present", "installed", "latest", "absent", "removed"]

CALL: Final = 'apk "$@"'
# The world file holds what was asked for; a package may also be there because another one needs it.
STATE: Final = """
world=$1; shift
command -v apk >/dev/null || exit 9
if [ -r "$world" ]; then tr -s '\\n' ' ' < "$world"; fi; echo
for name do
  bare=${name%%[=<>~@]*}
  if apk info -e "$bare" >/dev/null 2>&1; then echo there; else echo missing; fi
done
"""
NO_APK: Final = 9
STEP: Final = re.compile(r"^\(\d+/\d+\)\s+(\w+)\s+(\S+)(?:\s+\((.*)\))?", re.MULTILINE)
NOT_FOUND: Final = re.compile(r"^\s*(\S+) \(no such package\)", re.MULTILINE)


@frozen
class ApkArgs:
    name: tuple[str, ...] = ()
    state: State = "present"
    update_cache: bool = False
    upgrade: bool = False
    available: bool = False
    no_cache: bool = False
    repository: tuple[str, ...] = ()
    world: str = "/etc/apk/world"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name.strip() for one in self.name for name in one.split(",") if name.strip())

    @property
    def absent(self) -> bool:
        return self.state in ("absent", "removed")

    @property
    def only_index(self) -> bool:
        """Whether nothing is asked for but newer indexes, which counts as a change."""
        return self.update_cache and not self.names and not self.upgrade

    @property
    def options(self) -> tuple[str, ...]:
        """What is said to every call. Repositories that are named take the place of the host's own."""
        own = tuple(word for address in self.repository for word in ("--repository", address))
        instead = ("--repositories-file", "/dev/null") if own else ()
        return (*(("--no-cache",) if self.no_cache else ()), *own, *instead)


class Apk:
    name: ClassVar = "apk"
    Args = ApkArgs

    def preview(self, at: Reading, args: ApkArgs) -> Change:
        words = _call(at.host, args)
        if words is None:
            # With newer indexes there may be newer versions.
            may_find_more = args.update_cache and (args.upgrade or args.state == "latest")
            return Change(None if may_find_more else args.only_index, "all is as wanted")
        simulated = at.host.query(Script(CALL, (*args.options, *words, "--simulate")), check=False)
        if not simulated.ok:
            if args.update_cache:
                return Change(None, "cannot be told before the indexes are updated")
            raise _failure(words, simulated)
        steps = _steps(simulated.stdout)
        needed = bool(steps) or words[0] != "upgrade"
        return Change(needed, some(steps) if steps else "notes what is wanted", data={"packages": _changed(simulated)})

    def apply(self, at: Acting, args: ApkArgs) -> Outcome:
        if args.update_cache:
            _run(at, args, ("update",))
        words = _call(at.host, args)
        if words is None:
            return Outcome(
                args.only_index, {"msg": "updated repository indexes" if args.only_index else "", "packages": []}
            )
        result = _run(at, args, words)
        if args.absent:
            _check_removed(at.host, args)
        changed = bool(_steps(result.stdout)) or words[0] != "upgrade"
        said = {"stdout": result.stdout, "stderr": result.stderr}
        return Outcome(changed, {"packages": _changed(result), "msg": f"{words[0]} done", **said})


def _call(reader: Reader, args: ApkArgs) -> tuple[str, ...] | None:
    """What has to be called for all to be as wanted; None if it is."""
    if args.upgrade:
        words = ("upgrade", *(("--available",) if args.available else ()))
        simulated = reader.query(Script(CALL, (*args.options, *words, "--simulate")), check=False)
        return words if not simulated.ok or _steps(simulated.stdout) else None
    if not args.names:
        if not args.update_cache:
            raise TaskFailed("there is nothing to do", hint="give `name`, `upgrade` or `update_cache`")
        return None
    if any(name.startswith("-") for name in args.names):
        raise TaskFailed(f"{args.names} holds what is not the name of a package")
    world, there = _state(reader, args)
    if args.absent:
        gone = tuple(name for name in args.names if there[name])
        return ("del", "--purge", *gone) if gone else None
    missing = tuple(name for name in args.names if not there[name] or not _is_wanted(name, world))
    old = (
        _outdated(reader, args, [name for name in args.names if name not in missing]) if args.state == "latest" else ()
    )
    if not missing and not old:
        return None
    return ("add", *(("--upgrade",) if old else ()), *missing, *old)


def _state(reader: Reader, args: ApkArgs) -> tuple[tuple[str, ...], dict[str, bool]]:
    result = reader.query(Script(STATE, (args.world, *args.names)), check=False)
    if result.exit_code == NO_APK:
        raise TaskFailed(f"{reader.name} has no apk", hint="this module is for Alpine: `package` finds the right one")
    first, *states = result.stdout.splitlines()
    there = {name: state == "there" for name, state in zip(args.names, states, strict=True)}
    return tuple(first.split()), there


def _is_wanted(name: str, world: tuple[str, ...]) -> bool:
    """Whether it was asked for by itself: a name alone in any version, a name with a version in that one."""
    return any(entry == name or re.split("[=<>~@]", entry)[0] == name for entry in world)


def _outdated(reader: Reader, args: ApkArgs, names: list[str]) -> tuple[str, ...]:
    if not names:
        return ()
    bare = {re.split("[=<>~@]", name)[0]: name for name in names}
    told = reader.query(Script(CALL, (*args.options, "version", "-l", "<", *bare)), check=False).stdout
    older = {re.sub(r"-\d[^-]*-r\d+$", "", line.split()[0]) for line in told.splitlines() if " < " in line}
    return tuple(name for short, name in bare.items() if short in older)


def _run(at: Acting, args: ApkArgs, words: tuple[str, ...]) -> Result:
    result = at.host.run(Script(CALL, (*args.options, *words)), check=False)
    if not result.ok:
        raise _failure(words, result)
    return result


def _check_removed(reader: Reader, args: ApkArgs) -> None:
    """apk only takes it off the list of what is wanted when another package needs it."""
    _, there = _state(reader, args)
    if left := [name for name, present in there.items() if present]:
        raise TaskFailed(f"failed to remove {', '.join(left)}: other packages need it", hint=f"apk info -r {left[0]}")


def _failure(words: tuple[str, ...], result: Result) -> TaskFailed:
    data: dict[str, object] = {"rc": result.exit_code, "stdout": result.stdout, "stderr": result.stderr}
    said = f"{result.stderr}\n{result.stdout}"
    if unknown := NOT_FOUND.search(said):
        return TaskFailed(
            f"no such package: {unknown[1]}",
            hint="check the name and `repository`; if the host's indexes are old, say `update_cache: true`",
            data=data,
        )
    errors = [line for line in said.splitlines() if line.startswith("ERROR:")]
    hint = "packages are installed by root: add `become: true`" if "Permission denied" in said else ""
    return TaskFailed(f"apk {words[0]}: {errors[0] if errors else f'status {result.exit_code}'}", hint=hint, data=data)


def _steps(output: str) -> list[str]:
    return [f"{verb.lower()} {name} {versions}".strip() for verb, name, versions in STEP.findall(output)]


def _changed(result: Result) -> list[str]:
    return [name for _, name, _ in STEP.findall(result.stdout)]
