"""The one script that gathers facts: named sections of POSIX sh, and their output taken apart again.

Nothing here changes a host. A program that is missing leaves its section empty.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import Final

from runner.hosts.contract import Reader, Script

Sections = Mapping[str, str]
"""What each section wrote; an absent one reads as empty with `get(name, "")`."""

UNAME: Final = "for what in s r v m n; do uname -$what; done"
# The name's address first, then the address's names: what a resolver is asked for a full name.
NAMES: Final = """
name=$(uname -n)
address=$(timeout 5 getent hosts "$name" | { read -r first _; echo "$first"; })
if [ -n "$address" ]; then timeout 5 getent hosts "$address"; else timeout 5 hostname -f; fi
"""
RELEASE: Final = "cat /etc/os-release || cat /usr/lib/os-release"
RELEASES: Final = """
for file in /etc/debian_version /etc/alpine-release /etc/redhat-release; do
  if [ -r "$file" ]; then printf '%s=' "${file##*/}"; head -n 1 "$file"; fi
done
"""
PROGRAMS: Final = """
for path in /usr/bin/apt-get /usr/bin/dnf5 /usr/bin/dnf-3 /usr/bin/dnf /usr/bin/microdnf /usr/bin/yum \\
  /sbin/apk /usr/bin/apk /usr/bin/zypper /usr/bin/pacman /usr/sbin/pacman /sbin/openrc; do
  if [ -x "$path" ]; then echo "$path"; fi
done
readlink /usr/bin/dnf | sed 's/^/dnf is /'
"""
INIT: Final = """
cat /proc/1/comm
for path in /run/systemd/system /dev/.run/systemd /dev/.systemd; do
  if [ -e "$path" ]; then echo systemd runs; fi
done
if [ -x /sbin/openrc ]; then echo openrc is there; fi
case $(readlink /sbin/init) in *systemd) echo systemd is installed;; esac
if [ -d /etc/init.d ]; then echo init scripts are there; fi
"""
USER: Final = """
id -u; id -g; id -ru; id -rg; id -un
name=$(id -un)
getent passwd "$name" || grep "^$name:" /etc/passwd
"""
TIME: Final = """
now=$(date +%s)
echo "$now $(date +%N)"
for moment in "$now" "$((now + 15768000))"; do date -d "@$moment" '+%z %Z'; done
"""
MEMORY: Final = "cat /proc/meminfo"
PROCESSORS: Final = "nproc; cat /proc/cpuinfo"
ROUTES: Final = "ip -4 route get 8.8.8.8; ip -6 route get 2404:6800:400a:800::1012"
LINKS: Final = """
for path in /sys/class/net/*; do
  if [ ! -e "$path/type" ]; then continue; fi
  kind=ether
  if [ -d "$path/bridge" ]; then kind=bridge; elif [ -d "$path/bonding" ]; then kind=bonding; fi
  driver=$(readlink "$path/device/driver"); bus=$(readlink "$path/device")
  echo "${path##*/} $kind $(cat "$path/type") $(cat "$path/flags") $(cat "$path/mtu") $(cat "$path/operstate")" \\
    "address=$(cat "$path/address") speed=$(cat "$path/speed") pciid=${bus##*/} driver=${driver##*/}"
done
"""
# A file system whose server is gone would hang whoever asks for its size.
MOUNTS: Final = """
while read -r device path kind options dump pass; do
  case $device in /* | *:/*) ;; *) continue;; esac
  printf '%s %s %s %s %s %s ' "$device" "$path" "$kind" "$options" "$dump" "$pass"
  timeout "$gather_timeout" stat -f -c '%S %b %a %c %d' "$(printf '%b' "$path")" || echo
done < /proc/mounts
for link in /dev/disk/by-uuid/*; do
  if [ -e "$link" ]; then echo "uuid ${link##*/} $(readlink -f "$link")"; fi
done
"""
DEVICES: Final = """
for path in /sys/block/*; do
  if [ ! -e "$path/size" ]; then continue; fi
  physical=0; if [ -e "$path/device" ]; then physical=1; fi
  echo "disk ${path##*/} $(cat "$path/size") $(cat "$path/queue/hw_sector_size") $(cat "$path/removable")" \\
    "$(cat "$path/queue/rotational") $physical"
  for word in model vendor; do
    if [ -r "$path/device/$word" ]; then echo "$word $(cat "$path/device/$word")"; fi
  done
  for part in "$path/${path##*/}"*; do
    if [ -e "$part/partition" ]; then echo "part ${part##*/} $(cat "$part/size") $(cat "$part/start")"; fi
  done
done
"""
DMI: Final = """
for name in bios_date bios_vendor bios_version board_name board_serial board_vendor board_version chassis_vendor \\
  product_family product_name product_serial product_uuid product_version sys_vendor; do
  file=/sys/devices/virtual/dmi/id/$name
  if [ -r "$file" ]; then echo "$name=$(cat "$file")"; fi
done
"""
CONTAINER: Final = """
sed 's/^/cgroup=/' /proc/1/cgroup
tr '\\0' '\\n' < /proc/1/environ | grep '^container='
if [ -e /run/systemd/container ]; then echo "systemd=$(cat /run/systemd/container)"; fi
if [ -e /.dockerenv ] || [ -e /.dockerinit ]; then echo dockerenv=; fi
if [ -e /proc/xen ]; then echo "xen=$(cat /proc/xen/capabilities)"; fi
if [ -e /dev/kvm ]; then echo kvm=; fi
sed 's/ .*//; s/^/module=/' /proc/modules
"""
SELINUX: Final = """
if [ -d /sys/fs/selinux ] && [ -e /sys/fs/selinux/enforce ]; then
  echo "mode=$(cat /sys/fs/selinux/enforce)"
  echo "policyvers=$(cat /sys/fs/selinux/policyvers)"
  grep '^SELINUX' /etc/selinux/config
fi
"""
LSB: Final = "if command -v lsb_release >/dev/null; then lsb_release -a; else sed 's/^/file /' /etc/lsb-release; fi"
KEYS: Final = """
for kind in dsa rsa ecdsa ed25519; do
  for directory in /etc/ssh /etc/openssh /etc; do
    file=$directory/ssh_host_${kind}_key.pub
    if [ -r "$file" ]; then echo "$kind $(cat "$file")"; break; fi
  done
done
"""
# A fact file that may be executed is a program that tells facts.
LOCAL: Final = """
for file in "$fact_path"/*.fact; do
  if [ ! -f "$file" ]; then continue; fi
  name=${file##*/}
  printf '\\n%s local\\n' "$mark ${name%.fact}"
  if [ -x "$file" ]; then timeout "$gather_timeout" "$file"; else cat "$file"; fi
done
"""

SCRIPTS: Final[Mapping[str, str]] = {
    "uname": UNAME,
    "names": NAMES,
    "release": RELEASE,
    "releases": RELEASES,
    "programs": PROGRAMS,
    "init": INIT,
    "user": USER,
    "time": TIME,
    "memory": MEMORY,
    "processors": PROCESSORS,
    "routes": ROUTES,
    "addresses": "ip addr show",
    "links": LINKS,
    "mounts": MOUNTS,
    "devices": DEVICES,
    "dmi": DMI,
    "container": CONTAINER,
    "selinux": SELINUX,
    "apparmor": "if [ -e /sys/kernel/security/apparmor ]; then echo enabled; else echo disabled; fi",
    "lsb": LSB,
    "keys": KEYS,
    "env": "env -0",
    "bits": "getconf LONG_BIT",
    "cmdline": "cat /proc/cmdline",
    "machine_id": "cat /var/lib/dbus/machine-id || cat /etc/machine-id",
    "dns": "cat /etc/resolv.conf",
    "fips": "cat /proc/sys/crypto/fips_enabled",
    "uptime": "cat /proc/uptime",
    "loadavg": "cat /proc/loadavg",
    "chroot": "stat -L -c '%i %d' / /proc/1/root/.",
    "local": LOCAL,
}


def ask_all(reader: Reader, names: Iterable[str], fact_path: str, gather_timeout: int) -> Sections:
    """The output of the named sections, in one round trip."""
    mark = f"== {secrets.token_hex(8)}"
    # The environment first: it is to be told as it is, without the language the other programs are asked in.
    ordered = sorted(names, key=lambda name: name != "env")
    parts = [_part(name) for name in ordered]
    text = (
        "mark=$1 fact_path=$2 gather_timeout=$3\n"
        + "LC_ALL=C; export LC_ALL\n".join(("".join(parts[:1]), "".join(parts[1:])))
        + "true\n"
    )
    return taken_apart(reader.query(Script(text, (mark, fact_path, str(gather_timeout)))).stdout, mark)


def _part(name: str) -> str:
    return f"printf '\\n%s %s\\n' \"$mark\" {name}\n{{ {SCRIPTS[name]}\n}} 2>/dev/null </dev/null\n"


def taken_apart(output: str, mark: str) -> dict[str, str]:
    """The sections of the script's output, each without its header and the newlines around it."""
    found: dict[str, str] = {}
    for part in f"\n{output}".split(f"\n{mark} ")[1:]:
        name, _, text = part.partition("\n")
        found[name] = text.strip("\n")
    return found


def settings(text: str) -> dict[str, str]:
    """Lines of NAME=value, quotes taken off."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and not name.lstrip().startswith("#"):
            found.setdefault(name.strip(), value.strip().strip("\"'"))
    return found
