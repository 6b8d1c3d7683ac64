"""apt: packages of Debian and its kin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Reader, Script
from runner.modules.contract import Acting, Change, Diff, Outcome, Reading
from runner.modules.packages import apt_get, dpkg
from runner.modules.packages.apt_get import Cache, Step, Unavailable
from runner.modules.system.paths import act
from runner.suggestions import some

State = Literal["present", "absent", "latest", "build-dep", "fixed"]


@frozen
class AptArgs:
    name: tuple[str, ...] = ()
    state: State = "present"
    deb: str | None = None
    update_cache: bool | None = None
    cache_valid_time: int = 0
    update_cache_retries: int = 5
    update_cache_retry_max_delay: int = 12
    upgrade: Literal["no", "yes", "safe", "full", "dist"] = "no"
    purge: bool = False
    autoremove: bool = False
    autoclean: bool = False
    clean: bool = False
    install_recommends: bool | None = None
    default_release: str | None = None
    only_upgrade: bool = False
    allow_downgrade: bool = False
    allow_unauthenticated: bool = False
    allow_change_held_packages: bool = False
    fail_on_autoremove: bool = False
    dpkg_options: str = "force-confdef,force-confold"
    lock_timeout: int = 60
    policy_rc_d: int | None = None

    @property
    def options(self) -> tuple[str, ...]:
        """What is said to every call of apt-get that installs or removes."""
        dpkg = tuple(f"Dpkg::Options::=--{one.strip()}" for one in self.dpkg_options.split(",") if one.strip())
        recommends = "" if self.install_recommends is None else "yes" if self.install_recommends else "no"
        settings = (*dpkg, *((f"APT::Install-Recommends={recommends}",) if recommends else ()))
        flags = {
            "--purge": self.purge and (self.state == "absent" or self.autoremove),
            "--auto-remove": self.autoremove and self.state != "build-dep",
            "--only-upgrade": self.only_upgrade,
            "--allow-downgrades": self.allow_downgrade,
            "--allow-unauthenticated": self.allow_unauthenticated,
            "--allow-change-held-packages": self.allow_change_held_packages,
            "--no-remove": self.fail_on_autoremove and self.state != "absent",
        }
        release = ("-t", self.default_release) if self.default_release else ()
        given = (word for setting in settings for word in ("-o", setting))
        return (*given, *release, *(flag for flag, wanted in flags.items() if wanted))

    @property
    def only_cache(self) -> bool:
        """Whether nothing is asked for but fresh lists."""
        return not (self.name or self.deb or self.upgrade != "no" or self.state == "fixed" or self.cleans)

    @property
    def cleans(self) -> bool:
        return self.clean or self.autoclean or self.autoremove

    def must_update(self, cache: Cache) -> bool:
        wanted = self.cache_valid_time > 0 if self.update_cache is None else self.update_cache
        return wanted and (self.cache_valid_time == 0 or cache.now - cache.updated > self.cache_valid_time)


@frozen
class Call:
    """One call of apt-get and what it would do; with `empties` it removes packages kept in the cache."""

    words: tuple[str, ...]
    steps: tuple[Step, ...] = ()
    empties: bool = False

    @property
    def needed(self) -> bool:
        return bool(self.steps) or self.empties


class Apt:
    name: ClassVar = "apt"
    Args = AptArgs

    def preview(self, at: Reading, args: AptArgs) -> Change:
        _check(args)
        cache = apt_get.cache(at.host)
        stale = args.must_update(cache)
        data: dict[str, object] = {"cache_updated": False, "cache_update_time": cache.updated}
        if args.only_cache:
            said = "updates the lists, if there are newer ones" if stale else "the lists are fresh enough"
            return Change(None if stale else False, said, data=data)
        try:
            calls = [call for call in _calls(at.host, args, cache) if call.needed]
        except Unavailable as missing:
            if not stale:
                raise
            return Change(None, f"cannot be told before the lists are updated: {missing.message}", data=data)
        told = [str(step) for call in calls for step in call.steps] or ["removes kept packages"] * bool(calls)
        if calls:
            return Change(True, some(told), _diff(told), data)
        if stale and _may_find_more(args):
            return Change(None, "newer versions are known once the lists are updated", data=data)
        return Change(False, "all is as wanted", data=data)

    def apply(self, at: Acting, args: AptArgs) -> Outcome:
        _check(args)
        before = cache = apt_get.cache(at.host)
        if args.must_update(before):
            _update(at, args)
            cache = apt_get.cache(at.host)
        newer = cache.content != before.content
        data: dict[str, object] = {"cache_updated": newer, "cache_update_time": cache.updated}
        if args.only_cache:
            return Outcome(newer, data)
        calls = [call for call in _calls(at.host, args, cache) if call.needed]
        results = [
            apt_get.run(at, call.words, lock_timeout=args.lock_timeout, policy=args.policy_rc_d) for call in calls
        ]
        _check_versions(at.host, args)
        told = [str(step) for call in calls for step in call.steps]
        said = {"stdout": "".join(one.stdout for one in results), "stderr": "".join(one.stderr for one in results)}
        return Outcome(bool(calls), {**data, **said}, diff=_diff(told))


def _check(args: AptArgs) -> None:
    asked = [args.name, args.deb, args.upgrade != "no", args.state == "fixed", args.cleans]
    if not any(asked) and args.update_cache is None and not args.cache_valid_time:
        raise TaskFailed("there is nothing to do", hint="give `name`, `deb`, `upgrade`, `update_cache` or `autoremove`")
    if sum(map(bool, asked[:3])) > 1:
        raise TaskFailed("name, deb and upgrade are mutually exclusive", hint="give each a task of its own")


def _may_find_more(args: AptArgs) -> bool:
    return args.state == "latest" or args.upgrade != "no" or args.state == "build-dep"


def _calls(reader: Reader, args: AptArgs, cache: Cache) -> list[Call]:
    """What has to be called for all to be as wanted, in Ansible's order."""
    calls: list[Call] = []
    if args.clean:
        calls.append(Call(("clean",), empties=cache.keeps_packages))
    if args.upgrade != "no":
        how = ("dist-upgrade",) if args.upgrade in ("full", "dist") else ("upgrade", "--with-new-pkgs")
        calls.append(_simulated(reader, args, how))
    if args.deb is not None:
        calls += _deb_calls(reader, args, args.deb)
    if args.name or args.state == "fixed":
        calls += _package_calls(reader, args)
    elif args.autoremove and args.upgrade == "no" and args.deb is None:
        calls.append(_simulated(reader, args, ("autoremove",)))
    if args.autoclean:
        would = reader.query(Script("apt-get -s autoclean", env=apt_get.QUIET), check=False).stdout
        calls.append(Call(("autoclean",), empties="\nDel " in f"\n{would}"))
    return calls


def _simulated(reader: Reader, args: AptArgs, words: Sequence[str]) -> Call:
    full = (*args.options, *words)
    return Call(full, apt_get.simulate(reader, *full))


def _package_calls(reader: Reader, args: AptArgs) -> list[Call]:
    if args.state == "fixed":
        return [_simulated(reader, args, ("--fix-broken", "install", *args.name))]
    if args.state == "build-dep":
        return [_simulated(reader, args, ("build-dep", *args.name))]
    wishes, known = [dpkg.wish(text) for text in args.name], dpkg.packages(reader)
    if args.state == "absent":
        return _removal(reader, args, wishes, known)
    wanted = [one for one in wishes if args.state == "latest" or not one.is_met(reader, known)]
    if args.only_upgrade:
        wanted = [one for one in wanted if any(package.installed and one.names(package) for package in known)]
    if not wanted:
        return []
    return [_simulated(reader, args, ("install", *(one.argument for one in wanted)))]


def _removal(reader: Reader, args: AptArgs, wishes: Sequence[dpkg.Wish], known: Sequence[dpkg.Package]) -> list[Call]:
    gone = ("config-files", "not-installed") if not args.purge else ("not-installed",)
    present = [package for package in known if package.status not in gone]
    found = {
        f"{package.name}:{one.architecture}" if one.architecture else package.name: None
        for one in wishes
        for package in present
        if one.names(package) and one.is_right(reader, package.version)
    }
    if not found:
        return []
    return [_simulated(reader, args, ("remove", *found))]


def _deb_calls(reader: Reader, args: AptArgs, path: str) -> list[Call]:
    result = reader.query(
        Script('dpkg-deb -f "$1" Package Version Architecture', (path,), env=apt_get.QUIET), check=False
    )
    if not result.ok:
        raise TaskFailed(
            f"{path} is not a package: {result.stderr.strip()}", hint="bring it to the host first, with `copy`"
        )
    fields = dict(line.partition(": ")[::2] for line in result.stdout.splitlines())
    for package in dpkg.packages(reader):
        if package.installed and (package.name, package.version) == (fields["Package"], fields["Version"]):
            return []
    return [_simulated(reader, args, ("install", path))]


def _update(at: Acting, args: AptArgs) -> None:
    """Fetch the lists; a failure is tried again, each time after a longer pause."""
    for attempt in range(args.update_cache_retries + 1):
        try:
            result = apt_get.run(at, ("update",), lock_timeout=args.lock_timeout)
        except TaskFailed as failed:
            if attempt == args.update_cache_retries:
                raise TaskFailed(
                    f"Failed to update apt cache: {failed.message}",
                    hint=failed.hint or "the registered result's `stderr` names the source that did not answer",
                    data=failed.data,
                ) from failed
            at.sleep(min(2**attempt, args.update_cache_retry_max_delay))
        else:
            if "W: Failed to fetch" in result.stderr or "Some index files failed" in result.stderr:
                at.warn("some lists could not be fetched; the old ones are used", result.stderr.strip()[-300:])
            break
    act(at.host, apt_get.REFRESHED, doing="note when the lists were updated")


def _check_versions(reader: Reader, args: AptArgs) -> None:
    """apt-get takes its own candidate when a version is wanted at least: whether that is enough is seen now."""
    if args.state not in ("present", "latest") or args.only_upgrade:
        return
    least = [one for one in map(dpkg.wish, args.name) if one.how == ">="]
    if least:
        known = dpkg.packages(reader)
        for one in least:
            if not one.is_met(reader, known):
                raise TaskFailed(
                    f"no version of {one.name} from {one.version} on is available", data={"name": one.text}
                )


def _diff(told: Sequence[str]) -> Diff | None:
    return Diff("packages", "", "".join(f"{line}\n" for line in told)) if told else None
