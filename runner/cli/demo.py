"""`sentraplay demo`: the whole story on one machine."""

from __future__ import annotations

import click


@click.command()
def demo() -> int:
    """Watch a throw-away service be lost and recovered.

    Starts a database, an SSH server and an object store of its own on this machine, and removes them
    at the end. Needs the extra: pip install 'sentraplay[demo]'.
    """
    from runner.demo.story import run_demo

    return run_demo(click.echo)
