"""Shows the sample run on this process's terminal: `python -m tests.cli.replay`."""

from __future__ import annotations

import sys
import time

from runner.events import Progress, TaskStarted
from runner.wiring.watching import Watching, renderer
from tests.cli.sample import EVENTS

if __name__ == "__main__":
    show = renderer(Watching("text", sys.stdout, sys.stderr, verbosity=1, diff=True))
    for event in EVENTS:
        show(event)
        if isinstance(event, (TaskStarted, Progress)):
            time.sleep(0.3)  # two pictures of the live area
    show.close()
