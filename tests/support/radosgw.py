"""S3 by Ceph's object gateway: a cluster of one monitor, one OSD in memory and one gateway, on loopback.

Another implementation than moto, written by others: what holds against both is S3's and not one program's. It takes a
dozen seconds to start and packages nobody else needs, so SENTRAPLAY_S3=radosgw asks for it.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final

from runner.demo.keeper import Keeper
from tests.support.objectstore import ObjectStore
from tests.support.workplace import Workplace, answers, free_port, wait_until

REGION: Final = "default"
"""What a gateway calls the zone group it makes for itself."""

_CONFIGURATION: Final = """\
[global]
fsid = {fsid}
mon host = v2:127.0.0.1:{monitor}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind port min = 13500
ms bind port max = 14500
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd crush chooseleaf type = 0
mon allow pool size one = true
run dir = {directory}
admin socket = {directory}/$name.$pid.asok
log file = {directory}/$name.log
pid file =
mon data = {directory}/mon
osd data = {directory}/osd
osd objectstore = memstore
memstore device bytes = 12G
keyring = {directory}/keyring
rgw frontends = beast endpoint=127.0.0.1:{port}
rgw lc debug interval = -1
"""


@dataclass(slots=True)
class RadosGateway(ObjectStore):
    """See ObjectStore: `stop` and `start` give an empty store here too."""

    # Both tried with 16.2: InvalidArgument for AES256, and AccessDenied for every object.
    encrypts: ClassVar[bool] = False
    writable_when_private: ClassVar[bool] = False

    _keepers: list[Keeper] = field(default_factory=list)
    _cluster: Path | None = None

    @property
    def log(self) -> str:
        return "\n".join(path.read_text(errors="replace") for path in sorted((self._cluster or Path()).glob("*.log")))

    def start(self) -> None:
        self._cluster = directory = self.directory / uuid.uuid4().hex
        for place in (directory, directory / "mon", directory / "osd"):
            place.mkdir()
        where = {"fsid": uuid.uuid4(), "monitor": free_port(), "port": self.port, "directory": directory}
        (directory / "ceph.conf").write_text(_CONFIGURATION.format(**where))
        self._make_keys()
        address = f"[v2:127.0.0.1:{where['monitor']}]"
        self._do("monmaptool", "--create", "--addv", "a", address, "--fsid", str(where["fsid"]), str(directory / "map"))
        self._do("ceph-mon", "-i", "a", "--mkfs", "--monmap", str(directory / "map"))
        self._keep("ceph-mon", "-i", "a")
        self._do("ceph", "--connect-timeout", "60", "osd", "create", str(where["fsid"]))
        self._do("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", str(where["fsid"]))
        self._keep("ceph-osd", "-i", "0")
        self._keep("radosgw", "-n", "client.admin")
        keys = (f"--access-key={self.access_key_id}", f"--secret-key={self.secret_access_key}")
        self._do("radosgw-admin", "user", "create", "--uid=tests", "--display-name=tests", *keys)
        wait_until("the object gateway", lambda: answers("127.0.0.1", self.port), 120)

    def stop(self) -> None:
        while self._keepers:
            self._keepers.pop().stop()

    def _make_keys(self) -> None:
        everything = ("--cap", "mon", "allow *", "--cap", "osd", "allow *")
        keyring = str(self._in("keyring"))
        self._do("ceph-authtool", "--create-keyring", keyring, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
        self._do("ceph-authtool", keyring, "--gen-key", "-n", "client.admin", *everything)
        self._do("ceph-authtool", keyring, "--gen-key", "-n", "osd.0", *everything)

    def _in(self, name: str) -> Path:
        assert self._cluster is not None
        return self._cluster / name

    def _keep(self, program: str, *arguments: str) -> None:
        argv = [program, "-c", str(self._in("ceph.conf")), "-f", *arguments]
        self._keepers.append(Keeper(argv, log=self._in(f"{program}.out.log"), env=_environment(), grace=2))

    def _do(self, program: str, *arguments: str) -> None:
        env = {**_environment(), "CEPH_CONF": str(self._in("ceph.conf"))}
        done = subprocess.run([program, *arguments], env=env, capture_output=True, text=True, timeout=180, check=False)
        if done.returncode:
            raise OSError(f"{program} ended with {done.returncode}:\n{done.stdout}{done.stderr}\n{self.log[-4000:]}")


def _environment() -> dict[str, str]:
    return {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8"}


def start_radosgw(workplace: Workplace) -> RadosGateway:
    """A new endpoint with a cluster of its own, stopped by `stop()` or with the tests."""
    access_key_id = f"AKIA{secrets.token_hex(8).upper()}"
    directory = workplace.directory("rgw")
    store = RadosGateway(directory, free_port(), access_key_id, secrets.token_urlsafe(30), REGION)
    store.start()
    return store
