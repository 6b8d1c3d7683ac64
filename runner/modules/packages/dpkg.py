"""What dpkg knows: which packages are there, in which version, and whether a wish is met."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Final

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Reader
from runner.modules.system.paths import ask

LIST: Final = r"""
dpkg-query -W -f '${Package}\t${Architecture}\t${Version}\t${db:Status-Status}\t${db:Status-Want}\t${Provides}\n'
"""
AT_LEAST: Final = 'dpkg --compare-versions "$1" ge "$2"'
WISH: Final = re.compile(
    r"(?P<name>[^=<>:\s]+)(?::(?P<architecture>[^=<>\s]+))?(?:\s*(?P<how>>=|=)\s*(?P<version>\S+))?"
)


@frozen
class Package:
    """A package of dpkg's list. `status` is `installed`, `config-files` (removed, not purged), `unpacked` …"""

    name: str
    architecture: str
    version: str
    status: str
    provides: tuple[str, ...] = ()

    @property
    def installed(self) -> bool:
        return self.status == "installed"


@frozen
class Wish:
    """A package as a task names it: `curl`, `curl:i386`, `curl=7.*`, `curl>=7.88`; wildcards may be in both parts."""

    text: str
    name: str
    architecture: str
    how: str
    version: str

    @property
    def is_pattern(self) -> bool:
        return any(sign in self.name for sign in "*?[")

    @property
    def argument(self) -> str:
        """What apt-get is told; of a version that is at least wanted it takes its own candidate."""
        name = f"{self.name}:{self.architecture}" if self.architecture else self.name
        return f"{name}={self.version}" if self.how == "=" else name

    def names(self, package: Package) -> bool:
        """Whether it is about this package."""
        if self.architecture and self.architecture not in (package.architecture, "any", "native"):
            return False
        return fnmatchcase(package.name, self.name)

    def is_met(self, reader: Reader, packages: Sequence[Package]) -> bool:
        """Whether the package, or one that provides it, is installed in a version that is wanted."""
        found = [package for package in packages if package.installed and self.names(package)]
        if not found and not self.how:
            return any(self.name in package.provides for package in packages if package.installed)
        return any(self.is_right(reader, package.version) for package in found)

    def is_right(self, reader: Reader, version: str) -> bool:
        if self.how == ">=":
            return ask(reader, AT_LEAST, version, self.version, doing="compare versions", statuses=(0, 1)).ok
        return not self.how or fnmatchcase(version, self.version)


def wish(text: str) -> Wish:
    """A package as a task names it, taken apart; TaskFailed if it cannot be a name."""
    match = WISH.fullmatch(text.strip())
    if match is None or text.strip().startswith("-"):
        raise TaskFailed(f"{text!r} is not the name of a package", hint='write "curl", "curl=7.88*" or "curl>=7.88"')
    return Wish(
        text.strip(), match["name"], match["architecture"] or "", match["how"] or "", (match["version"] or "").strip()
    )


def packages(reader: Reader) -> tuple[Package, ...]:
    """All that dpkg's list holds."""
    listed = ask(reader, LIST, doing="list the packages").stdout.splitlines()
    return tuple(_package(line) for line in listed if line.count("\t") == 5)


def _package(line: str) -> Package:
    name, architecture, version, status, _, provides = line.split("\t")
    provided = tuple(one.split("(")[0].strip() for one in provides.split(",") if one.strip())
    return Package(name, architecture, version, status, provided)
