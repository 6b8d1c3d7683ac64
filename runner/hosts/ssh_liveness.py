"""Noticing that the other side is gone."""

from __future__ import annotations

import threading
import time
from typing import Final

from paramiko.ssh_exception import SSHException

from runner.hosts.ssh_transport import FastTransport

_KEEPALIVE: Final = "keepalive@openssh.com"


class Liveness:
    """Knows whether the peer still answers. Cuts the link after `dead_after` seconds of silence.

    Keepalives of TCP and of paramiko alone never notice a peer that is gone, because nobody waits for their answer.
    Anything heard in the meantime counts as an answer: on a slow link the answer itself queues behind data.
    """

    def __init__(self, transport: FastTransport, dead_after: float) -> None:
        self._transport = transport
        self._dead_after = dead_after
        self._heard = time.monotonic()
        self._ended = threading.Event()
        self._lost = ""
        threading.Thread(target=self._watch, daemon=True, name="ssh liveness").start()

    def heard(self) -> None:
        """Something moved on the link just now."""
        self._heard = time.monotonic()

    @property
    def lost(self) -> str:
        """Why the link is gone; empty while it is there."""
        if self._lost:
            return self._lost
        if not self._transport.is_active():
            error = self._transport.saved_exception
            return str(error) if error else "the host closed the connection"
        return ""

    def end(self) -> None:
        """Stop watching."""
        self._ended.set()

    def _watch(self) -> None:
        while not self._ended.wait(self._dead_after / 3) and self._transport.is_active():
            if time.monotonic() - self._heard < self._dead_after / 3:
                continue
            answered = threading.Event()
            threading.Thread(target=self._ask, args=(answered,), daemon=True, name="ssh keepalive").start()
            self._await(answered)

    def _ask(self, answered: threading.Event) -> None:
        try:
            self._transport.global_request(_KEEPALIVE, wait=True)
        except (OSError, EOFError, SSHException):
            return
        self.heard()
        answered.set()

    def _await(self, answered: threading.Event) -> None:
        while not answered.wait(0.2 if self._dead_after < 5 else 1.0):
            if self._ended.is_set() or not self._transport.is_active():
                return
            if time.monotonic() - self._heard > self._dead_after:
                self._lost = f"the host has said nothing for {self._dead_after:.0f} s"
                self._transport.cut()
                return
