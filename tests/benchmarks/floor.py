"""The least a Python program can pay for N tasks on M hosts: paramiko, one persistent `sh` per host.

With `starting` each task is a process of its own on the host, as a command must be there; without, `true` is the
shell's own and starts nothing.

Run as a program: floor.py KNOWN_HOSTS KEY USER PORT TASKS builtin|starting ADDRESS…
"""

from __future__ import annotations

import socket
import sys
from concurrent.futures import ThreadPoolExecutor

import paramiko

TEXTS = {"builtin": b"true", "starting": b"( exec setsid true ) </dev/null & wait $!"}


def work(address: str, port: int, user: str, key: paramiko.PKey, known: str, tasks: int, text: bytes) -> None:
    """Run `tasks` commands on one host, each after the answer to the one before."""
    client = paramiko.SSHClient()
    client.load_host_keys(known)
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    sock = socket.create_connection((address, port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.connect(address, port, user, pkey=key, sock=sock, look_for_keys=False, allow_agent=False)
    transport = client.get_transport()
    assert transport is not None
    channel = transport.open_session()
    channel.exec_command("sh")
    answers = channel.makefile("rb")
    for number in range(tasks):
        channel.sendall(b"%s; echo %d $?\n" % (text, number))
        if answers.readline() != b"%d 0\n" % number:
            raise SystemExit(f"{address} gave another answer")
    client.close()


def main() -> None:
    known, key_file, user, port, tasks, how, *addresses = sys.argv[1:]
    key = paramiko.Ed25519Key.from_private_key_file(key_file)
    with ThreadPoolExecutor(len(addresses)) as pool:
        arguments = (int(port), user, key, known, int(tasks), TEXTS[how])
        for done in [pool.submit(work, address, *arguments) for address in addresses]:
            done.result()


if __name__ == "__main__":
    main()
