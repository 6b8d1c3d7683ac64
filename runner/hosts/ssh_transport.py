"""Paramiko's transport, set up for many small messages, and with what it lacks."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from paramiko import Channel, Transport
from paramiko.common import cMSG_CHANNEL_OPEN
from paramiko.message import Message

# Measured, client CPU: 4.3 ms for a connection with curve25519, 37 and more with the groups.
_KEX: Final = ("curve25519-sha256@libssh.org", "ecdh-sha2-nistp256")
_CIPHERS: Final = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr")
_IDLE_CHECK: Final = 1.0
_BLOCK: Final = 65536
# Window, data, errors, end of data, requests and their answers (RFC 4254, 9).
_OF_OPEN_CHANNELS: Final = frozenset({93, 94, 95, 96, 98, 99, 100})


def make_transport(sock: Any, disabled_algorithms: Mapping[str, list[str]] | None = None, **gss: Any) -> FastTransport:
    """A transport over a connected socket (or a gateway's channel), fast algorithms first.

    `gss` is what paramiko 4 says of GSS-API, and 5 does not any more.
    """
    if isinstance(sock, socket.socket):
        sock = BufferedSocket(sock)
    transport = FastTransport(sock, disabled_algorithms=disabled_algorithms, **gss)
    # Paramiko looks ten times a second whether it was told to end; here its socket is shut down then.
    sock.settimeout(_IDLE_CHECK)
    options = transport.get_security_options()
    options.kex = _first(_KEX, options.kex)
    options.ciphers = _first(_CIPHERS, options.ciphers)
    return transport


def _first(preferred: Sequence[str], offered: Sequence[str]) -> tuple[str, ...]:
    known = tuple(name for name in preferred if name in offered)
    return known + tuple(name for name in offered if name not in known)


class BufferedSocket(socket.socket):
    """Takes over a socket, and asks the system once for all that has arrived.

    Paramiko asks for each packet twice, and gives other threads a turn each time: whoever waits for the end of a
    command was woken for each of its two outputs instead of once for both.
    """

    def __init__(self, sock: socket.socket) -> None:
        timeout = sock.gettimeout()
        super().__init__(fileno=sock.detach())
        self.settimeout(timeout)
        self._arrived = b""

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """See socket."""
        data = self._arrived or super().recv(_BLOCK, flags)
        self._arrived = data[size:]
        return data[:size]


class FastTransport(Transport):
    """A transport that can reach Unix sockets, tell a silent peer, and be cut.

    It also sends nothing that would make OpenSSH end the whole connection, and answers while keys are exchanged.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._answers: list[Message] = []

    def _send_message(self, data: Message) -> None:
        # Paramiko builds a message under the channel's lock and sends it without: when the peer closes meanwhile, the
        # answer to that goes first, and OpenSSH ends the connection for data of a channel it has forgotten (measured).
        # Whoever sends for a channel holds one lock here, so what is looked at stays true until it is sent.
        with data.packet.getbuffer() as view:
            late = view[0] in _OF_OPEN_CHANNELS and not self._is_open(int.from_bytes(view[1:5], "big"))
        if not late:
            inner: Any = super()
            inner._send_message(data)

    def _is_open(self, peers_number: int) -> bool:
        inner: Any = self
        channels = inner._channels.values()
        return any(one.remote_chanid == peers_number and one.active and not one.closed for one in channels)

    def _send_user_message(self, data: Message) -> None:
        # The thread that reads must not wait for new keys: it alone can bring them.
        if threading.current_thread() is self and not self.clear_to_send.is_set():
            self._answers.append(data)
            return
        inner: Any = super()
        inner._send_user_message(data)

    def _parse_newkeys(self, message: Message) -> None:
        inner: Any = super()
        inner._parse_newkeys(message)
        answers, self._answers = self._answers, []
        for one in answers:
            self._send_user_message(one)

    def open_unix(self, path: str, timeout: float) -> Channel:
        """A channel to a Unix socket on the host (direct-streamlocal@openssh.com, OpenSSH PROTOCOL 2.4).

        Paramiko's open_channel writes the fields of a few kinds only; this is what it does, with the
        fields of this one. Raises what open_channel raises.
        """
        inner: Any = self  # what follows is not public, which is why the version of paramiko is bounded
        with self.lock:
            number = inner._next_channel()
            window = inner._sanitize_window_size(None)
            packet = inner._sanitize_packet_size(None)
            channel: Any = Channel(number)
            inner._channels.put(number, channel)
            inner.channel_events[number] = opened = threading.Event()
            inner.channels_seen[number] = True
            channel._set_transport(self)
            channel._set_window(window, packet)
        message = Message()
        message.add_byte(cMSG_CHANNEL_OPEN)
        message.add_string("direct-streamlocal@openssh.com")
        for value in (number, window, packet):
            message.add_int(value)
        message.add_string(path)
        message.add_string("")  # reserved
        message.add_int(0)  # reserved
        inner._send_user_message(message)
        self._await_channel(opened, time.monotonic() + timeout)
        made: Channel | None = inner._channels.get(number)
        if made is None:
            raise self.get_exception() or ConnectionError("the channel was refused")
        return made

    def _await_channel(self, opened: threading.Event, deadline: float) -> None:
        while not opened.wait(0.1):
            if not self.is_active() or time.monotonic() > deadline:
                raise self.get_exception() or TimeoutError("the channel did not open in time")

    def cut(self) -> None:
        """End the link at once, whatever state it is in: everybody waiting on it wakes up."""
        # Shut down, not closed: the thread that reads would meet a number that may be another file by then.
        with contextlib.suppress(OSError):
            if isinstance(self.sock, socket.socket):
                self.sock.shutdown(socket.SHUT_RDWR)
            else:
                self.sock.close()
