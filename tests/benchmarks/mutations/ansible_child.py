"""Runs under Ansible's own Python: a command line of ansible-playbook per line of input, its exit code as the answer.

Each is ansible-playbook's own program in a process of its own; only the time to import it is spent once.
"""

from __future__ import annotations

import json
import os
import sys

from ansible.cli.playbook import PlaybookCLI  # type: ignore[import-not-found]  # belongs to that Python


def exit_code(argv: list[str]) -> int:
    child = os.fork()
    if child == 0:
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        try:
            PlaybookCLI.cli_executor(argv)
        except SystemExit as end:
            os._exit(end.code if isinstance(end.code, int) else int(end.code is not None))
        finally:
            os._exit(250)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main() -> None:
    for line in sys.stdin:
        print(exit_code(json.loads(line)), flush=True)


if __name__ == "__main__":
    main()
