"""Which Linux it is, in Ansible's names, and what manages its packages and services."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from runner.modules.facts.sections import Sections, settings

NAMES: Final[Mapping[str, str]] = {
    "almalinux": "AlmaLinux",
    "alpine": "Alpine",
    "amzn": "Amazon",
    "arch": "Archlinux",
    "centos": "CentOS",
    "debian": "Debian",
    "fedora": "Fedora",
    "gentoo": "Gentoo",
    "kali": "Kali",
    "linuxmint": "Linux Mint",
    "ol": "OracleLinux",
    "openeuler": "openEuler",
    "opensuse-leap": "openSUSE Leap",
    "opensuse-tumbleweed": "openSUSE Tumbleweed",
    "pop": "Pop!_OS",
    "rhel": "RedHat",
    "rocky": "Rocky",
    "sled": "SLED",
    "sles": "SLES",
    "ubuntu": "Ubuntu",
}
FAMILIES: Final[Mapping[str, str]] = {
    "rhel": "RedHat",
    "fedora": "RedHat",
    "centos": "RedHat",
    "amzn": "RedHat",
    "ol": "RedHat",
    "openeuler": "RedHat",
    "debian": "Debian",
    "ubuntu": "Debian",
    "suse": "Suse",
    "sles": "Suse",
    "sled": "Suse",
    "opensuse": "Suse",
    "alpine": "Alpine",
    "arch": "Archlinux",
    "gentoo": "Gentoo",
}
MANAGERS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "RedHat": (("dnf5", "dnf5"), ("dnf-3", "dnf"), ("dnf", "dnf"), ("microdnf", "dnf"), ("yum", "yum")),
    "Debian": (("apt-get", "apt"),),
    "Alpine": (("apk", "apk"),),
    "Suse": (("zypper", "zypper"),),
    "Archlinux": (("pacman", "pacman"),),
}
INITS: Final[Mapping[str, str]] = {
    "procd": "openwrt_init",
    "runit-init": "runit",
    "svscan": "svc",
    "openrc-init": "openrc",
}
SIGNS: Final = (
    ("systemd runs", "systemd"),
    ("openrc is there", "openrc"),
    ("systemd is installed", "systemd"),
    ("init scripts are there", "sysvinit"),
)


def distribution(sections: Sections) -> dict[str, object]:
    release, files = settings(sections.get("release", "")), settings(sections.get("releases", ""))
    ident = release.get("ID", "linux").lower()
    version = _version(ident, release, files)
    major, _, rest = version.partition(".")
    facts: dict[str, object] = {
        "distribution": NAMES.get(ident, release.get("NAME", "Linux").removesuffix(" Linux")),
        "distribution_version": version,
        "distribution_major_version": major,
        "distribution_release": _release(ident, release, files),
        "os_family": family(release),
    }
    if ident in ("debian", "amzn") and rest:
        facts["distribution_minor_version"] = rest
    return facts


def family(release: Mapping[str, str]) -> str:
    """Of the identifiers in os-release, the first that is known; the distribution itself if none is."""
    for ident in (release.get("ID", "linux").lower(), *release.get("ID_LIKE", "").lower().split()):
        if ident in FAMILIES:
            return FAMILIES[ident]
    return NAMES.get(release.get("ID", ""), release.get("NAME", "Linux"))


def package_manager(sections: Sections) -> dict[str, object]:
    lines = sections.get("programs", "").splitlines()
    there = {line.rpartition("/")[2] for line in lines if line.startswith("/")}
    if any(line == "dnf is dnf5" or line.endswith("/dnf5") and line.startswith("dnf is") for line in lines):
        there.discard("dnf-3")
    elif "dnf-3" in there:
        there.discard("dnf5")
    known = MANAGERS.get(family(settings(sections.get("release", ""))), ())
    everything = (*known, *(pair for pairs in MANAGERS.values() for pair in pairs))
    return {"pkg_mgr": next((manager for program, manager in everything if program in there), "unknown")}


def service_manager(sections: Sections) -> dict[str, object]:
    """The name of process 1, unless that is `init` or a shell: then by what is running or installed."""
    first, _, rest = sections.get("init", "").partition("\n")
    if first and first != "init" and not first.endswith("sh"):
        return {"service_mgr": INITS.get(first, first)}
    signs = rest.splitlines()
    return {"service_mgr": next((manager for sign, manager in SIGNS if sign in signs), "service")}


def lsb(sections: Sections) -> dict[str, object]:
    text = sections.get("lsb", "")
    told = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}
    kept = settings("\n".join(line.removeprefix("file ") for line in text.splitlines() if line.startswith("file ")))
    found = {
        "codename": told.get("Codename") or kept.get("DISTRIB_CODENAME"),
        "description": told.get("Description") or kept.get("DISTRIB_DESCRIPTION"),
        "id": told.get("Distributor ID") or kept.get("DISTRIB_ID"),
        "release": told.get("Release") or kept.get("DISTRIB_RELEASE"),
    }
    known = {name: value for name, value in found.items() if value}
    return {"lsb": {**known, "major_release": known["release"].split(".")[0]} if "release" in known else known}


def _version(ident: str, release: Mapping[str, str], files: Mapping[str, str]) -> str:
    if ident == "debian":
        return files.get("debian_version") or release.get("VERSION_ID", "NA")
    if ident == "alpine":
        return files.get("alpine-release") or release.get("VERSION_ID", "NA")
    return release.get("VERSION_ID") or ("rolling" if ident == "arch" else "NA")


def _release(ident: str, release: Mapping[str, str], files: Mapping[str, str]) -> str:
    if release.get("VERSION_CODENAME"):
        return release["VERSION_CODENAME"]
    if ident == "centos" and "Stream" in release.get("NAME", ""):
        return "Stream"
    named = re.search(r"\(([^)]*)\)", files.get("redhat-release", "") or release.get("VERSION", ""))
    return named[1] if named else "NA"
