"""dnf: packages of Fedora, RHEL and their kin, with whichever of dnf, dnf5, microdnf and yum the host has."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import ClassVar, Final, Literal

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Host, Reader, Result, Script
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.suggestions import some

State = Literal["present", "installed", "latest", "absent", "removed"]

C_LOCALE: Final = {"LC_ALL": "C"}
PROGRAM: Final = """
for program in dnf dnf5 microdnf yum; do
  if command -v "$program" >/dev/null; then echo "$program"; exit 0; fi
done
exit 1
"""
# For each name the packages that meet it, or nothing; a package file is met by the very package that is in it.
INSTALLED: Final = """
root=$1; shift
set_root=; if [ "$root" != / ]; then set_root=--root=$root; fi
for name do
  found=
  case $name in
    @*) ;;
    *.rpm) inside=$(rpm -qp --nosignature "$name") && found=$(rpm -q $set_root "$inside") || found= ;;
    *[*?[]*) found=$(rpm -qa $set_root "$name") ;;
    *) found=$(rpm -q $set_root "$name") || found=$(rpm -q $set_root --whatprovides "$name") || found= ;;
  esac 2>/dev/null
  echo "$found" | tr '\\n' ' '; echo
done
"""
UPDATES: Final = 100
NOTHING: Final = re.compile(r"^\s*Nothing to do\.?\s*$", re.MULTILINE)
NOT_FOUND: Final = re.compile(
    r"(?:No match for argument|No package|Unable to find a match): *(\S+)|No package (\S+) available", re.IGNORECASE
)


@frozen
class DnfArgs:
    name: tuple[str, ...] = ()
    state: State = "present"
    autoremove: bool = False
    update_cache: bool = False
    update_only: bool = False
    security: bool = False
    bugfix: bool = False
    enablerepo: tuple[str, ...] = ()
    disablerepo: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    disable_excludes: str | None = None
    enable_plugin: tuple[str, ...] = ()
    disable_plugin: tuple[str, ...] = ()
    disable_gpg_check: bool = False
    sslverify: bool = True
    install_weak_deps: bool = True
    allowerasing: bool = False
    best: bool | None = None
    nobest: bool | None = None
    skip_broken: bool = False
    cacheonly: bool = False
    download_only: bool = False
    download_dir: str | None = None
    conf_file: str | None = None
    installroot: str = "/"
    releasever: str | None = None

    @property
    def absent(self) -> bool:
        return self.state in ("absent", "removed")

    @property
    def options(self) -> tuple[str, ...]:
        """What is said to every call."""
        lists = {
            "--enablerepo": self.enablerepo,
            "--disablerepo": self.disablerepo,
            "--exclude": self.exclude,
            "--enableplugin": self.enable_plugin,
            "--disableplugin": self.disable_plugin,
        }
        single = {
            "--disableexcludes": self.disable_excludes,
            "--downloaddir": self.download_dir,
            "--config": self.conf_file,
            "--installroot": None if self.installroot == "/" else self.installroot,
            "--releasever": self.releasever,
        }
        joined = [f"{option}={','.join(values)}" for option, values in lists.items() if values]
        given = [f"{option}={value}" for option, value in single.items() if value]
        return (*joined, *given, *(option for option, wanted in self._flags().items() if wanted))

    def _flags(self) -> dict[str, bool]:
        return {
            "--nogpgcheck": self.disable_gpg_check,
            "--setopt=sslverify=0": not self.sslverify,
            "--setopt=install_weak_deps=0": not self.install_weak_deps,
            f"--setopt=clean_requirements_on_remove={int(self.autoremove)}": self.absent,
            "--allowerasing": self.allowerasing,
            "--best": self.best is True or self.nobest is False,
            "--nobest": self.best is False or self.nobest is True,
            "--skip-broken": self.skip_broken,
            "--cacheonly": self.cacheonly,
            "--downloadonly": self.download_only,
        }

    @property
    def advisories(self) -> tuple[str, ...]:
        return (*(("--security",) if self.security else ()), *(("--bugfix",) if self.bugfix else ()))


class Dnf:
    name: ClassVar = "dnf"
    Args = DnfArgs

    def preview(self, at: Reading, args: DnfArgs) -> Change:
        program = _program(at.host, args)
        if not args.name and not args.autoremove:
            return Change(False, "refreshes what is known of the repositories")
        calls = _calls(at.host, program, args)
        told = [" ".join(call) for call in calls]
        if told:
            return Change(True, f"runs {some(told)}")
        if args.update_cache and args.state == "latest":
            return Change(None, "newer versions are known once the repositories were asked")
        return Change(False, "all is as wanted")

    def apply(self, at: Acting, args: DnfArgs) -> Outcome:
        program = _program(at.host, args)
        if args.update_cache:
            _run(at.host, (program, *args.options, "-y", "makecache", "--refresh"))
        if not args.name and not args.autoremove:
            return Outcome(False, {"msg": "Cache updated", "rc": 0, "results": []})
        results = [_run(at.host, (program, *args.options, "-y", *call)) for call in _calls(at.host, program, args)]
        changed = any(not NOTHING.search(result.stdout) for result in results)
        stdout = "".join(result.stdout for result in results)
        done = [
            line.strip() for line in stdout.splitlines() if re.match(r"\s*(Installed|Removed|Upgraded):\s+\S", line)
        ]
        return Outcome(changed, {"rc": 0, "results": done, "msg": "" if changed else "Nothing to do", "stdout": stdout})


def _program(reader: Reader, args: DnfArgs) -> str:
    if not (args.name or args.autoremove or args.update_cache):
        raise TaskFailed("there is nothing to do", hint="give `name`, `autoremove` or `update_cache`")
    found = reader.query(Script(PROGRAM), check=False)
    if not found.ok:
        raise TaskFailed(
            f"{reader.name} has neither dnf nor yum",
            hint="this module is for Fedora and RHEL: `package` finds the right one",
        )
    return found.stdout.strip()


def _calls(reader: Reader, program: str, args: DnfArgs) -> list[tuple[str, ...]]:
    """What has to be called for all to be as wanted, without the options."""
    if not args.name:
        return [] if _is_idle(reader, (program, *args.options, "--assumeno", "autoremove")) else [("autoremove",)]
    found = _installed(reader, args)
    groups = tuple(name for name in args.name if name.startswith("@"))
    if args.absent:
        there = tuple(name for name in args.name if found[name])
        verb, wanted = "remove", (*there, *_with_work(reader, program, args, "remove", groups))
        return [(verb, *wanted)] if wanted else []
    missing = () if args.update_only else tuple(name for name in args.name if not found[name] and name not in groups)
    everything = "*" in args.name
    if everything:
        missing = ()
    calls = []
    if new := (*missing, *_with_work(reader, program, args, "install", groups)):
        calls.append(("install", *new))
    if args.state == "latest":
        old = () if everything else tuple(name for name in args.name if found[name])
        if (everything or old) and _has_updates(reader, program, args, old):
            calls.append(("upgrade", *args.advisories, *old))
    return calls


def _installed(reader: Reader, args: DnfArgs) -> dict[str, str]:
    for name in args.name:
        if name.startswith("-") or not name.strip():
            raise TaskFailed(f"{name!r} is not the name of a package")
    script = Script(INSTALLED, (args.installroot, *args.name), env=C_LOCALE)
    lines = reader.query(script).stdout.splitlines()
    return {name: line.strip() for name, line in zip(args.name, lines, strict=True)}


def _with_work(reader: Reader, program: str, args: DnfArgs, verb: str, groups: Iterable[str]) -> tuple[str, ...]:
    """Those groups for which something would be done: only dnf itself knows what a group holds."""
    return tuple(group for group in groups if not _is_idle(reader, (program, *args.options, "--assumeno", verb, group)))


def _is_idle(reader: Reader, argv: tuple[str, ...]) -> bool:
    result = reader.query(Script('"$@"', argv, env=C_LOCALE), check=False)
    return result.ok or bool(NOTHING.search(result.stdout))


def _has_updates(reader: Reader, program: str, args: DnfArgs, names: tuple[str, ...]) -> bool:
    argv = (program, *args.options, "-q", "check-update", *args.advisories, *names)
    result = reader.query(Script('"$@"', argv, env=C_LOCALE), check=False)
    if result.exit_code not in (0, UPDATES):
        raise _failure(argv, result)
    return result.exit_code == UPDATES


def _run(host: Host, argv: tuple[str, ...]) -> Result:
    result = host.run(Script('"$@"', argv, env=C_LOCALE), check=False)
    if not result.ok:
        raise _failure(argv, result)
    return result


def _failure(argv: tuple[str, ...], result: Result) -> TaskFailed:
    data: dict[str, object] = {"rc": result.exit_code, "stdout": result.stdout, "stderr": result.stderr}
    said = (result.stderr.strip() or result.stdout.strip()).splitlines()
    if unknown := NOT_FOUND.search(result.stderr + result.stdout):
        return TaskFailed(
            f"No package {unknown[1] or unknown[2]} available.",
            hint="check the name and `enablerepo`; if what the host knows is old, say `update_cache: true`",
            data={**data, "failures": said[:5]},
        )
    superuser = "root" in result.stderr or "superuser" in result.stderr
    return TaskFailed(
        f"{argv[0]} ended with status {result.exit_code}: {said[-1] if said else ''}",
        hint="packages are installed by root: add `become: true`" if superuser else "",
        data=data,
    )
