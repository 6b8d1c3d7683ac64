"""A private network for machines: one bridge, reached from the tests, with no way out."""

from __future__ import annotations

import itertools
import subprocess
from dataclasses import dataclass, field
from random import SystemRandom
from typing import Final

from tests.support.workplace import Workplace

# 198.18.0.0/15 is set aside for testing networks (RFC 2544): nobody's office or provider is there.
SUBNETS: Final = tuple(f"198.{half}.{number}" for half in (18, 19) for number in range(1, 255))


@dataclass(slots=True)
class Network:
    """`gateway` is the tests' own address in it: what listens there, or on 0.0.0.0, is reached from every machine."""

    bridge: str
    subnet: str
    workplace: Workplace
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(11))

    @property
    def gateway(self) -> str:
        return f"{self.subnet}.1"

    def next_address(self) -> str:
        """An address nobody has yet."""
        return f"{self.subnet}.{next(self._numbers)}"

    def plug_in(self, pid: int, address: str) -> None:
        """Give the network namespace of process `pid` an interface with `address`; it goes with the namespace."""
        outside = f"{self.bridge}.{address.rpartition('.')[2]}"
        _run("ip", "link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns", str(pid))
        _run("ip", "link", "set", outside, "master", self.bridge, "up")
        inside = ("nsenter", "--target", str(pid), "--net")
        _run(*inside, "ip", "address", "add", f"{address}/24", "dev", "eth0")
        _run(*inside, "ip", "link", "set", "eth0", "up")
        _run(*inside, "ip", "route", "add", "default", "via", self.gateway)


def create_network(workplace: Workplace) -> Network:
    """A bridge on a subnet no other test process has; removed with the workplace. Needs root."""
    for subnet in SystemRandom().sample(SUBNETS, 20):
        half, number = subnet.split(".")[1:]
        bridge = f"sp{half}-{number}"
        # The name is the claim on the subnet: adding a second one of that name fails.
        added = subprocess.run(["ip", "link", "add", bridge, "type", "bridge"], capture_output=True, check=False)
        if added.returncode == 0:
            workplace.undo_with("ip", "link", "delete", bridge)
            _run("ip", "address", "add", f"{subnet}.1/24", "dev", bridge)
            _run("ip", "link", "set", bridge, "up")
            return Network(bridge, subnet, workplace)
    raise OSError(f"no bridge could be made: {added.stderr.decode().strip()}")


def _run(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(argv)}: {done.stderr.strip()}")
