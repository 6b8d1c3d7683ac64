"""A port or socket on the controller that leads to a server as its host sees it."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from paramiko import Channel
from paramiko.ssh_exception import SSHException

from runner.hosts.contract import TcpAddress, UnixAddress
from runner.hosts.ssh_liveness import Liveness
from runner.hosts.ssh_transport import FastTransport

_BLOCK: Final = 32768
_OPEN_SECONDS: Final = 30.0


@contextmanager
def forwarded(
    transport: FastTransport, address: TcpAddress | UnixAddress, liveness: Liveness
) -> Iterator[TcpAddress | UnixAddress]:
    """Listens before it yields; every connection gets a channel of its own; all end with the context."""
    with _listening(address) as (listener, local):
        forwarder = _Forwarder(listener, lambda: _open(transport, address), liveness)
        try:
            yield local
        finally:
            forwarder.close()


@contextmanager
def _listening(address: TcpAddress | UnixAddress) -> Iterator[tuple[socket.socket, TcpAddress | UnixAddress]]:
    """Like with like: a Unix socket's file name can matter to the client (libpq makes it from the port)."""
    if isinstance(address, TcpAddress):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            yield listener, TcpAddress(*listener.getsockname())
        return
    with tempfile.TemporaryDirectory(prefix="sentraplay-") as directory:  # 0700
        path = os.path.join(directory, os.path.basename(address.path))  # noqa: PTH118, PTH119 - a path of the host
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(16)
            yield listener, UnixAddress(path)


def _open(transport: FastTransport, address: TcpAddress | UnixAddress) -> Channel:
    if isinstance(address, UnixAddress):
        return transport.open_unix(address.path, _OPEN_SECONDS)
    return transport.open_channel(
        "direct-tcpip", (address.host, address.port), ("127.0.0.1", 0), timeout=int(_OPEN_SECONDS)
    )


class _Forwarder:
    """Accepts connections in one thread; each has two more, one for each direction."""

    def __init__(self, listener: socket.socket, connect: Callable[[], Channel], liveness: Liveness) -> None:
        self._listener = listener
        self._connect = connect
        self._liveness = liveness
        self._lock = threading.Lock()
        self._open: list[tuple[socket.socket, Channel]] = []
        self._closed = False
        self._spawn(self._accept)

    def close(self) -> None:
        """End every connection; none is accepted any more."""
        with self._lock:
            self._closed = True
            pairs, self._open = self._open, []
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for client, channel in pairs:
            _end(client, channel)

    def _spawn(self, work: Callable[..., None], *arguments: object) -> None:
        threading.Thread(target=work, args=arguments, daemon=True, name="ssh forward").start()

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._spawn(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        try:
            channel = self._connect()
        except (SSHException, OSError, EOFError):
            client.close()  # refused there is refused here
            return
        with self._lock:
            if self._closed:
                _end(client, channel)
                return
            self._open.append((client, channel))
        self._spawn(self._to_client, channel, client)
        self._to_host(client, channel)

    def _to_host(self, client: socket.socket, channel: Channel) -> None:
        with contextlib.suppress(OSError, EOFError):
            while data := client.recv(_BLOCK):
                channel.sendall(data)
                self._liveness.heard()
        with contextlib.suppress(OSError, EOFError):
            channel.shutdown_write()

    def _to_client(self, channel: Channel, client: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError):
            while data := channel.recv(_BLOCK):
                self._liveness.heard()
                client.sendall(data)
        # The server has ended the conversation; nothing the client still says would be heard.
        with self._lock, contextlib.suppress(ValueError):
            self._open.remove((client, channel))
        _end(client, channel)


def _end(client: socket.socket, channel: Channel) -> None:
    with contextlib.suppress(OSError):
        client.shutdown(socket.SHUT_RDWR)
    client.close()
    with contextlib.suppress(OSError, EOFError):
        channel.close()
