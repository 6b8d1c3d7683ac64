"""An SSH server for machines without OpenSSH's. Run as a program: FOLDER PORT ADDRESS…

Commands run as the user who started it, as they do under a real server one logs in to as oneself.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import asyncssh


class Server(asyncssh.SSHServer):
    """Lets tunnels through: the demo's databases listen on sockets only."""

    def connection_requested(self, *_: Any) -> bool:
        return True

    def unix_connection_requested(self, *_: Any) -> bool:
        return True


async def serve_process(process: asyncssh.SSHServerProcess[bytes]) -> None:
    """Run one command with the channel's bytes as its standard streams."""
    pipe = asyncio.subprocess.PIPE
    shell = ["/bin/sh", "-c", process.command] if process.command else ["/bin/sh"]
    child = await asyncio.create_subprocess_exec(*shell, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)
    await process.redirect(stdin=child.stdin, stdout=child.stdout, stderr=child.stderr)
    status = await child.wait()
    await process.stdout.drain()
    if status < 0:
        process.exit_with_signal("KILL")
    else:
        process.exit(status)


async def main() -> None:
    folder, port, *addresses = sys.argv[1:]
    for address in addresses:
        await asyncssh.create_server(
            Server,
            address,
            int(port),
            server_host_keys=[str(Path(folder, "host_key"))],
            authorized_client_keys=str(Path(folder, "authorized_keys")),
            process_factory=serve_process,
            sftp_factory=True,
            encoding=None,
        )
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
