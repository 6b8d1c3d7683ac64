"""Interfaces, their addresses, and where packets leave."""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Final

from runner.modules.facts.sections import Sections

LOOPBACK: Final = "772"
INFINIBAND: Final = "32"
UP: Final = 0x1
PROMISCUOUS: Final = 0x100
HEAD: Final = re.compile(r"^\d+:\s+([^:@\s]+)(?:@[^:]*)?:")


def network(sections: Sections) -> dict[str, object]:
    links = _links(sections.get("links", ""))
    _add_addresses(links, sections.get("addresses", ""))
    facts: dict[str, object] = {
        "interfaces": list(links),
        "all_ipv4_addresses": [one["address"] for one in _all(links, "ipv4") if not one["address"].startswith("127.")],
        "all_ipv6_addresses": [one["address"] for one in _all(links, "ipv6") if one["address"] != "::1"],
        "default_ipv4": {},
        "default_ipv6": {},
    }
    for line in sections.get("routes", "").splitlines():
        version, default = _default(line, links)
        if default:
            facts[f"default_{version}"] = default
    return {**facts, **{re.sub("[:-]", "_", name): about for name, about in links.items()}}


def _all(links: dict[str, Any], version: str) -> list[Any]:
    found: list[Any] = []
    for link in links.values():
        one = link.get(version, [])
        found += [one] if isinstance(one, dict) else one
        found += link.get(f"{version}_secondaries", [])
    return found


def _links(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for line in text.splitlines():
        words, _, more = line.partition(" address=")
        name, kind, number, flags, mtu, _state = (*words.split(), "", "", "", "", "", "")[:6]
        if not flags.startswith("0x"):
            continue
        link: dict[str, Any] = {
            "device": name,
            "active": bool(int(flags, 16) & UP),
            "promisc": bool(int(flags, 16) & PROMISCUOUS),
            "type": {LOOPBACK: "loopback", INFINIBAND: "infiniband"}.get(number, kind),
            "mtu": int(mtu),
        }
        found[name] = {**link, **_about(f"address={more}", link["type"])}
    return found


def _about(more: str, kind: str) -> dict[str, object]:
    told = dict(pair.split("=", 1) for pair in more.split() if "=" in pair)
    about: dict[str, object] = {}
    if told.get("address") and kind != "loopback" and told["address"] != "00:00:00:00:00:00":
        about["macaddress"] = told["address"]
    if re.fullmatch(r"-?\d+", told.get("speed", "")):
        about["speed"] = int(told["speed"])
    if told.get("pciid"):
        about["pciid"] = told["pciid"]
    if told.get("driver"):
        about["module"] = told["driver"]
    return about


def _add_addresses(links: dict[str, Any], text: str) -> None:
    link: dict[str, Any] = {}
    for line in text.splitlines():
        head = HEAD.match(line)
        if head:
            link = links.setdefault(head[1], {"device": head[1]})
            continue
        words = line.split()
        if words[:1] == ["inet"]:
            address = _ipv4(words)
            if "ipv4" in link:
                link.setdefault("ipv4_secondaries", []).append(address)
            else:
                link["ipv4"] = address
        elif words[:1] == ["inet6"]:
            link.setdefault("ipv6", []).append(_ipv6(words))


def _ipv4(words: list[str]) -> dict[str, str]:
    interface = ipaddress.ip_interface(words[1])
    return {
        "address": str(interface.ip),
        "netmask": str(interface.network.netmask),
        "network": str(interface.network.network_address),
        "prefix": str(interface.network.prefixlen),
        "broadcast": _after(words, "brd"),
    }


def _ipv6(words: list[str]) -> dict[str, str]:
    address, _, prefix = words[1].partition("/")
    return {"address": address, "prefix": prefix or "128", "scope": _after(words, "scope")}


def _default(route: str, links: dict[str, Any]) -> tuple[str, dict[str, object]]:
    words = route.split()
    address, name = _after(words, "src"), _after(words, "dev")
    if not address or name not in links:
        return "", {}
    version = "ipv6" if ":" in address else "ipv4"
    link = links[name]
    default: dict[str, object] = {"interface": name, "address": address}
    if gateway := _after(words, "via"):
        default["gateway"] = gateway
    default |= {key: link[key] for key in ("macaddress", "mtu", "type") if key in link}
    own: dict[str, str] = next((one for one in _all({name: link}, version) if one["address"] == address), {})
    if version == "ipv4":
        default["alias"] = name
    return version, {**default, **own}


def _after(words: list[str], word: str) -> str:
    return words[words.index(word) + 1] if word in words[:-1] else ""
