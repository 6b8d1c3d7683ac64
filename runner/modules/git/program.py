"""Calls of git: no questions, its words in English, SSH told what the task says."""

from __future__ import annotations

import re
import shlex
from typing import Final

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Host, Reader, Result, Script
from runner.hosts.quoting import words
from runner.modules.system.planning import NotThereYet

CALL: Final = 'if [ -n "$1" ]; then umask "$1" || exit 1; fi; shift; exec "$@"'
NOT_FOUND: Final = 127
HINTS: Final = (
    (r"dubious ownership", "the directory belongs to somebody else: `become_user` should be its owner"),
    (r"Host key verification failed", "put the server's key into known_hosts, or say `accept_newhostkey: true`"),
    (r"Permission denied \(publickey", "the server does not know the key: name one in `key_file`"),
    (
        r"could not read (?:Username|Password)|terminal prompts disabled",
        "the server asks who is there: use SSH and `key_file`",
    ),
    (r"index\.lock", "git was killed on the host, or is at work there; if not, remove that file"),
    (r"Could not resolve host|unable to access|Connection (?:refused|timed out)", "the host cannot reach the server"),
    (r"Permission denied", "this user may not write there: add `become: true`"),
)


@frozen
class Git:
    """git on a host: the program, the command it starts for SSH, and the umask of what it writes."""

    executable: str = "git"
    ssh: str = ""
    umask: str = ""

    def ask(self, reader: Reader, *argv: str, cwd: str | None = None, check: bool = True) -> Result:
        """A call that only reads: not even the index is brought up to date."""
        return self._done(reader.query(self._script(argv, cwd, {"GIT_OPTIONAL_LOCKS": "0"}), check=False), argv, check)

    def run(self, host: Host, *argv: str, cwd: str | None = None) -> Result:
        """A call that may change the repository."""
        return self._done(host.run(self._script(argv, cwd, {}), check=False), argv, True)

    def _script(self, argv: tuple[str, ...], cwd: str | None, more: dict[str, str]) -> Script:
        quiet = {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C", "GIT_SSH_COMMAND": self.ssh or "ssh -o BatchMode=yes"}
        return Script(CALL, (self.umask, self.executable, *argv), env={**quiet, **more}, cwd=cwd)

    def _done(self, result: Result, argv: tuple[str, ...], check: bool) -> Result:
        if result.exit_code == NOT_FOUND:
            raise NotThereYet(f"there is no {self.executable} on the host", hint="install it first, with `package`")
        if check and not result.ok:
            raise failure(argv, result)
        return result


def ssh_command(key_file: str | None, options: str, host_keys: str) -> str:
    """What git starts for SSH. No question is asked; `host_keys` is ssh's StrictHostKeyChecking, empty for its own."""
    try:
        given = shlex.split(options)
    except ValueError as error:
        raise TaskFailed(f"`ssh_opts` cannot be split into words: {error}", hint="close the quote") from error
    key = ["-i", key_file, "-o", "IdentitiesOnly=yes"] if key_file else []
    checking = ["-o", f"StrictHostKeyChecking={host_keys}"] if host_keys else []
    return words(("ssh", "-o", "BatchMode=yes", *given, *key, *checking))


def failure(argv: tuple[str, ...], result: Result) -> TaskFailed:
    """Why git did not do it, with what to do about it."""
    said = [line for line in result.stderr.splitlines() if line.startswith(("fatal:", "error:"))]
    last = said[0] if said else (result.stderr.strip().splitlines() or [f"status {result.exit_code}"])[-1]
    hint = next((hint for sign, hint in HINTS if re.search(sign, result.stderr)), "")
    verb = next((word for word in argv if not word.startswith("-")), "")
    data: dict[str, object] = {"rc": result.exit_code, "stdout": result.stdout, "stderr": result.stderr}
    return TaskFailed(f"git {verb}: {last}", hint=hint, data=data)
