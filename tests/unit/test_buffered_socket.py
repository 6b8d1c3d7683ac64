"""The socket under an SSH connection reads ahead; whoever reads from it must not notice."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator

import pytest

from runner.hosts.ssh_transport import BufferedSocket


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, BufferedSocket]]:
    """A peer, and the buffered end that hears it."""
    peer, other = socket.socketpair()
    other.settimeout(5)
    with peer, BufferedSocket(other) as buffered:
        assert other.fileno() == -1, "two owners of one connection"
        yield peer, buffered


def test_all_bytes_come_in_order_however_they_are_asked_for(ends: tuple[socket.socket, BufferedSocket]) -> None:
    peer, buffered = ends
    sent = random.Random(1).randbytes(1 << 20)
    sender = threading.Thread(target=lambda: (peer.sendall(sent), peer.shutdown(socket.SHUT_WR)))
    sender.start()
    sizes, heard = random.Random(2), b""
    while data := buffered.recv(sizes.choice([1, 4, 16, 1000, 32768, 100000])):
        heard += data
    sender.join()
    assert heard == sent


def test_no_more_comes_than_was_asked_for(ends: tuple[socket.socket, BufferedSocket]) -> None:
    peer, buffered = ends
    peer.sendall(b"abcdef")
    assert [buffered.recv(4), buffered.recv(4)] == [b"abcd", b"ef"]


def test_what_had_arrived_is_read_before_the_end(ends: tuple[socket.socket, BufferedSocket]) -> None:
    peer, buffered = ends
    peer.sendall(b"last words")
    peer.close()
    assert [buffered.recv(5), buffered.recv(50), buffered.recv(50)] == [b"last ", b"words", b""]


def test_it_waits_no_longer_than_the_socket_it_took_over(ends: tuple[socket.socket, BufferedSocket]) -> None:
    peer, buffered = ends
    assert buffered.gettimeout() == 5
    peer.sendall(b"a")
    assert buffered.recv(10) == b"a"
    buffered.settimeout(0.05)
    with pytest.raises(TimeoutError):
        buffered.recv(10)
