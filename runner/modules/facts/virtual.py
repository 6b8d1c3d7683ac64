"""Whether the host is a machine of its own, a virtual one or a container, or has such machines itself."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from runner.modules.facts.sections import Sections, settings

CONTAINERS: Final = frozenset({"docker", "lxc", "podman", "openvz", "containerd"})
CGROUPS: Final = (
    (re.compile(r"/docker(/|-[0-9a-f]+\.scope)"), "docker"),
    (re.compile(r"/lxc/|/machine.slice/machine-lxc"), "lxc"),
    (re.compile(r"/system.slice/containerd.service"), "containerd"),
)
PRODUCTS: Final = (
    ("product_name", r"KVM|KVM Server|Bochs|AHV|CloudStack KVM Hypervisor", "kvm"),
    ("sys_vendor", r"oVirt", "oVirt"),
    ("product_name", r"VMware.*", "VMware"),
    ("product_name", r"OpenStack Compute|OpenStack Nova", "openstack"),
    ("bios_vendor", r"Xen", "xen"),
    ("bios_vendor", r"innotek GmbH", "virtualbox"),
    ("bios_vendor", r"Amazon EC2|DigitalOcean|Hetzner|Linode", "kvm"),
    ("sys_vendor", r"QEMU|Amazon EC2|DigitalOcean|Google|Scaleway|Nutanix", "kvm"),
    ("sys_vendor", r"KubeVirt", "KubeVirt"),
    ("sys_vendor", r"Microsoft Corporation", "VirtualPC"),
    ("sys_vendor", r"Parallels Software International Inc\.", "parallels"),
    ("sys_vendor", r"OpenStack Foundation", "openstack"),
)


def virtualization(sections: Sections) -> dict[str, object]:
    """What is found first counts as the type; all that is found is listed too."""
    lines = [line.partition("=") for line in sections.get("container", "").splitlines()]
    told = [(name, value) for name, _, value in lines]
    guests = [*_containers(told), *_machines(settings(sections.get("dmi", "")))]
    if "model name\t: QEMU Virtual CPU" in sections.get("processors", ""):
        guests.append("kvm")
    hosts = list(_hosts(told))
    found = [(one, "guest") for one in guests] + [(one, "host") for one in hosts]
    if not found and ("module", "virtio") in told:
        found, hosts = [("kvm", "guest")], ["kvm"]
    kind, role = found[0] if found else ("NA", "NA")
    inside = {"container"} if CONTAINERS & set(guests) else set()
    return {
        "virtualization_type": kind,
        "virtualization_role": role,
        "virtualization_tech_guest": sorted({*guests, *inside}),
        "virtualization_tech_host": sorted(set(hosts)),
    }


def _containers(told: Iterable[tuple[str, str]]) -> Iterable[str]:
    pairs = list(told)
    for name, value in pairs:
        if name == "cgroup":
            yield from (kind for pattern, kind in CGROUPS if pattern.search(value))
    for name, value in pairs:
        if name == "container" and value:
            yield value if value in ("lxc", "podman") else "container"
    yield from (value for name, value in pairs if name == "systemd" and value)
    yield from ("docker" for name, _ in pairs if name == "dockerenv")
    yield from ("xen" for name, value in pairs if name == "xen" and "control_d" not in value)


def _machines(dmi: dict[str, str]) -> Iterable[str]:
    yield from (kind for name, pattern, kind in PRODUCTS if re.fullmatch(pattern, dmi.get(name, "")))


def _hosts(told: Iterable[tuple[str, str]]) -> Iterable[str]:
    for name, value in told:
        if name == "xen" and "control_d" in value:
            yield "xen"
        elif name == "kvm" or (name, value) == ("module", "kvm"):
            yield "kvm"
        elif (name, value) == ("module", "vboxdrv"):
            yield "virtualbox"
