"""Who a host is and who logs in: keys, passwords, names, and what is said where they are wrong."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.hosts.contract import command
from runner.secret import Secret
from tests.contracts.host_kinds import opened, refused
from tests.support.accounts import Account
from tests.support.sshd import PASSPHRASE, SshServer, make_key, public_key

pytestmark = pytest.mark.live


def test_an_unknown_host_is_refused_and_the_error_shows_its_key(sshd: SshServer, tmp_path: Path) -> None:
    error = refused(sshd.host(), known_hosts_file=tmp_path / "none")
    assert "is not known" in error.message
    assert sshd.host_key in error.hint
    assert not (tmp_path / "none").exists()


def test_a_changed_key_is_refused_in_every_mode(sshd: SshServer, tmp_path: Path) -> None:
    host, other = sshd.host(), public_key(make_key(tmp_path / "other"))
    known = tmp_path / "known_hosts"
    known.write_text(f"[{host.address}]:{host.port} {other}\n")
    for mode in ("strict", "accept-new"):
        error = refused(host, known_hosts_file=known, host_key_checking=mode)
        assert "is not the one that is known" in error.message
    assert "is not the one" in refused(host, host_key=other).message
    assert host.host_key not in known.read_text()


def test_a_pinned_key_needs_no_known_hosts(sshd: SshServer, tmp_path: Path) -> None:
    with opened(sshd.host(), host_key=sshd.host_key, known_hosts_file=tmp_path / "none") as host:
        assert host.run(command("echo", "in")).stdout == "in\n"


def test_a_pinned_key_that_is_no_key_is_said_to_be_none(sshd: SshServer) -> None:
    assert "is not a public key" in refused(sshd.host(), host_key="ssh-ed25519 garbage").message


def test_accept_new_trusts_once_and_writes_it_down(sshd: SshServer, tmp_path: Path) -> None:
    known = tmp_path / "sub" / "known_hosts"
    with opened(sshd.host(), known_hosts_file=known, host_key_checking="accept-new") as host:
        assert host.run(command("true")).ok
    assert sshd.host_key in known.read_text()
    with opened(sshd.host(), known_hosts_file=known) as host:
        assert host.run(command("true")).ok


def test_hashed_and_wildcard_names_and_revoked_keys_are_understood(sshd: SshServer, tmp_path: Path) -> None:
    host, known = sshd.host(), tmp_path / "known_hosts"
    known.write_text(f"[{host.address}]:{host.port} {host.host_key}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(known)], check=True, capture_output=True)
    assert host.address not in known.read_text()
    with opened(host, known_hosts_file=known) as reached:
        assert reached.run(command("true")).ok
    known.write_text(f"[127.0.0.*]:{host.port} {host.host_key}\n")
    with opened(host, known_hosts_file=known) as reached:
        assert reached.run(command("true")).ok
    with known.open("a") as more:
        more.write(f"@revoked * {host.host_key}\n")
    assert "has been revoked" in refused(host, known_hosts_file=known).message


def test_ssh_config_cannot_switch_checking_off(sshd: SshServer, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("Host *\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n")
    error = refused(sshd.host(), ssh_config_file=config, known_hosts_file=tmp_path / "none")
    assert "is not known" in error.message


def test_ssh_config_names_hosts_users_ports_and_keys(sshd: SshServer, tmp_path: Path) -> None:
    host, config = sshd.host(), tmp_path / "config"
    config.write_text(
        f"Host alias\n  HostName {host.address}\n  Port {host.port}\n  User {host.user}\n"
        f"  IdentityFile {host.key}\n  UserKnownHostsFile {host.known_hosts}\n"
    )
    plain = {"port": None, "user": None, "private_key_file": None, "known_hosts_file": None}
    with opened(host, address="alias", ssh_config_file=config, **plain) as reached:
        assert reached.run(command("echo", "in")).stdout == "in\n"


@pytest.mark.parametrize("said_in", ["inventory", "ssh_config"])
def test_a_gateway_must_be_known_too(
    sshd: SshServer, own_sshd: Callable[..., SshServer], tmp_path: Path, said_in: str
) -> None:
    gateway = own_sshd(["127.0.0.51"])
    gateway.authorize(sshd.host().user, gateway.keys.good, sshd.keys.good)
    jump = f"{gateway.host().user}@127.0.0.51:{gateway.port}"
    config = tmp_path / "config"
    config.write_text(f"Host 127.0.0.11\n  ProxyJump {jump}\n" if said_in == "ssh_config" else "")
    said = {"ssh_config_file": config} | ({"proxy_jump": jump} if said_in == "inventory" else {})
    error = refused(sshd.host(), **said)
    assert "127.0.0.51" in error.message
    assert "is not known" in error.message
    both = tmp_path / "known_hosts"
    both.write_text(sshd.known_hosts.read_text() + gateway.known_hosts.read_text())
    with opened(sshd.host(), known_hosts_file=both, **said) as host:
        assert host.run(command("echo", "through")).stdout == "through\n"
        assert len(gateway.sessions()) > 0


def test_nothing_listens(sshd: SshServer) -> None:
    error = refused(sshd.host(), port=1)
    assert "nothing listens at 127.0.0.11:1" in error.message
    assert "ansible_port" in error.hint


def test_a_name_that_does_not_resolve(sshd: SshServer) -> None:
    assert "cannot be resolved" in refused(sshd.host(), address="no-such-host.invalid").message


def test_a_key_nobody_authorized(sshd: SshServer) -> None:
    error = refused(sshd.host(), private_key_file=sshd.keys.stranger)
    assert "does not let" in error.message
    assert "authorized_keys" in error.hint


def test_a_locked_key_and_its_passphrase(sshd: SshServer) -> None:
    host = sshd.host()
    assert "locked by a passphrase" in refused(host, private_key_file=sshd.keys.locked).message
    wrong = refused(host, private_key_file=sshd.keys.locked, private_key_passphrase=Secret("wrong"))
    assert "passphrase does not open it" in wrong.message
    right = {"private_key_file": sshd.keys.locked, "private_key_passphrase": Secret(PASSPHRASE)}
    with opened(host, **right) as reached:
        assert reached.run(command("true")).ok


def test_a_key_file_that_is_missing_or_none(sshd: SshServer, tmp_path: Path) -> None:
    assert "No such file" in refused(sshd.host(), private_key_file=tmp_path / "none").message
    (tmp_path / "text").write_text("hello")
    assert "cannot be used" in refused(sshd.host(), private_key_file=tmp_path / "text").message


def test_passwords(sshd: SshServer, no_sudo: Account) -> None:
    host = sshd.host(0, no_sudo.name)
    with opened(host, private_key_file=None, password=Secret(no_sudo.password)) as reached:
        assert reached.run(command("id", "-un")).stdout == f"{no_sudo.name}\n"
    error = refused(host, private_key_file=None, password=Secret("wrong-password"))
    assert "does not let" in error.message
    assert "wrong-password" not in repr(error)
