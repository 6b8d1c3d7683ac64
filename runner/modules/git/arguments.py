"""What a task says of a repository."""

from __future__ import annotations

import re
from typing import Final

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.modules.git.program import Git, ssh_command

# https://user:password@host/…; a name alone before the @ is none of it.
CREDENTIALS: Final = re.compile(r"^[a-z+]+://[^/@]*:[^/@]*@")


@frozen
class GitArgs:
    repo: str
    dest: str
    version: str = "HEAD"
    remote: str = "origin"
    refspec: str | None = None
    update: bool = True
    clone: bool = True
    force: bool = False
    bare: bool = False
    depth: int | None = None
    single_branch: bool = False
    reference: str | None = None
    recursive: bool = True
    track_submodules: bool = False
    verify_commit: bool = False
    key_file: str | None = None
    ssh_opts: str = ""
    accept_hostkey: bool = False
    accept_newhostkey: bool = False
    umask: str = ""
    executable: str = "git"

    @property
    def address(self) -> str:
        """A directory of the host is given as an address, so that `depth` counts for it too."""
        return f"file://{self.repo}" if self.repo.startswith("/") else self.repo

    @property
    def git(self) -> Git:
        host_keys = "no" if self.accept_hostkey else "accept-new" if self.accept_newhostkey else ""
        return Git(self.executable, ssh_command(self.key_file, self.ssh_opts, host_keys), self.umask)


def check(args: GitArgs) -> None:
    """TaskFailed for what would show a secret, or be taken for an option."""
    if CREDENTIALS.match(args.repo):
        raise TaskFailed(
            "there is a password in `repo`",
            why="it would stand among the processes of the host and in the repository's configuration",
            hint="use SSH with `key_file`, or a credential helper that is set up on the host",
        )
    for name in ("repo", "version", "remote", "refspec"):
        if (getattr(args, name) or "").startswith("-"):
            raise TaskFailed(f"`{name}` may not begin with a minus", why="git would take it for an option")
