"""The facts of a host, in Ansible's names: which there are, and gathering those that are wanted.

`gather` is what gathers them when a playbook uses one; the module `setup` is its other caller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatch
from typing import Final

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Reader
from runner.modules.facts import distribution, hardware, network, platform, virtual
from runner.modules.facts.sections import Sections, ask_all
from runner.suggestions import did_you_mean

FACT_PATH: Final = "/etc/ansible/facts.d"
GATHER_TIMEOUT: Final = 10
PREFIX: Final = "ansible_"


@frozen
class Collector:
    """`sections` of the script it needs, and what it reads in them. `names` are the facts it is there for."""

    sections: tuple[str, ...]
    read: Callable[[Sections], Mapping[str, object]]
    names: tuple[str, ...] = ()


def _one_word(fact: str, section: str, value: Callable[[str], object]) -> Collector:
    return Collector((section,), lambda sections: {fact: value(sections.get(section, ""))}, (fact,))


def _is_chroot(sections: Sections) -> dict[str, object]:
    lines = sections.get("chroot", "").splitlines()
    return {"is_chroot": len(lines) == 2 and lines[0] != lines[1]}


MINIMAL: Final[Mapping[str, Collector]] = {
    "apparmor": _one_word("apparmor", "apparmor", lambda text: {"status": text}),
    "cmdline": Collector(("cmdline",), platform.command_line, ("cmdline", "proc_cmdline")),
    "date_time": Collector(("time",), platform.date_time, ("date_time",)),
    "distribution": Collector(
        ("release", "releases"),
        distribution.distribution,
        (
            *("distribution", "distribution_version", "distribution_major_version", "distribution_minor_version"),
            *("distribution_release", "os_family"),
        ),
    ),
    "dns": Collector(("dns",), platform.resolver, ("dns",)),
    "env": Collector(("env",), platform.environment, ("env",)),
    "fips": _one_word("fips", "fips", lambda text: text == "1"),
    "local": Collector(("local",), platform.local_facts, ("local",)),
    "lsb": Collector(("lsb",), distribution.lsb, ("lsb",)),
    "pkg_mgr": Collector(("release", "programs"), distribution.package_manager, ("pkg_mgr",)),
    "platform": Collector(
        ("uname", "names", "bits", "machine_id"),
        platform.platform,
        (
            *("system", "kernel", "kernel_version", "machine", "architecture", "nodename", "hostname", "fqdn"),
            *("domain", "userspace_bits", "userspace_architecture", "machine_id"),
        ),
    ),
    "selinux": Collector(("selinux",), platform.selinux, ("selinux",)),
    "service_mgr": Collector(("init",), distribution.service_manager, ("service_mgr",)),
    "ssh_pub_keys": Collector(
        ("keys",),
        platform.host_keys,
        tuple(
            f"ssh_host_key_{kind}_public{end}"
            for kind in ("dsa", "rsa", "ecdsa", "ed25519")
            for end in ("", "_keytype")
        ),
    ),
    "user": Collector(
        ("user",),
        platform.user,
        (
            *("user_id", "user_uid", "user_gid", "user_gecos", "user_dir", "user_shell"),
            *("effective_user_id", "effective_group_id", "real_user_id", "real_group_id"),
        ),
    ),
}
HARDWARE: Final[Mapping[str, Collector]] = {
    "devices": Collector(("devices",), hardware.devices, ("devices",)),
    "dmi": Collector(("dmi",), hardware.dmi, tuple(hardware.DMI)),
    "memory": Collector(
        ("memory",),
        hardware.memory,
        ("memtotal_mb", "memfree_mb", "swaptotal_mb", "swapfree_mb", "memory_mb"),
    ),
    "mounts": Collector(("mounts",), hardware.mounts, ("mounts",)),
    "processor": Collector(
        ("processors",),
        hardware.processors,
        (
            *("processor", "processor_count", "processor_cores", "processor_threads_per_core"),
            *("processor_vcpus", "processor_nproc", "flags"),
        ),
    ),
    "uptime": Collector(("uptime",), hardware.uptime, ("uptime_seconds",)),
}
OTHERS: Final[Mapping[str, Collector]] = {
    "chroot": Collector(("chroot",), _is_chroot, ("is_chroot",)),
    "loadavg": Collector(("loadavg",), hardware.load, ("loadavg",)),
    "network": Collector(
        ("links", "addresses", "routes"),
        network.network,
        ("interfaces", "default_ipv4", "default_ipv6", "all_ipv4_addresses", "all_ipv6_addresses"),
    ),
    "virtual": Collector(
        ("container", "dmi", "processors"),
        virtual.virtualization,
        (
            *("virtualization_type", "virtualization_role"),
            *("virtualization_tech_guest", "virtualization_tech_host"),
        ),
    ),
}
COLLECTORS: Final[Mapping[str, Collector]] = {**MINIMAL, **HARDWARE, **OTHERS}
GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "all": tuple(COLLECTORS),
    "min": tuple(MINIMAL),
    "hardware": tuple(HARDWARE),
}
FACTS: Final[Mapping[str, str]] = {name: part for part, one in COLLECTORS.items() for name in one.names}
"""Every fact by its name without a prefix, and the part that gathers it. An interface's own facts are not among them:
they have its name, and come with `network`."""


def gather(
    reader: Reader,
    subset: Sequence[str] = ("all",),
    *,
    wanted: Sequence[str] = (),
    fact_path: str = FACT_PATH,
    gather_timeout: int = GATHER_TIMEOUT,
) -> dict[str, object]:
    """The facts of `subset` (Ansible's `gather_subset`) by their names without a prefix, in one round trip.

    `wanted` (Ansible's `filter`) are patterns; with some, only facts whose name fits one are told. Plain data.
    """
    parts = chosen(subset)
    sections = ask_all(
        reader, sorted({name for part in parts for name in COLLECTORS[part].sections}), fact_path, gather_timeout
    )
    facts: dict[str, object] = {}
    for part in parts:
        facts |= COLLECTORS[part].read(sections)
    return {name: value for name, value in facts.items() if _fits(name, wanted)}


def prefixed(facts: Mapping[str, object]) -> dict[str, object]:
    """The same facts by the names they have as variables: `ansible_distribution`."""
    return {f"{PREFIX}{name}": value for name, value in facts.items()}


def chosen(subset: Sequence[str]) -> tuple[str, ...]:
    """The parts that `gather_subset` names.

    The minimal ones come too unless there is `!min`. What is named with `!` does not, unless it is also named without.
    """
    names = [name.strip() for one in subset for name in one.split(",")]
    refused = {name[1:] for name in names if name.startswith("!")}
    groups = {"min", *(name for name in names if name in GROUPS)} - refused
    singles = {part for name in names if not name.startswith("!") and name not in GROUPS for part in _meant(name)}
    included = {part for group in groups for part in GROUPS[group]}
    excluded = {part for name in refused - {"all"} for part in _meant(name)}
    return tuple(part for part in COLLECTORS if part in included - excluded | singles)


def _meant(name: str) -> tuple[str, ...]:
    if name in GROUPS:
        return GROUPS[name]
    if name in COLLECTORS:
        return (name,)
    if name in FACTS:
        return (FACTS[name],)
    raise TaskFailed(
        f"there are no facts called {name!r} to gather",
        hint=did_you_mean(name, (*GROUPS, *COLLECTORS, *FACTS), f"choose from {', '.join((*GROUPS, *COLLECTORS))}"),
    )


def _fits(name: str, wanted: Sequence[str]) -> bool:
    return not wanted or any(fnmatch(name, pattern) or fnmatch(PREFIX + name, pattern) for pattern in wanted)
