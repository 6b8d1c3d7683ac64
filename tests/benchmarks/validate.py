"""What checking costs: `validate` on a playbook of 2,000 tasks, and `--help`, each beside a bare interpreter.

    python -m tests.benchmarks.validate [ROUNDS]

Bounds: validate under 3 s, --help under 0.3 s of CPU, on two ordinary cores.
"""

from __future__ import annotations

import os
import sys
import sysconfig
import tempfile
from pathlib import Path

from tests.benchmarks.measure import Contestant, rounds, table

TASKS = 2_000
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


def playbook(tasks: int) -> str:
    head = "- name: Many tasks\n  hosts: localhost\n  vars:\n    service: scan\n    wanted: true\n  tasks:\n"
    return head + "".join(KINDS[n % len(KINDS)].format(n=n) for n in range(tasks))


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "many.yml").write_text(playbook(TASKS))
        env = {"PATH": os.environ["PATH"], "HOME": name, "XDG_STATE_HOME": name, "LC_ALL": "C.UTF-8"}
        contestants = [
            Contestant("bare python", (sys.executable, "-c", "pass"), env),
            Contestant("sentraplay --help", (PROGRAM, "--help"), env),
            Contestant(f"validate {TASKS} tasks", (PROGRAM, "validate", str(folder / "many.yml")), env),
        ]
        print(table(rounds(contestants, count, folder), base="bare python"))


if __name__ == "__main__":
    main()
