"""package: the module for the host's own package manager, with what they all have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Literal

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.modules.contract import Acting, Change, Module, Outcome, Reading
from runner.modules.facts.gathering import gather
from runner.modules.packages.apk import Apk, ApkArgs
from runner.modules.packages.apt import Apt, AptArgs
from runner.modules.packages.dnf import Dnf, DnfArgs

# What the facts call a manager -> the module that works with it.
SAME: Final[Mapping[str, str]] = {"apt": "apt", "dnf": "dnf", "dnf4": "dnf", "dnf5": "dnf", "yum": "dnf", "apk": "apk"}


@frozen
class PackageArgs:
    name: tuple[str, ...]
    state: Literal["present", "absent", "latest"]
    update_cache: bool = False
    use: Literal["auto", "apt", "dnf", "yum", "apk"] = "auto"


class Package:
    name: ClassVar = "package"
    Args = PackageArgs

    def preview(self, at: Reading, args: PackageArgs) -> Change:
        module, theirs = _chosen(at, args)
        return module.preview(at, theirs)

    def apply(self, at: Acting, args: PackageArgs) -> Outcome:
        module, theirs = _chosen(at, args)
        return module.apply(at, theirs)


def _chosen(at: Reading, args: PackageArgs) -> tuple[Module[Any], object]:
    manager = _manager(at) if args.use == "auto" else args.use
    # A list may come as one text, its names joined by commas.
    names = tuple(name.strip() for one in args.name for name in one.split(",") if name.strip())
    match SAME.get(manager):
        case "apt":
            return Apt(), AptArgs(name=names, state=args.state, update_cache=args.update_cache or None)
        case "dnf":
            return Dnf(), DnfArgs(name=names, state=args.state, update_cache=args.update_cache)
        case "apk":
            return Apk(), ApkArgs(name=names, state=args.state, update_cache=args.update_cache)
    raise TaskFailed(
        f"packages of {at.host.name} are managed by {manager!r}, which no module here works with",
        hint="apt, dnf, yum and apk are known; if the host has one of them, name it in `use`",
    )


def _manager(at: Reading) -> str:
    told = at.variables.get("ansible_package_use") or at.variables.get("ansible_pkg_mgr")
    if isinstance(told, str) and told != "auto":
        return told
    return str(gather(at.host, ["!all", "!min", "pkg_mgr"])["pkg_mgr"])
