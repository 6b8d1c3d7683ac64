"""The least a Python program can pay for N tasks on M hosts: paramiko, one persistent `sh` per host.

Run as a program: floor.py KNOWN_HOSTS KEY USER PORT TASKS ADDRESS…
"""

from __future__ import annotations

import socket
import sys
from concurrent.futures import ThreadPoolExecutor

import paramiko


def work(address: str, port: int, user: str, key: paramiko.PKey, known: str, tasks: int) -> None:
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
        channel.sendall(b"true; echo %d $?\n" % number)
        if answers.readline() != b"%d 0\n" % number:
            raise SystemExit(f"{address} gave another answer")
    client.close()


def main() -> None:
    known, key_file, user, port, tasks, *addresses = sys.argv[1:]
    key = paramiko.Ed25519Key.from_private_key_file(key_file)
    with ThreadPoolExecutor(len(addresses)) as pool:
        for done in [pool.submit(work, address, int(port), user, key, known, int(tasks)) for address in addresses]:
            done.result()


if __name__ == "__main__":
    main()
