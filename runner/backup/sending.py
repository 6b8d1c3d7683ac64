"""A target sends a stream to an object store by itself, in parts; this process only signs and counts.

Complete only if every member of the producer ended with 0, the parts add up to the whole, and the
store holds each as it was measured. Anything else aborts the upload.
"""

from __future__ import annotations

import io
import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import replace
from typing import Final

from runner.backup.curl import configuration
from runner.backup.parts import cutter, lane, workspace
from runner.backup.watching import Moved
from runner.errors import RepositoryError, SentraPlayError
from runner.frozen import frozen
from runner.hosts.contract import Command, Host, Script, Stream
from runner.repositories.contract import Part, Presigning, SentPart, StoredObject, Upload
from runner.repositories.receiving import fill

LANES: Final = 3
_TRIES: Final = 6
_TRIES_IF_FORBIDDEN: Final = 3
_LONGEST_PAUSE: Final = 15.0


@frozen
class _End:
    """What the cutter saw of the whole stream; `md5` only where parts go in order."""

    parts: int
    size: int
    sha256: str
    md5: str


@frozen
class _Answer:
    """What a lane's curl was told."""

    http: str
    status: str
    etag: str
    code: str
    said: str


_News = Part | _End | SentPart | BaseException | None


def send(
    host: Host,
    producer: Sequence[Command | Script],
    repository: Presigning,
    key: str,
    *,
    stdin: bytes,
    progress: Moved,
    lanes: int = LANES,
) -> StoredObject:
    """Store what `producer` writes under `key`. Raises CommandFailed or RepositoryError; then nothing is stored."""
    upload = repository.begin(key)
    try:
        lanes = 1 if repository.in_order else lanes
        # One more is cut while the others are sent; in order, one waits to be known as the last or not.
        count = lanes + (2 if repository.in_order else 1)
        sizes = [repository.part_size(number) for number in range(1, count + 1)]
        with workspace(host, sum(sizes)) as directory:
            sent, end = _Sending(host, directory, upload, repository, lanes, progress).run(producer, stdin, sizes)
        upload.complete(sent, end.md5)
    except BaseException:
        # What keeps the upload from being aborted now does not keep a later sweep from it.
        with suppress(SentraPlayError):
            upload.abort()
        raise
    return StoredObject(key, end.size, end.sha256)


class _Sending:
    """One stream on its way. Threads only move news into one queue; everything is decided in `run`."""

    def __init__(
        self, host: Host, directory: str, upload: Upload, repository: Presigning, lanes: int, progress: Moved
    ) -> None:
        self._host = host
        self._directory = directory
        self._upload = upload
        self._repository = repository
        self._most_lanes = lanes
        self._progress = progress
        self._news: queue.SimpleQueue[_News] = queue.SimpleQueue()
        self._waiting: queue.SimpleQueue[Part | None] = queue.SimpleQueue()
        self._over = threading.Event()
        self._order = _Order(whole=repository.in_order)
        self._giving = threading.Lock()

    def run(
        self, producer: Sequence[Command | Script], stdin: bytes, sizes: Sequence[int]
    ) -> tuple[list[SentPart], _End]:
        threads: list[threading.Thread] = []
        self._sizes_given = len(sizes)
        cutting = cutter(producer, self._directory, sizes, md5_too=self._repository.in_order)
        try:
            with ExitStack() as stack:
                stream = stack.enter_context(self._host.stream(cutting))
                fill(stream, io.BytesIO(stdin))
                threads.append(_start(self._read_cutter, stream))
                sent, end = self._collect(stream, stack, threads)
                stream.finish()
                self._dismiss(threads)
        finally:
            self._over.set()
            self._dismiss(threads)
        _check(sent, end)
        return sent, end

    def _collect(
        self, stream: Stream, stack: ExitStack, threads: list[threading.Thread]
    ) -> tuple[list[SentPart], _End]:
        sent: list[SentPart] = []
        announced = 0
        end: _End | None = None
        while end is None or len(sent) < end.parts:
            news = self._news.get()
            if isinstance(news, BaseException):
                raise news
            if news is None:
                # The cutter ended without its last line: finish() says which member failed and how.
                return sent, end or _End(-1, -1, "", "")
            if isinstance(news, Part):
                announced += 1
                if len(threads) - 1 < min(self._most_lanes, announced - len(sent)):
                    threads.append(_start(self._work, stack.enter_context(self._lane())))
                self._pass_on(self._order.add(news))
            elif isinstance(news, SentPart):
                sent.append(news)
                self._progress(sum(one.part.size for one in sent), None)
            else:
                end = news
                if self._repository.in_order:
                    # With its last part an object sent in order is there: not before all is known to be well.
                    stream.finish()
                self._pass_on(self._order.end(end.parts))
        return sent, end

    def _pass_on(self, parts: Sequence[Part]) -> None:
        for part in parts:
            self._waiting.put(part)

    def _dismiss(self, threads: Sequence[threading.Thread]) -> None:
        for _ in threads:
            self._waiting.put(None)
        for thread in threads:
            thread.join(timeout=30)

    def _lane(self) -> AbstractContextManager[Stream]:
        return self._host.stream(lane(self._directory))

    def _read_cutter(self, stream: Stream) -> None:
        try:
            end: _End | None = None
            while line := stream.stdout.readline():
                news = _understood(line.decode().split())
                if isinstance(news, _End):
                    end = news
                else:
                    self._news.put(news)
            self._news.put(end)
        except BaseException as error:  # noqa: BLE001  `run` raises it
            self._news.put(error)

    def _work(self, stream: Stream) -> None:
        try:
            while (part := self._waiting.get()) is not None and not self._over.is_set():
                self._news.put(self._send(stream, part))
            if part is None and not self._over.is_set():
                stream.finish()
        except BaseException as error:  # noqa: BLE001  the thread hands every error to `run`, which raises it
            self._news.put(error)

    def _send(self, stream: Stream, part: Part) -> SentPart:
        for attempt in range(1, _TRIES + 1):
            # A new address each time: the last one may have expired meanwhile.
            orders = f"send {part.number}\n{configuration(self._upload.sign(part))}\n"
            answer = _ask(stream, orders)
            sent = SentPart(part, answer.etag)
            # In order the store itself says what it has, also of a part whose reply was lost.
            if (self._repository.in_order or answer.http.startswith("2")) and self._upload.holds(sent):
                return self._sent(stream, sent)
            if _hopeless(answer, attempt) or self._over.wait(min(0.25 * 2**attempt, _LONGEST_PAUSE)):
                break
        raise _refused(part, answer, self._host.name)

    def _sent(self, stream: Stream, sent: SentPart) -> SentPart:
        with self._giving:
            self._sizes_given += 1
            size = self._repository.part_size(self._sizes_given)
        _tell(stream, f"free {sent.part.number} {size}\n")
        return sent


class _Order:
    """Which parts may be sent: each at once, or (`whole`) in order, when it is known whether it is the last."""

    def __init__(self, *, whole: bool) -> None:
        self._whole = whole
        self._held: dict[int, Part] = {}
        self._next = 1

    def add(self, part: Part) -> Sequence[Part]:
        """Hashes are taken side by side, so that parts are announced in any order."""
        if not self._whole:
            return [part]
        self._held[part.number] = part
        return self._ready(0)

    def end(self, count: int) -> Sequence[Part]:
        """There are so many."""
        return self._ready(count)

    def _ready(self, count: int) -> Sequence[Part]:
        ready = []
        while self._next in self._held and (self._next == count or self._next + 1 in self._held):
            part = self._held.pop(self._next)
            ready.append(replace(part, last=part.number == count))
            self._next += 1
        return ready


def _start(work: Callable[[Stream], None], stream: Stream) -> threading.Thread:
    thread = threading.Thread(target=work, args=(stream,), name="parts", daemon=True)
    thread.start()
    return thread


def _understood(words: list[str]) -> Part | _End:
    if words[0] == "part":
        return Part(int(words[1]), int(words[2]), words[3], words[4])
    return _End(int(words[1]), int(words[2]), words[3], words[4])


def _tell(stream: Stream, orders: str) -> None:
    stream.stdin.write(orders.encode())
    stream.stdin.flush()


def _ask(stream: Stream, orders: str) -> _Answer:
    with suppress(OSError):
        _tell(stream, orders)
    words = stream.stdout.readline().decode("utf-8", "replace").split(maxsplit=6)
    if len(words) < 6:
        stream.finish()
        raise RepositoryError(message="the target stopped sending parts")
    return _Answer(words[2], words[3], words[4], words[5], words[6].strip() if len(words) > 6 else "")


def _hopeless(answer: _Answer, attempt: int) -> bool:
    if answer.code in {"NoSuchUpload", "NoSuchBucket", "EntityTooLarge"}:
        return True
    return answer.http == "403" and attempt >= _TRIES_IF_FORBIDDEN


def _refused(part: Part, answer: _Answer, host_name: str) -> RepositoryError:
    if answer.http.startswith("2"):
        what = "arrived damaged, again and again"
    elif answer.http == "000":
        what = f"could not be sent: {answer.said or 'no answer'}"
    else:
        what = f"was refused: {answer.http} {answer.code.strip('-')}".rstrip()
    return RepositoryError(
        message=f"part {part.number} {what}",
        where=host_name,
        hint="check the network between the host and the store, and the clock of the store; nothing was kept",
    )


def _check(sent: Sequence[SentPart], end: _End) -> None:
    if sum(one.part.size for one in sent) != end.size or len(sent) != end.parts:
        raise RepositoryError(
            message="the parts that were sent do not add up to the whole", hint="run again; nothing was kept"
        )
