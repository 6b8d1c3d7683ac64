"""Processors, memory, disks and file systems."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from runner.modules.facts.sections import Sections, settings

DMI: Final[Mapping[str, str]] = {
    **{name: name for name in ("bios_date", "bios_vendor", "bios_version", "board_name", "board_serial")},
    **{name: name for name in ("board_vendor", "board_version", "chassis_vendor")},
    **{name: name for name in ("product_name", "product_serial", "product_uuid", "product_version")},
    "system_vendor": "sys_vendor",
}
UNITS: Final = ((1 << 50, "PB"), (1 << 40, "TB"), (1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB"), (1, "Bytes"))


def processors(sections: Sections) -> dict[str, object]:
    first, _, info = sections.get("processors", "").partition("\n")
    blocks = [_block(part) for part in re.split(r"\n\s*\n", info) if "processor" in part]
    described: list[str] = []
    for block in blocks:
        names = (block.get("processor"), block.get("vendor_id"), block.get("model name") or block.get("Processor"))
        described += [name for name in names if name]
    sockets = {block["physical id"]: block for block in blocks if "physical id" in block}
    one = next(iter(sockets.values()), {})
    count = len(sockets) or len(blocks) or 1
    cores = _number(one.get("cpu cores")) or 1
    threads = max(1, (_number(one.get("siblings")) or cores) // cores)
    return {
        "processor": described,
        "processor_count": count,
        "processor_cores": cores,
        "processor_threads_per_core": threads,
        "processor_vcpus": count * cores * threads,
        "processor_nproc": _number(first) or len(blocks),
        "flags": (blocks[0].get("flags") or blocks[0].get("Features") or "").split() if blocks else [],
    }


def memory(sections: Sections) -> dict[str, object]:
    kilobytes = {
        name: _number(value.split()[0]) for name, _, value in _colons(sections.get("memory", "")) if value.split()
    }
    mb = {name: size // 1024 for name, size in kilobytes.items()}
    total, free = mb.get("MemTotal", 0), mb.get("MemFree", 0)
    unused = (kilobytes.get("Cached", 0) + kilobytes.get("MemFree", 0) + kilobytes.get("Buffers", 0)) // 1024
    swap_total, swap_free = mb.get("SwapTotal", 0), mb.get("SwapFree", 0)
    swap = {"total": swap_total, "free": swap_free, "used": swap_total - swap_free, "cached": mb.get("SwapCached", 0)}
    return {
        "memtotal_mb": total,
        "memfree_mb": free,
        "swaptotal_mb": swap_total,
        "swapfree_mb": swap_free,
        "memory_mb": {
            "real": {"total": total, "used": total - free, "free": free},
            "nocache": {"free": unused, "used": total - unused},
            "swap": swap,
        },
    }


def mounts(sections: Sections) -> dict[str, object]:
    lines = [line.split() for line in sections.get("mounts", "").splitlines()]
    uuids = {words[2]: words[1] for words in lines if len(words) == 3 and words[0] == "uuid"}
    return {"mounts": [_mount(words, uuids) for words in lines if len(words) >= 6]}


def devices(sections: Sections) -> dict[str, object]:
    found: dict[str, Any] = {}
    last: dict[str, Any] = {}
    for line in sections.get("devices", "").splitlines():
        word, _, rest = line.partition(" ")
        words = rest.split()
        if word == "disk" and len(words) == 6:
            last = found[words[0]] = _disk(words)
        elif word in ("model", "vendor"):
            last[word] = rest.strip() or None
        elif word == "part" and len(words) == 3:
            sectors = int(words[1])
            about = {"sectors": words[1], "start": words[2], "size": readable(sectors * 512)}
            last["partitions"][words[0]] = {**about, "sectorsize": last["sectorsize"]}
    return {"devices": found}


def dmi(sections: Sections) -> dict[str, object]:
    told = settings(sections.get("dmi", ""))
    return {fact: told.get(name) or "NA" for fact, name in DMI.items()}


def uptime(sections: Sections) -> dict[str, object]:
    first = sections.get("uptime", "").split(".")[0]
    return {"uptime_seconds": int(first)} if first.isdecimal() else {}


def load(sections: Sections) -> dict[str, object]:
    numbers = sections.get("loadavg", "").split()[:3]
    return {"loadavg": dict(zip(("1m", "5m", "15m"), map(float, numbers), strict=False))} if numbers else {}


def readable(size: float) -> str:
    """A size as Ansible writes it: 20.00 GB."""
    unit, name = next(pair for pair in UNITS if size >= pair[0] or pair[0] == 1)
    return f"{size / unit:.2f} {name}"


def _mount(words: list[str], uuids: Mapping[str, str]) -> dict[str, object]:
    device, path, kind, options, dump, passno, *sizes = words
    found: dict[str, object] = {
        "device": device,
        "mount": path.replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\"),
        "fstype": kind,
        "options": options,
        "dump": _number(dump),
        "passno": _number(passno),
        "uuid": uuids.get(device, "N/A"),
    }
    if len(sizes) == 5:
        block, total, available, inodes, free_inodes = map(int, sizes)
        found |= {
            "size_total": block * total,
            "size_available": block * available,
            "block_size": block,
            "block_total": total,
            "block_available": available,
            "block_used": total - available,
            "inode_total": inodes,
            "inode_available": free_inodes,
            "inode_used": inodes - free_inodes,
        }
    return found


def _disk(words: list[str]) -> dict[str, Any]:
    _, sectors, sector, removable, rotational, physical = words
    return {
        "model": None,
        "vendor": None,
        # The kernel counts in 512 bytes, whatever the disk's own sectors are.
        "sectors": int(sectors),
        "sectorsize": sector,
        "size": readable(int(sectors) * 512),
        "removable": removable,
        "rotational": rotational,
        "virtual": 0 if physical == "1" else 1,
        "partitions": {},
    }


def _block(text: str) -> dict[str, str]:
    return {name.strip(): value.strip() for name, _, value in _colons(text)}


def _colons(text: str) -> list[tuple[str, str, str]]:
    return [line.partition(":") for line in text.splitlines()]


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() else 0
