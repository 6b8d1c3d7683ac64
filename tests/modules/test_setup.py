"""setup and ping: what hosts of several kinds say, and this machine beside what Ansible says of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runner.errors import TaskFailed
from runner.modules.facts import distribution, hardware, network, platform, virtual
from runner.modules.facts.gathering import COLLECTORS, FACTS, HARDWARE, MINIMAL, chosen
from runner.modules.facts.sections import taken_apart
from runner.modules.facts.setup import as_variables
from tests.modules.bed import Bench

# Before a test lets the programs of a small system take the place of the others.
ANSIBLE = shutil.which("ansible")
ENVIRONMENT = dict(os.environ)

DEBIAN = {
    "release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\n'
    'VERSION="12 (bookworm)"\nVERSION_CODENAME=bookworm\nID=debian',
    "releases": "debian_version=12.11",
    "programs": "/usr/bin/apt-get\n/usr/bin/dnf-3",
    "init": "systemd\nsystemd runs\nsystemd is installed\ninit scripts are there",
}
UBUNTU = {
    "release": 'PRETTY_NAME="Ubuntu 24.04.1 LTS"\nNAME="Ubuntu"\nVERSION_ID="24.04"\nVERSION_CODENAME=noble\n'
    "ID=ubuntu\nID_LIKE=debian",
    "releases": "debian_version=trixie/sid",
    "programs": "/usr/bin/apt-get",
    "init": "bash\ninit scripts are there",
}
ALPINE = {
    "release": 'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.20.3\nPRETTY_NAME="Alpine Linux v3.20"',
    "releases": "alpine-release=3.20.3",
    "programs": "/sbin/apk\n/sbin/openrc",
    "init": "init\nopenrc is there\ninit scripts are there",
}
ROCKY = {
    "release": 'NAME="Rocky Linux"\nVERSION="9.4 (Blue Onyx)"\nID="rocky"\nID_LIKE="rhel centos fedora"\n'
    'VERSION_ID="9.4"',
    "releases": "redhat-release=Rocky Linux release 9.4 (Blue Onyx)",
    "programs": "/usr/bin/dnf-3\n/usr/bin/dnf\n/usr/bin/yum\ndnf is dnf-3",
    "init": "systemd\nsystemd runs",
}
FEDORA = {
    "release": 'NAME="Fedora Linux"\nVERSION="41 (Server Edition)"\nID=fedora\nVERSION_ID=41\nVERSION_CODENAME=""',
    "releases": "redhat-release=Fedora release 41 (Forty One)",
    "programs": "/usr/bin/dnf5\n/usr/bin/dnf\n/usr/bin/yum\ndnf is dnf5",
    "init": "systemd",
}


@pytest.mark.parametrize(
    ("told", "name", "version", "major", "release", "family", "packages", "services"),
    [
        (DEBIAN, "Debian", "12.11", "12", "bookworm", "Debian", "apt", "systemd"),
        (UBUNTU, "Ubuntu", "24.04", "24", "noble", "Debian", "apt", "sysvinit"),
        (ALPINE, "Alpine", "3.20.3", "3", "NA", "Alpine", "apk", "openrc"),
        (ROCKY, "Rocky", "9.4", "9", "Blue Onyx", "RedHat", "dnf", "systemd"),
        (FEDORA, "Fedora", "41", "41", "Forty One", "RedHat", "dnf5", "systemd"),
        ({}, "Linux", "NA", "NA", "NA", "Linux", "unknown", "service"),
    ],
)
def test_a_distribution_is_told_in_ansibles_names(
    told: dict[str, str], name: str, version: str, major: str, release: str, family: str, packages: str, services: str
) -> None:
    facts = distribution.distribution(told)
    assert facts["distribution"] == name
    assert (facts["distribution_version"], facts["distribution_major_version"]) == (version, major)
    assert (facts["distribution_release"], facts["os_family"]) == (release, family)
    assert distribution.package_manager(told) == {"pkg_mgr": packages}
    assert distribution.service_manager(told) == {"service_mgr": services}


def test_an_unknown_distribution_belongs_to_what_it_is_like() -> None:
    told = {"release": 'NAME="Own Linux"\nID=own\nID_LIKE="ubuntu debian"\nVERSION_ID=7.1'}
    facts = distribution.distribution(told)
    assert (facts["distribution"], facts["os_family"], facts["distribution_version"]) == ("Own", "Debian", "7.1")


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        ("10.0.0.5        db1.example.org db1", "db1.example.org"),
        ("10.0.0.5        db1 db1.example.org", "db1.example.org"),
        ("::1             localhost ip6-localhost", "localhost"),
        ("", "db1"),
    ],
)
def test_the_full_name_is_the_first_name_of_the_address_that_has_a_dot(answer: str, name: str) -> None:
    assert platform.full_name(answer, "db1") == name


def test_the_time_is_told_in_the_hosts_zone_and_summer_time_is_the_greater_offset() -> None:
    told = {"time": "1720000000 123456789\n+0200 CEST\n+0100 CET"}
    moment: Any = platform.date_time(told)["date_time"]
    assert (moment["date"], moment["time"], moment["epoch"]) == ("2024-07-03", "11:46:40", "1720000000")
    assert (moment["tz"], moment["tz_dst"], moment["tz_offset"]) == ("CEST", "CEST", "+0200")
    assert moment["iso8601_micro"] == "2024-07-03T09:46:40.123456Z"
    assert moment["weekday"] == "Wednesday"
    # busybox has no nanoseconds.
    assert platform.date_time({"time": "1720000000 \n+0000 UTC\n+0000 UTC"})["date_time"]


ADDRESSES = """\
1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN qlen 1000
    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00
    inet 127.0.0.1/8 scope host lo
       valid_lft forever preferred_lft forever
    inet6 ::1/128 scope host
2: eth0@if7: <BROADCAST,MULTICAST,UP,LOWER_UP,M-DOWN> mtu 1500 qdisc noqueue state UP
    link/ether 02:42:ac:11:00:02 brd ff:ff:ff:ff:ff:ff
    inet 10.1.2.3/20 brd 10.1.15.255 scope global eth0
       valid_lft forever preferred_lft forever
    inet 10.1.2.4/20 scope global secondary eth0:1
    inet6 fe80::42:acff:fe11:2/64 scope link
3: br-1: <BROADCAST,MULTICAST> mtu 1500
    link/ether 02:42:ac:11:00:09 brd ff:ff:ff:ff:ff:ff"""
LINKS = """\
lo ether 772 0x9 65536 unknown address=00:00:00:00:00:00 speed= pciid= driver=
eth0 ether 1 0x1103 1500 up address=02:42:ac:11:00:02 speed=10000 pciid=0000:00:03.0 driver=e1000
br-1 bridge 1 0x1002 1500 down address=02:42:ac:11:00:09 speed= pciid= driver="""
ROUTES = "8.8.8.8 via 10.1.0.1 dev eth0 src 10.1.2.3 uid 0\n    cache"


def test_interfaces_have_their_addresses_and_the_default_is_where_packets_leave() -> None:
    facts: Any = network.network({"addresses": ADDRESSES, "links": LINKS, "routes": ROUTES})
    assert facts["interfaces"] == ["lo", "eth0", "br-1"]
    assert facts["all_ipv4_addresses"] == ["10.1.2.3", "10.1.2.4"]
    assert facts["all_ipv6_addresses"] == ["fe80::42:acff:fe11:2"]
    assert facts["default_ipv4"] == {
        "interface": "eth0",
        "alias": "eth0",
        "address": "10.1.2.3",
        "gateway": "10.1.0.1",
        "netmask": "255.255.240.0",
        "network": "10.1.0.0",
        "prefix": "20",
        "broadcast": "10.1.15.255",
        "macaddress": "02:42:ac:11:00:02",
        "mtu": 1500,
        "type": "ether",
    }
    assert facts["default_ipv6"] == {}
    assert (facts["eth0"]["promisc"], facts["eth0"]["module"], facts["eth0"]["speed"]) == (True, "e1000", 10000)
    assert facts["lo"]["type"] == "loopback" and "macaddress" not in facts["lo"]
    assert (facts["br_1"]["type"], facts["br_1"]["active"]) == ("bridge", False)


def test_a_host_without_ip_still_tells_its_interfaces() -> None:
    facts = network.network({"links": LINKS})
    assert facts["interfaces"] == ["lo", "eth0", "br-1"] and facts["default_ipv4"] == {}


def test_sockets_cores_and_threads_make_the_processors() -> None:
    block = "processor\t: {n}\nvendor_id\t: GenuineIntel\nmodel name\t: Xeon\nphysical id\t: {s}\nsiblings\t: 4\n"
    block += "cpu cores\t: 2\nflags\t\t: fpu vme\n"
    text = "8\n" + "\n".join(block.format(n=n, s=n // 4) for n in range(8))
    facts = hardware.processors({"processors": text})
    assert (facts["processor_count"], facts["processor_cores"]) == (2, 2)
    assert (facts["processor_threads_per_core"], facts["processor_vcpus"], facts["processor_nproc"]) == (2, 8, 8)
    assert facts["flags"] == ["fpu", "vme"]
    arm = hardware.processors(
        {"processors": "4\n" + "\n".join(f"processor\t: {n}\nFeatures\t: fp\n" for n in range(4))}
    )
    assert (arm["processor_vcpus"], arm["processor_count"]) == (4, 4)


def test_a_mount_whose_server_is_gone_is_told_without_its_size() -> None:
    text = "/dev/sda1 / ext4 rw 0 1 4096 1000 400 50 20\nnas:/a\\040b /mnt/a\\040b nfs rw 0 0 \nuuid 12-34 /dev/sda1"
    facts: Any = hardware.mounts({"mounts": text})
    root, stale = facts["mounts"]
    assert (root["size_total"], root["size_available"], root["uuid"]) == (4096000, 1638400, "12-34")
    assert (root["block_used"], root["inode_used"]) == (600, 30)
    assert stale["mount"] == "/mnt/a b" and "size_total" not in stale


def test_disks_have_their_partitions() -> None:
    text = (
        "disk sda 41943040 512 0 0 1\nmodel QEMU HARDDISK\nvendor QEMU\npart sda1 2097152 2048\ndisk loop0 0 512 0 1 0"
    )
    facts: Any = hardware.devices({"devices": text})
    assert facts["devices"]["sda"]["size"] == "20.00 GB" and facts["devices"]["sda"]["model"] == "QEMU HARDDISK"
    assert facts["devices"]["sda"]["partitions"]["sda1"]["size"] == "1.00 GB"
    assert facts["devices"]["loop0"]["virtual"] == 1


@pytest.mark.parametrize(
    ("container", "dmi", "kind", "role"),
    [
        ("dockerenv=\nkvm=", "", "docker", "guest"),
        ("cgroup=0::/\ncontainer=lxc", "", "lxc", "guest"),
        ("container=podman", "", "podman", "guest"),
        ("cgroup=0::/init.scope", "sys_vendor=QEMU\nproduct_name=Standard PC", "kvm", "guest"),
        ("", "product_name=VMware7,1\nsys_vendor=VMware, Inc.", "VMware", "guest"),
        ("", "sys_vendor=Microsoft Corporation", "VirtualPC", "guest"),
        ("module=kvm\nmodule=ext4", "sys_vendor=Dell Inc.", "kvm", "host"),
        ("module=virtio", "", "kvm", "guest"),
        ("", "sys_vendor=Dell Inc.", "NA", "NA"),
    ],
)
def test_a_container_or_a_virtual_machine_is_known(container: str, dmi: str, kind: str, role: str) -> None:
    facts = virtual.virtualization({"container": container, "dmi": dmi})
    assert (facts["virtualization_type"], facts["virtualization_role"]) == (kind, role)


def test_selinux_is_disabled_unless_the_kernel_says_otherwise() -> None:
    assert platform.selinux({}) == {"selinux": {"status": "disabled"}}
    text = "mode=1\npolicyvers=33\nSELINUX=enforcing\nSELINUXTYPE=targeted"
    told: Any = platform.selinux({"selinux": text})
    assert told["selinux"] == {
        "status": "enabled",
        "mode": "enforcing",
        "policyvers": 33,
        "config_mode": "enforcing",
        "type": "targeted",
    }


def test_no_section_is_needed_for_the_rest_to_be_told() -> None:
    for collector in COLLECTORS.values():
        assert isinstance(collector.read({}), dict)


def test_a_line_of_a_section_that_looks_like_a_header_is_content() -> None:
    text = "\n== abc env\nA=1\n== xyz user\n\n== abc user\n0\n"
    assert taken_apart(text, "== abc") == {"env": "A=1\n== xyz user", "user": "0"}


@pytest.mark.parametrize(
    ("subset", "parts"),
    [
        (["all"], set(COLLECTORS)),
        (["!all"], set(MINIMAL)),
        (["!hardware"], set(MINIMAL)),
        (["!all", "!min"], set()),
        (["!all", "!min", "distribution"], {"distribution"}),
        (["network"], {*MINIMAL, "network"}),
        (["all", "!hardware"], set(COLLECTORS) - set(HARDWARE)),
        (["!min", "hardware", "!mounts"], set(HARDWARE) - {"mounts"}),
        (["!all,!min,memtotal_mb"], {"memory"}),
    ],
)
def test_gather_subset_means_what_it_means_to_ansible(subset: list[str], parts: set[str]) -> None:
    assert set(chosen(subset)) == parts


def test_a_subset_there_is_not_is_refused_with_the_one_that_was_meant(bench: Bench) -> None:
    with pytest.raises(TaskFailed, match="no facts called 'netwrok'") as failure:
        bench.apply("setup", gather_subset=["netwrok"])
    assert "network" in failure.value.hint


def test_facts_become_variables_by_both_names(bench: Bench) -> None:
    done = bench.settle("setup", gather_subset=["!all", "!min", "platform"])
    facts: Any = done.facts["ansible_facts"]
    assert facts["system"] == done.facts["ansible_system"] == "Linux"
    told: Any = done.data["ansible_facts"]
    assert told["ansible_system"] == "Linux" and told["module_setup"] is True


def test_facts_gathered_before_stay() -> None:
    variables = as_variables({"kernel": "6.1"}, {"ansible_facts": {"kernel": "5.0", "machine": "x86_64"}})
    assert variables == {"ansible_kernel": "6.1", "ansible_facts": {"kernel": "6.1", "machine": "x86_64"}}


@pytest.mark.parametrize("pattern", ["distribution", "ansible_distribution"])
def test_a_filter_fits_names_with_and_without_the_prefix(bench: Bench, pattern: str) -> None:
    told: Any = bench.apply("setup", filter=[pattern]).data["ansible_facts"]
    assert list(told) == ["ansible_distribution"]


def test_fact_files_are_told_whatever_their_form(bench: Bench, target: Path) -> None:
    (target / "json.fact").write_text('{"a": [1, 2]}')
    (target / "sections.fact").write_text("[general]\nrole = db\n")
    (target / "program.fact").write_text('#!/bin/sh\necho \'{"from": "a program"}\'\n')
    (target / "program.fact").chmod(0o755)
    (target / "broken.fact").write_text("nothing of the sort")
    told: Any = bench.apply("setup", filter=["local"], fact_path=str(target)).data["ansible_facts"]
    assert told["ansible_local"]["json"] == {"a": [1, 2]}
    assert told["ansible_local"]["sections"] == {"general": {"role": "db"}}
    assert told["ansible_local"]["program"] == {"from": "a program"}
    assert told["ansible_local"]["broken"].startswith("error loading facts")


def test_the_environment_is_told_as_it_is(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    told: Any = bench.apply("setup", filter=["env"]).data["ansible_facts"]
    assert told["ansible_env"]["HOME"] and "fact_path" not in told["ansible_env"]


def test_every_fact_that_is_promised_is_told_here(bench: Bench) -> None:
    # What depends on the machine: other processors, other distributions, kinds of keys.
    may_lack = {"userspace_architecture", "distribution_minor_version", "machine_id"}
    may_lack |= {name for name in FACTS if name.startswith("ssh_host_key_")}
    facts: Any = bench.apply("setup").facts["ansible_facts"]
    assert set(FACTS) - set(facts) <= may_lack


CHANGING = frozenset(
    "ansible_" + name
    for name in (
        *(
            "date_time",
            "env",
            "loadavg",
            "memfree_mb",
            "memory_mb",
            "uptime_seconds",
            "swapfree_mb",
            "mounts",
            "devices",
        ),
        *("interfaces", "lsb", "local", "default_ipv4", "default_ipv6", "all_ipv4_addresses", "all_ipv6_addresses"),
    )
)


def test_this_machine_is_told_as_ansible_tells_it(bench: Bench) -> None:
    """Equal values of what stands still, and the same keys inside what does not."""
    if ANSIBLE is None:
        pytest.skip("ansible is not in PATH: its facts cannot be compared")
    argv = [ANSIBLE, "localhost", "-c", "local", "-m", "setup", "-e", f"ansible_python_interpreter={sys.executable}"]
    said = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=True, env=ENVIRONMENT).stdout
    theirs = json.loads(said[said.index("{") :])["ansible_facts"]
    ours: Any = bench.apply("setup").data["ansible_facts"]
    theirs["ansible_virtualization_tech_guest"].sort()  # a set to Ansible
    both = (theirs.keys() & ours.keys()) - CHANGING
    if shutil.which("getent") is None:
        both -= {"ansible_fqdn", "ansible_domain"}
    same = {name for name in both if not isinstance(theirs[name], dict) or "device" not in theirs[name]}
    assert {name: ours[name] for name in same} == {name: theirs[name] for name in same}
    assert len(same) > 60
    for name in ("ansible_date_time", "ansible_memory_mb", "ansible_default_ipv4"):
        assert set(ours[name]) == set(theirs[name])
    sizes = [
        {one["mount"]: (set(one), one["size_total"]) for one in facts["ansible_mounts"]} for facts in (ours, theirs)
    ]
    assert sizes[0] == sizes[1]


def test_a_host_that_answers_says_pong(bench: Bench) -> None:
    assert bench.settle("ping").data == {"ping": "pong"}
    assert bench.settle("ping", data="here").data == {"ping": "here"}


def test_a_ping_can_be_made_to_fail(bench: Bench) -> None:
    with pytest.raises(TaskFailed, match="boom"):
        bench.apply("ping", data="crash")
