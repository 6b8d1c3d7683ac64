"""What checking costs: `validate` on 2,000 tasks, on 200 for 50 hosts, and `--help`, each beside a bare interpreter.

    python -m tests.benchmarks.validate [ROUNDS]

Bounds: validate under 3 s and under 2 s, --help under 0.3 s of CPU, on two ordinary cores.
"""

from __future__ import annotations

import os
import sys
import sysconfig
import tempfile
from pathlib import Path

from tests.benchmarks.measure import Contestant, rounds, table

TASKS = 2_000
TASKS_FOR_HOSTS = 200
HOSTS = 50
PROGRAM = str(Path(sysconfig.get_path("scripts")) / "sentraplay")

# Four kinds of task in turn: what real playbooks are made of, with templates, conditions and loops.
KINDS = (
    "    - name: Copy {n}\n      copy:\n        content: 'number {n} of {{{{ service }}}}'\n"
    "        dest: /srv/{{{{ service }}}}/{n}.txt\n        mode: '0640'\n      when: wanted\n      tags: [files]\n",
    "    - name: Command {n}\n      command:\n        argv: [echo, '{{{{ item }}}}']\n"
    "      loop: [a, b]\n      register: result_{n}\n      changed_when: result_{n}.rc == 0\n",
    "    - name: Directory {n}\n      file:\n        path: /srv/{n}\n        state: directory\n        mode: '0750'\n",
    "    - name: Block {n}\n      block:\n        - name: Inner {n}\n          debug:\n"
    "            msg: hello {{{{ service }}}}\n"
    "      rescue:\n        - name: Rescue {n}\n          fail:\n            msg: gave up at {n}\n",
)


# What every host has of its own, so that tasks are not alike: an address, a number, and templates over both.
HOST = (
    "    host{n}:\n      ansible_host: 192.0.2.{n}\n      number: {n}\n      service: scan-{n}\n"
    "      base: '/srv/{{{{ service }}}}'\n      wanted: {wanted}\n"
)
PER_HOST = (
    "    - name: Configure {n} on {{{{ inventory_hostname }}}}\n      copy:\n"
    "        content: '{{{{ number * {n} }}}} {{{{ service }}}}'\n"
    "        dest: '{{{{ base }}}}/{n}.conf'\n        mode: '0640'\n      when: wanted and number > 3\n"
    "      notify: Reload\n",
    "    - name: Ask {n}\n      command: ask {n} {{{{ hostvars[groups['all'][0]].number }}}}\n"
    "      register: answer_{n}\n      until: answer_{n}.rc == 0\n      retries: 3\n      changed_when: false\n"
    "      delegate_to: \"{{{{ groups['all'][0] }}}}\"\n",
    "    - name: Tell {n}\n      debug:\n        msg: '{{{{ service }}}}: {{{{ extra_{n} | default(base) }}}}'\n",
)


def inventory(hosts: int) -> str:
    own = "".join(HOST.format(n=n, wanted=str(n % 2 == 0).lower()) for n in range(1, hosts + 1))
    return f"all:\n  hosts:\n{own}"


def playbook_for_hosts(tasks: int) -> str:
    kinds = (*KINDS, *PER_HOST)
    body = "".join(kinds[n % len(kinds)].format(n=n) for n in range(tasks))
    return f"- hosts: all\n  tasks:\n{body}  handlers:\n    - name: Reload\n      command: reload {{{{ service }}}}\n"


def playbook(tasks: int) -> str:
    head = "- name: Many tasks\n  hosts: localhost\n  vars:\n    service: scan\n    wanted: true\n  tasks:\n"
    return head + "".join(KINDS[n % len(KINDS)].format(n=n) for n in range(tasks))


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "many.yml").write_text(playbook(TASKS))
        (folder / "hosts.yml").write_text(inventory(HOSTS))
        (folder / "fifty.yml").write_text(playbook_for_hosts(TASKS_FOR_HOSTS))
        for_hosts = ("validate", "-i", str(folder / "hosts.yml"), str(folder / "fifty.yml"))
        env = {"PATH": os.environ["PATH"], "HOME": name, "XDG_STATE_HOME": name, "LC_ALL": "C.UTF-8"}
        contestants = [
            Contestant("bare python", (sys.executable, "-c", "pass"), env),
            Contestant("sentraplay --help", (PROGRAM, "--help"), env),
            Contestant(f"validate {TASKS} tasks", (PROGRAM, "validate", str(folder / "many.yml")), env),
            Contestant(f"{TASKS_FOR_HOSTS} tasks, {HOSTS} hosts", (PROGRAM, *for_hosts), env),
        ]
        print(table(rounds(contestants, count, folder), base="bare python"))


if __name__ == "__main__":
    main()
