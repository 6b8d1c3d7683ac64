"""The kernel, the names, the user, the time and other things every host has."""

from __future__ import annotations

import configparser
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from runner.modules.facts.sections import Sections, settings

SELINUX_MODES: Final[Mapping[str, str]] = {"0": "permissive", "1": "enforcing"}


def platform(sections: Sections) -> dict[str, object]:
    system, kernel, version, machine, node = (*sections.get("uname", "").splitlines(), *[""] * 5)[:5]
    full = full_name(sections.get("names", ""), node)
    bits = sections.get("bits", "") or ("64" if "64" in machine else "32")
    facts: dict[str, object] = {
        "system": system,
        "kernel": kernel,
        "kernel_version": version,
        "machine": machine,
        "architecture": "i386" if machine in ("i486", "i586", "i686") else machine,
        "nodename": node,
        "hostname": node.split(".")[0],
        "fqdn": full,
        "domain": full.partition(".")[2],
        "userspace_bits": bits,
    }
    if machine in ("x86_64", "i386", "i486", "i586", "i686"):
        facts["userspace_architecture"] = "x86_64" if bits == "64" else "i386"
    if sections.get("machine_id"):
        facts["machine_id"] = sections["machine_id"].splitlines()[0]
    return facts


def full_name(answer: str, node: str) -> str:
    """Of the names of the host's address the first with a dot, else the first; the host's own name if there is none."""
    names = [word for line in answer.splitlines() for word in line.split() if not _is_address(word)]
    return next((name for name in names if "." in name), names[0] if names else node)


def _is_address(word: str) -> bool:
    return ":" in word or all(part.isdecimal() for part in word.split("."))


def user(sections: Sections) -> dict[str, object]:
    uid, gid, real_uid, real_gid, name, *entry = (*sections.get("user", "").splitlines(), *[""] * 5)
    fields = (entry[0] if entry else "").split(":")
    facts: dict[str, object] = {
        "user_id": name,
        "effective_user_id": _number(uid),
        "effective_group_id": _number(gid),
        "real_user_id": _number(real_uid),
        "real_group_id": _number(real_gid),
    }
    if len(fields) == 7:
        facts |= {
            "user_uid": _number(fields[2]),
            "user_gid": _number(fields[3]),
            "user_gecos": fields[4],
            "user_dir": fields[5],
            "user_shell": fields[6],
        }
    return facts


def date_time(sections: Sections) -> dict[str, object]:
    lines = sections.get("time", "").splitlines()
    if len(lines) < 3:
        return {}
    seconds, _, nanoseconds = lines[0].partition(" ")
    micro = int(nanoseconds[:6]) if nanoseconds.isdecimal() else 0
    zones = [line.partition(" ") for line in lines[1:3]]
    offset, name = zones[0][0], zones[0][2]
    moment = datetime.fromtimestamp(int(seconds), UTC).replace(microsecond=micro)
    local = moment.astimezone(timezone(_offset(offset)))
    return {
        "date_time": {
            "date": f"{local:%Y-%m-%d}",
            "year": f"{local:%Y}",
            "month": f"{local:%m}",
            "day": f"{local:%d}",
            "weekday": f"{local:%A}",
            "weekday_number": f"{local:%w}",
            "weeknumber": f"{local:%W}",
            "hour": f"{local:%H}",
            "minute": f"{local:%M}",
            "second": f"{local:%S}",
            "time": f"{local:%H:%M:%S}",
            "epoch": seconds,
            "epoch_int": seconds,
            "iso8601": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
            "iso8601_micro": f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}",
            "iso8601_basic": f"{local:%Y%m%dT%H%M%S%f}",
            "iso8601_basic_short": f"{local:%Y%m%dT%H%M%S}",
            "tz": name,
            # Summer time is that of the two with the greater offset from UTC.
            "tz_dst": max(zones, key=lambda zone: _offset(zone[0]))[2],
            "tz_offset": offset,
        }
    }


def environment(sections: Sections) -> dict[str, object]:
    pairs = (entry.partition("=") for entry in sections.get("env", "").split("\0"))
    return {"env": {name: value for name, equals, value in pairs if equals}}


def selinux(sections: Sections) -> dict[str, object]:
    told = settings(sections.get("selinux", ""))
    if "mode" not in told:
        return {"selinux": {"status": "disabled"}}
    return {
        "selinux": {
            "status": "enabled",
            "mode": SELINUX_MODES.get(told["mode"], "unknown"),
            "policyvers": _number(told.get("policyvers", "")) or "unknown",
            "config_mode": told.get("SELINUX", "unknown"),
            "type": told.get("SELINUXTYPE", "unknown"),
        }
    }


def command_line(sections: Sections) -> dict[str, object]:
    once: dict[str, object] = {}
    several: dict[str, object] = {}
    for word in sections.get("cmdline", "").split():
        name, equals, value = word.partition("=")
        new: object = value if equals else True
        once[name] = new
        before = several.get(name)
        if not equals or before is None:
            several[name] = new
        else:
            several[name] = [*(before if isinstance(before, list) else [before]), new]
    return {"cmdline": once, "proc_cmdline": several}


def resolver(sections: Sections) -> dict[str, object]:
    told: dict[str, object] = {}
    for line in sections.get("dns", "").splitlines():
        word, *values = line.split() or ("",)
        if word == "nameserver":
            before = told.get("nameservers", [])
            told["nameservers"] = [*(before if isinstance(before, list) else []), *values]
        elif word in ("search", "sortlist"):
            told[word] = values
        elif word == "domain" and values:
            told["domain"] = values[0]
        elif word == "options":
            pairs = (value.partition(":") for value in values)
            told["options"] = {name: given if colon else True for name, colon, given in pairs}
    return {"dns": told}


def host_keys(sections: Sections) -> dict[str, object]:
    facts: dict[str, object] = {}
    for line in sections.get("keys", "").splitlines():
        kind, form, key, *_ = (*line.split(), "", "", "")
        facts[f"ssh_host_key_{kind}_public"] = key
        facts[f"ssh_host_key_{kind}_public_keytype"] = form
    return facts


def local_facts(sections: Sections) -> dict[str, object]:
    """Those of the fact files on the host: JSON, or sections of settings; what is neither is told as an error."""
    files = {name.removesuffix(" local"): text for name, text in sections.items() if name.endswith(" local")}
    return {"local": {name: _fact_file(text) for name, text in files.items()}}


def _fact_file(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        parser = configparser.ConfigParser()
    try:
        parser.read_string(text)
    except configparser.Error as error:
        return f"error loading facts as JSON or ini: {error.message}"
    return {section: dict(parser.items(section, raw=True)) for section in parser.sections()}


def _offset(text: str) -> timedelta:
    sign = -1 if text.startswith("-") else 1
    digits = text.lstrip("+-").rjust(4, "0")
    return sign * timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0
