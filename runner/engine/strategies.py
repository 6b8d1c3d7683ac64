"""How the hosts of a batch go through a play: in step with one another, or each on its own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from runner.engine.blocks import Falls
from runner.engine.recording import results_of
from runner.playbook import Strategy

Sections = Callable[[tuple[str, ...]], Falls]
"""Takes some hosts through the whole play; returns those that did not come through."""


def go_through(strategy: Strategy, sections: Sections, hosts: tuple[str, ...], forks: int) -> Falls:
    """Take `hosts` through a play.

    `linear`: no host begins a task before all have ended the one before. `free` and `host_pinned`: every host goes
    on as soon as it can, `forks` hosts at a time. Raises what the play raises, after every host has ended.
    """
    if strategy == "linear" or len(hosts) == 1:
        return sections(hosts)
    with ThreadPoolExecutor(max_workers=max(1, forks), thread_name_prefix="play") as pool:
        each = results_of([pool.submit(sections, (host,)) for host in hosts])
    return {host: fall for falls in each for host, fall in falls.items()}
