"""TLS in front of a server that speaks none, for clients that speak nothing else."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

BLOCK: Final = 65536


@contextmanager
def tls_in_front_of(port: int, directory: Path) -> Iterator[int]:
    """The port of 127.0.0.1 on which TLS, with a certificate nobody has vouched for, leads to `port`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*_certificate(directory))
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="TLS", daemon=True)
    thread.start()

    async def serve(client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            server, to_server = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(_carry(client, to_server), _carry(server, to_client))

    started = asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    listening = asyncio.run_coroutine_threadsafe(started, loop).result(10)
    try:
        yield int(listening.sockets[0].getsockname()[1])
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


async def _carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(BLOCK):
            sink.write(data)
            await sink.drain()
    sink.close()


def _certificate(directory: Path) -> tuple[Path, Path]:
    certificate, key = directory / "tls.crt", directory / "tls.key"
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    subprocess.run([*request, "-keyout", key, "-out", certificate], check=True, capture_output=True, timeout=60)
    return certificate, key
