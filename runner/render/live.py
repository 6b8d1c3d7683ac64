"""The story on a terminal, above a live area that shows what is running now.

The lines are those of the plain renderer, with colour (none if NO_COLOR is set), and they stay in
the terminal's history; the live area is drawn under them and is gone at the end.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final, TextIO

from rich.console import Console, RenderableType
from rich.live import Live as RichLive
from rich.table import Table
from rich.text import Text

from runner.events import Event, Warned
from runner.render.activity import Activity, Running
from runner.render.story import Kind, Line, Story
from runner.units import human_bytes, human_seconds

STYLES: Final[Mapping[Kind, str]] = {
    Kind.HEADING: "bold",
    Kind.OK: "green",
    Kind.CHANGED: "yellow",
    Kind.SKIPPED: "cyan",
    Kind.FAILED: "red",
    Kind.WARNING: "magenta",
    Kind.DETAIL: "",
    Kind.ADDED: "green",
    Kind.REMOVED: "red",
}
DRAWS_PER_SECOND: Final = 8
MOST_ROWS: Final = 8
BAR_WIDTH: Final = 20


class Live:
    """Draws on the terminal `out`. Warnings go to `err`, or among the lines where that is the same terminal."""

    def __init__(self, out: TextIO, err: TextIO, story: Story) -> None:
        self._story = story
        self._activity = Activity()
        self._console = Console(file=out, highlight=False, markup=False, emoji=False)
        self._warnings = (
            self._console if err.isatty() else Console(file=err, highlight=False, markup=False, emoji=False)
        )
        self._live = RichLive(
            console=self._console,
            get_renderable=self._draw,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        # Rich's own refreshing may step between a line's text and its cursor movements, and erase it.
        self._drawing = threading.Lock()
        self._closed = threading.Event()
        self._live.start()
        threading.Thread(target=self._keep_drawing, name="live view", daemon=True).start()

    def __call__(self, event: Event) -> None:
        self._activity.observe(event)
        lines = list(self._story.tell(event))
        if lines:
            console = self._warnings if isinstance(event, Warned) else self._console
            with self._drawing:
                console.print(_joined(lines), soft_wrap=True)

    @contextmanager
    def suspended(self) -> Iterator[None]:
        with self._drawing:
            self._live.stop()
        try:
            yield
        finally:
            with self._drawing:
                if not self._closed.is_set():
                    self._live.start()

    def close(self) -> None:
        with self._drawing:
            self._closed.set()
            self._live.stop()

    def _keep_drawing(self) -> None:
        while not self._closed.wait(1 / DRAWS_PER_SECOND):
            try:
                with self._drawing:
                    if not self._closed.is_set() and self._live.is_started:
                        self._live.refresh()
            except OSError:
                return  # The terminal is gone; the next line to be printed finds that out for the run.

    def _draw(self) -> RenderableType:
        now = time.time()
        running = sorted(self._activity.now().values(), key=lambda row: row.started)
        shown = max(1, min(MOST_ROWS, self._console.height - 3))
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True, style="bold")
        table.add_column(no_wrap=True, overflow="ellipsis")
        table.add_column(no_wrap=True, justify="right")
        table.add_column(no_wrap=True, overflow="ellipsis")
        for row in running[:shown]:
            table.add_row(row.host, row.task, human_seconds(max(0.0, now - row.started)), how_far(row, now))
        if len(running) > shown:
            table.add_row("", f"and {len(running) - shown} more", "", "")
        return table


def how_far(row: Running, now: float) -> str:
    """Progress in words and a bar: `upload ━━━━──── 40 % 1.2 GiB of 3 GiB, 80 MiB/s, 23 s left`."""
    progress = row.progress
    if progress is None:
        return row.last_line
    amount = human_bytes if progress.unit == "bytes" else lambda count: f"{count} {progress.unit}"
    head = [progress.label] if progress.label else []
    if progress.total:
        share = min(1.0, progress.done / progress.total)
        filled = round(share * BAR_WIDTH)
        head += ["━" * filled + "─" * (BAR_WIDTH - filled), f"{share:.0%}"]
    parts = [amount(progress.done) + (f" of {amount(progress.total)}" if progress.total else "")]
    rate = row.estimate.per_second(now)
    if rate is not None:
        parts.append(f"{amount(int(rate))}/s")
    left = row.estimate.remaining(progress.total, now)
    if left is not None:
        parts.append(f"{human_seconds(left)} left")
    return " ".join([*head, ", ".join(parts)])


def _joined(lines: list[Line]) -> Text:
    return Text("\n").join(_coloured(lines))


def _coloured(lines: list[Line]) -> Iterator[Text]:
    return (Text(line.text, style=STYLES[line.kind]) for line in lines)
