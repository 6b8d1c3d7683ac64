"""Channels that end while others are busy, and new keys in the middle of it: the connection outlives both."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from paramiko import Ed25519Key, Transport
from paramiko.common import cMSG_CHANNEL_DATA
from paramiko.message import Message
from paramiko.packet import Packetizer

from runner.hosts.contract import Host, Script, command
from runner.hosts.ssh_transport import FastTransport, make_transport
from tests.contracts.host_kinds import opened
from tests.support.sshd import SshHost, SshServer

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]


def connected(host: SshHost) -> FastTransport:
    """A transport of its own, logged in."""
    transport = make_transport(socket.create_connection((host.address, host.port), 10))
    transport.start_client(timeout=10)
    transport.auth_publickey(host.user, Ed25519Key.from_private_key_file(str(host.key)))
    return transport


def end_of_data(channel: Any) -> Message:
    with channel.lock:
        found: Message = channel._send_eof()
    return found


def data(channel: Any) -> Message:
    message = Message()
    message.add_byte(cMSG_CHANNEL_DATA)
    message.add_int(channel.remote_chanid)
    message.add_string(b"late")
    return message


@pytest.mark.parametrize("build", [end_of_data, data])
def test_what_was_meant_for_a_channel_that_closed_meanwhile_does_not_end_the_connection(
    sshd: SshServer, build: Callable[[Any], Message]
) -> None:
    transport = connected(sshd.host())
    try:
        channel = transport.open_session(timeout=10)
        channel.exec_command("cat")
        late = build(channel)
        channel.close()
        time.sleep(0.3)
        transport._send_user_message(late)  # what a thread does that was too slow
        other = transport.open_session(timeout=10)
        other.exec_command("echo here")
        assert other.recv(100) == b"here\n"
    finally:
        transport.close()


def test_new_keys_in_the_middle_of_busy_channels_cost_nothing(sshd: SshServer, monkeypatch: pytest.MonkeyPatch) -> None:
    exchanged = count_keys(monkeypatch)
    monkeypatch.setattr(Packetizer, "REKEY_BYTES", 2**21)
    errors: list[BaseException] = []
    with opened(sshd.host()) as host:
        host.query(command("true"))
        over = time.monotonic() + 8
        threads = [
            threading.Thread(target=repeat, args=(work, host, over, errors)) for work in (ask, ask, bring, send, send)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert errors == []
    assert len(exchanged) > 5


def count_keys(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    times: list[float] = []
    real = Transport._parse_newkeys

    def counted(self: Any, message: Any) -> None:
        times.append(time.monotonic())
        real(self, message)

    monkeypatch.setattr(Transport, "_parse_newkeys", counted)
    return times


def repeat(work: Callable[[Host], None], host: Host, over: float, errors: list[BaseException]) -> None:
    try:
        while time.monotonic() < over:
            work(host)
    except BaseException as error:  # noqa: BLE001  the test tells it
        errors.append(error)


def ask(host: Host) -> None:
    host.query(command("true"))


def bring(host: Host) -> None:
    with host.stream(Script("head -c 20000000 /dev/zero")) as stream:
        while stream.stdout.read(1024 * 1024):
            pass
        stream.finish()


def send(host: Host) -> None:
    with host.stream(Script("cat >/dev/null")) as stream:
        for _ in range(10):
            stream.stdin.write(b"x" * 1_000_000)
        stream.stdin.close()
        stream.stdout.read()
        stream.finish()
