"""Which real components this machine can offer, and what happens to a test that needs one that is missing.

A missing component skips its tests with the reason in pytest's summary; if the environment variable
SENTRAPLAY_REQUIRE names it (comma separated), they fail instead.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

import pytest

from tests.support import ansible
from tests.support.postgres import find_programs

REQUIRE: Final = "SENTRAPLAY_REQUIRE"


def require(name: str) -> None:
    """Go on if the component is there; otherwise skip, or fail where the environment says it may not be missing."""
    missing = why_missing(name)
    if missing is None:
        return
    reason = f"{name} is missing: {missing}"
    if name in required():
        pytest.fail(f"{reason}; {REQUIRE} names it, so it may not be", pytrace=False)
    pytest.skip(reason)


def required() -> frozenset[str]:
    """The components that may not be missing. A name nobody knows is an error."""
    names = frozenset(name.strip() for name in os.environ.get(REQUIRE, "").split(",") if name.strip())
    if unknown := names - PROBES.keys():
        raise pytest.UsageError(
            f"{REQUIRE} names unknown components: {', '.join(sorted(unknown))}; known: {', '.join(PROBES)}"
        )
    return names


@cache
def why_missing(name: str) -> str | None:
    """None if the component can be used here, else why not."""
    return PROBES[name]()


def _programs(*names: str) -> str | None:
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    missing = [name for name in names if shutil.which(name, path=path) is None]
    return f"no {', '.join(missing)} (tests/run as root installs it)" if missing else None


def _ansible() -> str | None:
    return None if ansible.is_there() else "ansible-core is not installed (pip install '.[conformance]')"


def _root() -> str | None:
    return None if os.geteuid() == 0 else "the tests do not run as root"


def _ssh() -> str | None:
    return _programs("sshd", "ssh", "ssh-keygen")


def _postgresql() -> str | None:
    return None if find_programs() else "no /usr/lib/postgresql/*/bin/initdb (tests/run as root installs it)"


def _pgbackrest() -> str | None:
    return _programs("pgbackrest")


def _gcs() -> str | None:
    for module in ("google.cloud.storage", "gcp_storage_emulator"):
        try:
            importlib.import_module(module)
        except ImportError:
            return f"the Python package {module} is not installed (pip install -e '.[test]')"
    return None


def _s3() -> str | None:
    for module in ("moto", "flask", "boto3"):
        if importlib.util.find_spec(module) is None:
            return f"the Python package {module} is not installed (pip install -e '.[test]')"
    return _programs("curl")


def by_radosgw() -> bool:
    """Whether the environment asks for Ceph's gateway as the S3 store."""
    return os.environ.get("SENTRAPLAY_S3", "moto") == "radosgw"


def _radosgw() -> str | None:
    return _programs("radosgw", "radosgw-admin", "ceph", "ceph-mon", "ceph-osd", "monmaptool", "curl")


def _users() -> str | None:
    return _root() or _programs("useradd", "userdel", "chpasswd", "sudo")


def _tmpfs() -> str | None:
    probe = ["unshare", "--mount", "mount", "-t", "tmpfs", "-o", "size=1m", "probe", "/mnt"]
    return _root() or _programs("mount", "unshare") or _tried(probe, "mounting is not allowed")


def _docker() -> str | None:
    missing = _root() or _programs("dockerd", "containerd", "docker", "docker-compose", "debootstrap", "ip", "unshare")
    if missing is not None:
        return missing
    spaces = ["unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--fork"]
    refused = _tried([*spaces, "ip", "link", "add", "probe0", "type", "bridge"], "namespaces are not allowed")
    return refused or _built()


def _systemd() -> str | None:
    from tests.support.machine import unified_control_groups

    return _docker() or (None if unified_control_groups() else "no control groups of version 2 are mounted")


def _built() -> str | None:
    from tests.support.trees import CannotBuildError, prepare_trees

    try:
        prepare_trees()
    except CannotBuildError as error:
        return str(error)
    return None


def _tried(argv: list[str], otherwise: str) -> str | None:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    return None if done.returncode == 0 else f"{otherwise}: {done.stderr.strip()}"


PROBES: Final[Mapping[str, Callable[[], str | None]]] = {
    "ssh": _ssh,
    "postgresql": _postgresql,
    "pgbackrest": _pgbackrest,
    "s3": _s3,
    "radosgw": _radosgw,
    "gcs": _gcs,
    "root": _root,
    "users": _users,
    "tmpfs": _tmpfs,
    "docker": _docker,
    "systemd": _systemd,
    "ansible": _ansible,
}
