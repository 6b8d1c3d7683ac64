"""What a task costs on many hosts: 20 trivial tasks on 1 and on 10 sshd hosts, side by side with others.

    python -m tests.benchmarks.fanout [ROUNDS]

Bound: SentraPlay takes at most 1.5 times the floor (bare paramiko, one persistent `sh` per host) in wall
and CPU time. A second floor starts a process for each task, as a command must; it is no bound, but tells what part of
the wall time is the host's. pyinfra and ansible-core (pipelining, 50 forks) take part where the extra `bench` is
installed.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import sysconfig
from pathlib import Path

from tests.benchmarks.measure import Contestant, rounds, table
from tests.support.sshd import SshServer, start_sshd
from tests.support.workplace import Workplace

TASKS = 20
HERE = Path(__file__).parent
SCRIPTS = Path(sysconfig.get_path("scripts"))


def environment(folder: Path) -> dict[str, str]:
    """What every contestant gets: a home of its own, so that nobody's settings count."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "XDG_STATE_HOME": str(folder / "state"),
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_FORKS": "50",
        "ANSIBLE_LOCALHOST_WARNING": "0",
        "LC_ALL": "C.UTF-8",
    }


def write_sentraplay(server: SshServer, count: int, folder: Path) -> Contestant:
    tasks = "".join(f"    - name: Task {n}\n      command: 'true'\n" for n in range(TASKS))
    (folder / "play.yml").write_text(f"- name: Fan out\n  hosts: all\n  gather_facts: false\n  tasks:\n{tasks}")
    hosts = "".join(
        f"    {host.name}:\n"
        f"      ansible_host: {host.address}\n"
        f"      ansible_port: {host.port}\n"
        f"      ansible_user: {host.user}\n"
        f"      ansible_ssh_private_key_file: {host.key}\n"
        f"      known_hosts_file: {host.known_hosts}\n"
        f"      ansible_python_interpreter: {sys.executable}\n"
        f"      ansible_ssh_common_args: -o UserKnownHostsFile={host.known_hosts} -o StrictHostKeyChecking=yes\n"
        for host in server.hosts[:count]
    )
    (folder / "ansible-hosts.yml").write_text(f"all:\n  hosts:\n{hosts}")
    own = "".join(line for line in hosts.splitlines(True) if "common_args" not in line and "python" not in line)
    (folder / "hosts.yml").write_text(f"all:\n  hosts:\n{own}")
    argv = (str(SCRIPTS / "sentraplay"), "run", str(folder / "play.yml"), "-i", str(folder / "hosts.yml"))
    return Contestant("sentraplay", argv, environment(folder))


def write_floor(server: SshServer, count: int, folder: Path, name: str, how: str) -> Contestant:
    host = server.hosts[0]
    argv = (sys.executable, str(HERE / "floor.py"), str(host.known_hosts), str(host.key), host.user, str(host.port))
    return Contestant(name, (*argv, str(TASKS), how, *server.addresses[:count]), environment(folder))


def write_ansible(folder: Path) -> Contestant:
    argv = (str(SCRIPTS / "ansible-playbook"), str(folder / "play.yml"), "-i", str(folder / "ansible-hosts.yml"))
    return Contestant("ansible-core", argv, environment(folder))


def write_pyinfra(server: SshServer, count: int, folder: Path) -> Contestant:
    inventory = [
        (
            host.address,
            {
                "ssh_port": host.port,
                "ssh_user": host.user,
                "ssh_key": str(host.key),
                "ssh_known_hosts_file": str(host.known_hosts),
            },
        )
        for host in server.hosts[:count]
    ]
    (folder / "inventory.py").write_text(f"hosts = {inventory!r}\n")
    operations = "".join(f"server.shell(name='Task {n}', commands=['true'])\n" for n in range(TASKS))
    (folder / "deploy.py").write_text(f"from pyinfra.operations import server\n\n{operations}")
    argv = (str(SCRIPTS / "pyinfra"), "-y", str(folder / "inventory.py"), str(folder / "deploy.py"))
    return Contestant("pyinfra", argv, environment(folder))


def contestants(server: SshServer, count: int, folder: Path) -> list[Contestant]:
    """The floors and SentraPlay always; the others where they are installed."""
    found = [
        write_floor(server, count, folder, "floor", "builtin"),
        write_floor(server, count, folder, "floor with processes", "starting"),
        write_sentraplay(server, count, folder),
    ]
    if importlib.util.find_spec("pyinfra"):
        found.append(write_pyinfra(server, count, folder))
    if importlib.util.find_spec("ansible"):
        found.append(write_ansible(folder))
    return found


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    workplace = Workplace()
    try:
        server = start_sshd(workplace)
        for hosts in (1, 10):
            folder = workplace.directory(f"fanout-{hosts}", mode=0o700)
            print(f"\n{TASKS} tasks on {hosts} host{'s' if hosts > 1 else ''}, median of {count} rounds:")
            print(table(rounds(contestants(server, hosts, folder), count, folder), base="floor"), flush=True)
    finally:
        workplace.close()


if __name__ == "__main__":
    main()
