"""A TCP proxy that breaks links to the byte."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from dataclasses import dataclass, field
from typing import Final, Literal

# An upper bound for everything a test forgot: no thread of a proxy waits longer than this on a silent peer.
LONGEST_SILENCE: Final = 600.0
CHUNK: Final = 65536

Way = Literal["up", "down"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to a connection; byte counts are per connection, up is from client to target.

    `cut_up`/`cut_down`: exactly that many bytes pass, then both sides are closed (`reset`: by RST).
    `stall_up`/`stall_down`: exactly that many pass, then neither side hears anything any more while both stay open.
    `delay`: seconds each chunk waits. `refuse`: closed at once. `times`: how many new connections it hits (None: all).
    """

    cut_up: int | None = None
    cut_down: int | None = None
    stall_up: int | None = None
    stall_down: int | None = None
    delay: float = 0.0
    refuse: bool = False
    reset: bool = True
    times: int | None = None

    def limit(self, way: Way) -> tuple[int | None, bool]:
        """How many bytes pass that way, and whether the link is cut (else stalled) there."""
        cut, stall = (self.cut_up, self.stall_up) if way == "up" else (self.cut_down, self.stall_down)
        return (cut, True) if cut is not None else (stall, False)


@dataclass(slots=True)
class Link:
    """One connection through the proxy."""

    client: socket.socket
    target: socket.socket
    fault: Fault
    passed: dict[Way, int] = field(default_factory=lambda: {"up": 0, "down": 0})

    def close(self, *, reset: bool) -> None:
        """Close both sides; with RST if `reset`."""
        for side in (self.client, self.target):
            with contextlib.suppress(OSError):
                if reset:
                    side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                # Wakes the thread that waits in recv; close alone would not. With RST it is close that must send.
                side.shutdown(socket.SHUT_RD)
            with contextlib.suppress(OSError):
                side.close()


class FaultProxy:
    """Listens on a port of `listen` and forwards to `target`; a context manager.

    With a network's gateway as `listen` it also lets machines reach what is on the tests' loopback.

    `fault` (settable at any time) applies to connections made from then on; `stall_now`, `cut_now` and
    `go_on` act on those that exist. `connections`, `bytes_up` and `bytes_down` count.
    """

    def __init__(self, target: tuple[str, int], fault: Fault | None = None, listen: str = "127.0.0.1") -> None:
        self._target = target
        self._fault = fault or Fault()
        self._hits = 0
        self._lock = threading.Lock()
        self._flowing = threading.Event()
        self._flowing.set()
        self._closed = threading.Event()
        self._links: list[Link] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server((listen, 0))
        self.host, self.port = self._listener.getsockname()
        self.url = f"http://{self.host}:{self.port}"
        self._spawn(self._accept)

    @property
    def fault(self) -> Fault:
        return self._fault

    @fault.setter
    def fault(self, fault: Fault) -> None:
        with self._lock:
            self._fault, self._hits = fault, 0

    @property
    def connections(self) -> int:
        """How many connections were accepted so far."""
        return len(self._links)

    @property
    def bytes_up(self) -> int:
        """Bytes passed on from clients to the target, over all connections."""
        return sum(link.passed["up"] for link in self._links)

    @property
    def bytes_down(self) -> int:
        """Bytes passed on from the target to clients, over all connections."""
        return sum(link.passed["down"] for link in self._links)

    def cut_now(self, *, reset: bool = True) -> None:
        """Close every existing connection."""
        for link in list(self._links):
            link.close(reset=reset)

    def stall_now(self) -> None:
        """From now on nothing passes, in either direction, on any connection; all stay open."""
        self._flowing.clear()

    def go_on(self) -> None:
        """Ends `stall_now`."""
        self._flowing.set()

    def close(self) -> None:
        """Stop listening, close every connection, end every thread."""
        self._closed.set()
        self._flowing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut_now(reset=False)
        for thread in list(self._threads):
            thread.join(timeout=10)

    def __enter__(self) -> FaultProxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _spawn(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True, name="fault-proxy")  # type: ignore[arg-type]  # any callable
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._spawn(self._serve, client)

    def _next_fault(self) -> Fault:
        with self._lock:
            self._hits += 1
            spent = self._fault.times is not None and self._hits > self._fault.times
            return Fault() if spent else self._fault

    def _serve(self, client: socket.socket) -> None:
        fault = self._next_fault()
        try:
            target = socket.create_connection(self._target, timeout=10)
        except OSError:
            client.close()
            return
        link = Link(client, target, fault)
        for side in (client, target):
            side.settimeout(LONGEST_SILENCE)
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._links.append(link)
        if fault.refuse or self._closed.is_set():
            link.close(reset=fault.reset)
            return
        self._spawn(self._pump, link, "down", target, client)
        self._pump(link, "up", client, target)

    def _pump(self, link: Link, way: Way, source: socket.socket, sink: socket.socket) -> None:
        limit, cut = link.fault.limit(way)
        with contextlib.suppress(OSError):
            while limit is None or link.passed[way] < limit:
                chunk = source.recv(CHUNK if limit is None else min(CHUNK, limit - link.passed[way]))
                self._closed.wait(link.fault.delay)
                self._flowing.wait(LONGEST_SILENCE)
                if not chunk:
                    sink.shutdown(socket.SHUT_WR)
                    return
                sink.sendall(chunk)
                link.passed[way] += len(chunk)
            if not cut:
                self._closed.wait(LONGEST_SILENCE)
        link.close(reset=cut and link.fault.reset)
