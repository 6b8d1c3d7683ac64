"""A host fetches a large object from a store by itself, several ranges at a time; this process signs and orders.

Each range is tried alone, again from the first byte that is missing, with a new address each time, so that none
is ever used near its end.
"""

from __future__ import annotations

import queue
import threading
from contextlib import ExitStack, suppress
from datetime import timedelta
from typing import Final

from runner.backup.curl import configuration
from runner.backup.ranges import lane
from runner.backup.watching import Moved
from runner.errors import ObjectNotFound, RepositoryError
from runner.frozen import frozen
from runner.hosts.contract import Host, Script, Stream
from runner.repositories.contract import Presigning, StoredObject

LANES: Final = 4
SMALLEST: Final = 16 * 1024 * 1024
"""Bytes of the smallest range; an object that has not two of them is fetched in one piece."""
_LARGEST: Final = 256 * 1024 * 1024
_ROUNDS: Final = 4
_LIFETIME: Final = timedelta(minutes=15)
_TRIES_WITHOUT_A_BYTE: Final = 6
_TRIES_IF_FORBIDDEN: Final = 3
_LONGEST_PAUSE: Final = 15.0
_WRITE_ERROR: Final = 23
_TOO_LARGE: Final = 63

_EMPTY: Final = Script('umask 077; : >"$1"')


class NoRanges(Exception):
    """The store gives whole objects only."""


@frozen
class _Answer:
    """What became of an order: curl's status, the bytes that were written, and what curl said."""

    status: int
    size: int
    said: str


def is_worth_it(expected: StoredObject) -> bool:
    """Whether an object is large enough to be fetched in ranges."""
    return expected.size >= 2 * SMALLEST


def fetch_in_ranges(
    repository: Presigning, expected: StoredObject, host: Host, path: str, progress: Moved, *, lanes: int = LANES
) -> None:
    """Fetch the object into the file `path` on the host, which is emptied first.

    Proves the size only. RepositoryError after six tries in a row that brought nothing of a range;
    ObjectNotFound; NoRanges if the store cannot give a part of an object.
    """
    host.run(Script(_EMPTY.text, (path,)))
    try:
        _Fetching(repository, expected, host, progress).run(path, lanes)
    except NoRanges:
        host.run(Script(_EMPTY.text, (path,)))
        raise


def sizes(whole: int, lanes: int = LANES) -> list[tuple[int, int]]:
    """The ranges of an object of `whole` bytes, first and last byte each: enough of them that lanes end together."""
    size = min(max(-(-whole // (lanes * _ROUNDS)), SMALLEST), _LARGEST)
    return [(first, min(first + size, whole) - 1) for first in range(0, whole, size)]


class _Fetching:
    """One object on its way. The first lane that fails ends all of them."""

    def __init__(self, repository: Presigning, expected: StoredObject, host: Host, progress: Moved) -> None:
        self._repository = repository
        self._expected = expected
        self._host = host
        self._progress = progress
        self._waiting: queue.SimpleQueue[tuple[int, int]] = queue.SimpleQueue()
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._arrived = 0
        self._ended: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()

    def run(self, path: str, lanes: int) -> None:
        ranges = sizes(self._expected.size, lanes)
        for each in ranges:
            self._waiting.put(each)
        threads: list[threading.Thread] = []
        try:
            with ExitStack() as stack:
                for _ in range(min(lanes, len(ranges))):
                    stream = stack.enter_context(self._host.stream(lane(path)))
                    threads.append(threading.Thread(target=self._work, args=(stream,), name="ranges", daemon=True))
                    threads[-1].start()
                for _ in threads:
                    if error := self._ended.get():
                        raise error
        finally:
            # Whoever still waits for its curl hears of it by the end of its stream.
            self._over.set()
            for thread in threads:
                thread.join(timeout=30)

    def _work(self, stream: Stream) -> None:
        try:
            with suppress(queue.Empty):
                while not self._over.is_set():
                    self._bring(stream, *self._waiting.get_nowait())
            stream.stdin.close()
            stream.finish()
            self._ended.put(None)
        except BaseException as error:  # noqa: BLE001  `run` raises it
            self._ended.put(error)

    def _bring(self, stream: Stream, first: int, last: int) -> None:
        tries = 0
        while first <= last and not self._over.is_set():
            answer = self._ask(stream, first, last)
            first += answer.size
            self._note(answer.size)
            if first > last:
                return
            tries = 0 if answer.size else tries + 1
            self._judge(answer, tries, last - first + 1)
            self._over.wait(min(0.2 * 2**tries, _LONGEST_PAUSE))

    def _ask(self, stream: Stream, first: int, last: int) -> _Answer:
        address = self._repository.address_to_get(self._expected.key, _LIFETIME)
        with suppress(OSError):
            stream.stdin.write(f"fetch {first} {last}\n{configuration(address)}\n".encode())
            stream.stdin.flush()
        words = stream.stdout.readline().decode("utf-8", "replace").split(maxsplit=3)
        if len(words) < 3:
            stream.finish()
            raise RepositoryError("the host stopped fetching", where=self._host.name, hint="run again")
        size = int(words[2])
        if not 0 <= size <= last - first + 1:
            raise NoRanges
        return _Answer(int(words[1]), size, words[3].strip() if len(words) > 3 else "")

    def _note(self, size: int) -> None:
        with self._lock:
            self._arrived += size
            self._progress(self._arrived, self._expected.size)

    def _judge(self, answer: _Answer, tries: int, missing: int) -> None:
        """Raise if another try can bring nothing."""
        key, name = self._expected.key, self._host.name
        if answer.status == _TOO_LARGE:
            raise NoRanges
        if answer.status == _WRITE_ERROR:
            raise RepositoryError(
                f"{key} cannot be written on {name}",
                where=name,
                why=answer.said,
                hint=f"free space on {name} and run again",
            )
        if answer.said.endswith("error: 404"):
            raise ObjectNotFound(f"there is no object {key}", where=name)
        forbidden = answer.said.endswith("error: 403") and tries >= _TRIES_IF_FORBIDDEN
        if forbidden or tries >= _TRIES_WITHOUT_A_BYTE:
            raise RepositoryError(
                f"{name} could not fetch {key}: {missing} bytes of a range did not come",
                where=name,
                why=answer.said,
                hint="check the network between the host and the store, and their clocks, and run again",
            )
