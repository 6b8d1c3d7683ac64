"""Nothing that is a secret is found in anything written, listed or left, while a service is backed up and recovered."""

from __future__ import annotations

import base64
import contextlib
import json
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support.proxy import Fault
from tests.support.rig import Rig
from tests.support.sshd import SshServer

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

LARGEST = 8 * 1024 * 1024


def forms(secret: str) -> list[bytes]:
    """The ways a careless program writes it."""
    plain = secret.encode()
    shell = secret.replace("'", "'\\''")
    texts = [
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(secret),
        quote(secret, safe=""),
    ]
    return [plain, shell.encode(), base64.b64encode(plain), plain.hex().encode(), *(text.encode() for text in texts)]


class Spy:
    """Looks again and again at everything the hosts' other users could see, and at what those processes hold open."""

    def __init__(self, sshd: SshServer) -> None:
        self._sshd = sshd
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self.seen: dict[str, set[bytes]] = {"argv": set(), "environ": set(), "file": set()}

    @contextmanager
    def watching(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._over.set()
            self._thread.join(timeout=20)

    def _work(self) -> None:
        while not self._over.wait(0.002):
            for pid in self._sshd.sessions():
                with contextlib.suppress(OSError):
                    self._look_at(Path(f"/proc/{pid}"))

    def _look_at(self, process: Path) -> None:
        self.seen["argv"].add((process / "cmdline").read_bytes())
        self.seen["environ"].add((process / "environ").read_bytes())
        for descriptor in (process / "fd").iterdir():
            with contextlib.suppress(OSError):
                status = descriptor.stat()
                if stat.S_ISREG(status.st_mode) and status.st_size < LARGEST:
                    self.seen["file"].add(descriptor.read_bytes())


@pytest.fixture
def told(rig: Rig) -> dict[str, str]:
    """The secrets of a service that is entered as an account with a sudo password, by what they are."""
    account = rig.sshd.account("password")
    role = rig.postgres.create_role(options="SUPERUSER")
    server = rig.postgres.server(role)
    host = rig.sshd.host(0, account.name).variables(
        ansible_host=rig.ssh.host,
        ansible_port=rig.ssh.port,
        host_key=rig.sshd.host_key,
        ansible_become=True,
        ansible_become_password=account.password,
        database_server=server,
    )
    document = json.loads(rig.controller.inventory.read_text())
    groups = document["all"]["children"]["sentrascan"]["children"]
    groups["service"]["hosts"]["old"] = host
    groups["recovery"]["hosts"]["new"] = {**host, "database": rig.copy}
    rig.controller.knows(document)
    return {"database": role.password, "sudo": account.password, "store": rig.store.secret_access_key}


def written(rig: Rig) -> Iterator[tuple[str, bytes]]:
    """Every file of the controller but the inventory, and every one left in the hosts' places for temporary files."""
    for path in rig.controller.directory.rglob("*"):
        if path.is_file() and path != rig.controller.inventory:
            yield str(path), path.read_bytes()
    for place in ("/tmp", "/var/tmp", "/dev/shm", "/run"):
        for left in Path(place).glob("sentraplay-*"):
            if not left.name.startswith(("sentraplay-test", "sentraplay-demo")):
                for path in left.rglob("*"):
                    with contextlib.suppress(OSError):
                        yield str(path), path.read_bytes() if path.is_file() else b""


def test_no_secret_is_seen_anywhere_while_a_service_is_backed_up_and_recovered(rig: Rig, told: dict[str, str]) -> None:
    rows = rig.rows(rig.database)
    spy = Spy(rig.sshd)
    with spy.watching():
        rig.play("backup.yml", "-vv", "--diff")
        rig.play("verify.yml", "-vv")
        rig.lose_files()
        rig.play("dr-restore.yml", "-vv", "--diff")
        rig.play("restore-database.yml", "--output", "json")
    assert rig.rows(rig.copy) == rows

    assert any(b"pg_dump" in argv for argv in spy.seen["argv"]), "it must be able to see"
    assert any(b"pg_restore" in argv for argv in spy.seen["argv"])
    assert any(b"SSH_CONNECTION=" in environ for environ in spy.seen["environ"])
    found = dict(written(rig))
    assert [path for path in found if path.endswith(".sqlite3")]
    everything = [*found.items(), *((kind, text) for kind, texts in spy.seen.items() for text in texts)]
    for what, secret in told.items():
        for form in forms(secret):
            leaks = [(where, text[max(0, text.find(form) - 200) :][:300]) for where, text in everything if form in text]
            assert leaks == [], what


def test_no_secret_is_written_when_everything_goes_wrong(rig: Rig, told: dict[str, str]) -> None:
    """Errors quote what failed; they must not quote this. The journal is read while it is in use, too."""
    rig.play("backup.yml", "-vv")
    rig.postgres.query("postgres", f'ALTER DATABASE "{rig.database}" ALLOW_CONNECTIONS false')
    rig.play("backup.yml", "-vv", code=2)
    rig.ssh.fault = Fault(refuse=True)
    rig.play("dr-restore.yml", "-vv", code=4)
    rig.ssh.fault = Fault()
    rig.s3.close()
    rig.play("dr-restore.yml", "-vv", code=2)
    for what, secret in told.items():
        for form in forms(secret):
            assert [path for path, text in written(rig) if form in text] == [], what
    rig.postgres.query("postgres", f'ALTER DATABASE "{rig.database}" ALLOW_CONNECTIONS true')


def test_the_search_finds_what_is_there(rig: Rig, told: dict[str, str]) -> None:
    (rig.controller.directory / "leak").write_text(f"password: {told['sudo']}\n")
    rig.play("backup.yml", "--check")
    found = [path for path, text in written(rig) if forms(told["sudo"])[0] in text]
    assert found == [str(rig.controller.directory / "leak")]
