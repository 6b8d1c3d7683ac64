"""Which renderer a run gets."""

from __future__ import annotations

import os
from typing import Literal, TextIO

from runner.frozen import frozen
from runner.render import Renderer
from runner.render.story import Story


@frozen
class Watching:
    """How a run is to be shown, and where. `verbosity` counts the -v."""

    output: Literal["text", "json"]
    out: TextIO
    err: TextIO
    verbosity: int = 0
    diff: bool = False


def renderer(watching: Watching) -> Renderer:
    """JSON lines if asked for, the live view on a terminal that can draw, else plain text."""
    if watching.output == "json":
        from runner.render.jsonlines import JsonLines

        return JsonLines(watching.out)
    story = Story(verbosity=watching.verbosity, diff=watching.diff)
    if watching.out.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown", ""):
        from runner.render.live import Live

        return Live(watching.out, watching.err, story)
    from runner.render.plain import Plain

    return Plain(watching.out, watching.err, story)
