"""An SSH server for machines without OpenSSH's. Run as a program: FOLDER PORT ADDRESS…

Commands run as the user who started it, as they do under a real server one logs in to as oneself.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from pathlib import Path
from typing import Any, Final

import asyncssh

CHUNK: Final = 65536
LINGER: Final = 2.0


class Server(asyncssh.SSHServer):
    """Lets tunnels through: the demo's databases listen on sockets only."""

    def connection_requested(self, *_: Any) -> bool:
        return True

    def unix_connection_requested(self, *_: Any) -> bool:
        return True


async def serve_process(process: asyncssh.SSHServerProcess[bytes]) -> None:
    """Run one command with the channel's bytes as its standard streams, as sshd does without a terminal."""
    pipe = asyncio.subprocess.PIPE
    shell = ["/bin/sh", "-c", process.command] if process.command else ["/bin/sh"]
    child = await asyncio.create_subprocess_exec(*shell, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)
    assert child.stdin and child.stdout and child.stderr
    taking = asyncio.create_task(_take(process, child.stdin))
    giving = asyncio.gather(_give(child.stdout, process.stdout), _give(child.stderr, process.stderr))
    status = await child.wait()
    # What the command left in the background may hold its streams open; its own words are all in the pipe by now.
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(giving, LINGER)
    taking.cancel()
    if status < 0:
        process.exit_with_signal(signal.Signals(-status).name.removeprefix("SIG"))
    else:
        process.exit(status)


async def _take(process: asyncssh.SSHServerProcess[bytes], sink: asyncio.StreamWriter) -> None:
    """From the channel to the command; a lost link is the end of its input, which ends the command."""
    with contextlib.suppress(asyncssh.Error, OSError):
        while data := await process.stdin.read(CHUNK):
            sink.write(data)
            await sink.drain()
    sink.close()


async def _give(source: asyncio.StreamReader, sink: asyncssh.SSHWriter[bytes]) -> None:
    """From the command to the channel; read to its end even if nobody listens any more."""
    while data := await source.read(CHUNK):
        with contextlib.suppress(asyncssh.Error, OSError):
            sink.write(data)
            await sink.drain()


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
