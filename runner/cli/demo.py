"""`sentraplay demo`: the whole story on one machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from runner.demo.ssh import Kind


@click.command()
@click.option(
    "--ssh-server",
    type=click.Choice(["auto", "openssh", "asyncssh"]),
    default="auto",
    show_default=True,
    help="Whose SSH server plays the hosts; auto is OpenSSH's where there is one.",
)
def demo(ssh_server: Kind) -> int:
    """Watch a throw-away service be lost and recovered.

    Starts a database, an SSH server and an object store of its own on this machine, and removes them
    at the end. Needs the extra: pip install 'sentraplay[demo]'.
    """
    from runner.demo.story import run_demo

    return run_demo(click.echo, ssh_server)
