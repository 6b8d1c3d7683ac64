"""Nothing that is started outlives its starter, whichever way that ends.

A keeper is a small process of its own that runs one program (or none) and watches the pipe to the
process that started it. When it is told to stop, or when that process is gone (finished, failed, Ctrl-C,
SIGKILL: the pipe closes in every case), it ends the program WITH ALL ITS DESCENDANTS, daemons that
changed session and parent included (it is their subreaper), and then undoes what was registered:
users deleted, mounts taken off, directories removed, last registered first.

The client side is `Keeper`; run as a program, this file is the keeper itself.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

PR_SET_CHILD_SUBREAPER: Final = 36
UNDO_ATTEMPTS: Final = 6


class Keeper:
    """One kept program, or only a list of things to undo.

    `argv` is started as `user` (by name, with its group; only root can), with `env` exactly as given
    and its output in the file `log`. `stop_signal` asks it to end; after `grace` seconds it is killed.
    """

    def __init__(
        self,
        argv: Sequence[str] = (),
        *,
        log: Path = Path(os.devnull),
        user: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path = Path("/"),
        stop_signal: signal.Signals = signal.SIGTERM,
        grace: float = 5.0,
    ) -> None:
        order = {
            "argv": list(argv),
            "log": str(log),
            "user": user,
            "env": dict(os.environ if env is None else env),
            "cwd": str(cwd),
            "stop_signal": int(stop_signal),
            "grace": grace,
        }
        self.grace = grace
        self._undo_names = 0
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )
        self._say(order)
        self.pid = self._hear()

    def undo_with(self, *argv: str) -> int:
        """Run `argv` when everything ends; the number returned is for `forget`."""
        self._undo_names += 1
        self._say({"undo": self._undo_names, "argv": list(argv)})
        return self._undo_names

    def forget(self, undo: int) -> None:
        """The thing registered under `undo` has been undone already."""
        self._say({"forget": undo})

    def alive(self) -> bool:
        """Whether the program itself (not its descendants) still runs."""
        return is_running(self.pid)

    def stop(self) -> None:
        """End the program and all its descendants, then undo everything. Returns when that is done."""
        if self._process.poll() is None and self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
            self._process.wait(timeout=self.grace + 60)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _say(self, message: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        with self._lock:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()

    def _hear(self) -> int:
        assert self._process.stdout is not None
        answer = json.loads(self._process.stdout.readline() or '{"error": "the keeper died at once"}')
        if "error" in answer:
            self.stop()
            raise OSError(answer["error"])
        return int(answer["pid"])


def is_running(pid: int) -> bool:
    """Whether the process exists and is more than a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except (OSError, IndexError):
        return False


def descendants(root: int) -> list[int]:
    """The living processes whose chain of parents leads to `root`, nearest first."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):  # noqa: PTH208  (runs every few milliseconds while ending)
        with contextlib.suppress(OSError, ValueError, IndexError):
            state, parent = Path(f"/proc/{int(entry)}/stat").read_text().rpartition(")")[2].split()[:2]
            if state not in {"Z", "X"}:
                children.setdefault(int(parent), []).append(int(entry))
    found, queue = [], [root]
    while queue:
        below = children.get(queue.pop(0), [])
        found += below
        queue += below
    return found


def end_descendants(seconds: float = 10.0) -> None:
    """SIGKILL all descendants of this process until none is left, and take their exit status.

    Left unreaped, they would be zombies with their parent gone, and a PostgreSQL that finds its
    predecessor's process id in use refuses to start.
    """
    deadline = time.monotonic() + seconds
    while _reap() and time.monotonic() < deadline:
        for pid in descendants(os.getpid()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def _reap() -> bool:
    """Take the exit status of every child that has ended; whether children are left."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _start(order: Mapping[str, Any]) -> int:
    if not order["argv"]:
        return os.getpid()
    groups: Mapping[str, Any] = {}
    if order["user"]:
        import grp
        import pwd

        account = pwd.getpwnam(order["user"])
        extra = [group.gr_gid for group in grp.getgrall() if order["user"] in group.gr_mem]
        groups = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": extra}
    with Path(order["log"]).open("ab") as log:
        return subprocess.Popen(
            order["argv"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=order["env"],
            cwd=order["cwd"],
            start_new_session=True,
            **groups,
        ).pid


def _listen(commands: int, woken: int) -> dict[int, list[str]]:
    """Register and forget until the pipe closes; reap meanwhile. Returns what is to be undone."""
    undo: dict[int, list[str]] = {}
    rest = b""
    while True:
        ready, _, _ = select.select([commands, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _reap()
        if commands not in ready:
            continue
        chunk = os.read(commands, 65536)
        if not chunk:
            return undo
        *lines, rest = (rest + chunk).split(b"\n")
        for message in map(json.loads, lines):
            if "undo" in message:
                undo[message["undo"]] = message["argv"]
            else:
                undo.pop(message["forget"], None)


def _end(child: int, stop_signal: int, grace: float) -> None:
    deadline = time.monotonic() + grace
    if child != os.getpid() and is_running(child):
        os.kill(child, stop_signal)
        while is_running(child) and time.monotonic() < deadline:
            _reap()
            time.sleep(0.02)
    end_descendants()


def _undo(argv: Sequence[str]) -> None:
    for attempt in range(UNDO_ATTEMPTS):
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False, timeout=60)
        if done.returncode == 0:
            return
        # Another keeper may still be ending what holds this mount, user or directory.
        time.sleep(0.2 * 2**attempt)


def _answer(message: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def _serve() -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")
    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(ignored, signal.SIG_IGN)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    first = b""
    while not first.endswith(b"\n"):
        first += os.read(0, 1)
    order = json.loads(first)
    try:
        child = _start(order)
    except (OSError, KeyError) as error:
        _answer({"error": f"cannot start {order['argv']}: {error}"})
        return
    # From here on: Popen has finished its own waiting for the exec, so reaping everything is safe.
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    _answer({"pid": child})
    undo = _listen(0, woken)
    _end(child, order["stop_signal"], order["grace"])
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for name in sorted(undo, reverse=True):
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            _undo(undo[name])


if __name__ == "__main__":
    _serve()
