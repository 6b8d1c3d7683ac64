"""What is at the place of a repository, and what of it is not as wanted."""

from __future__ import annotations

from typing import Final

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Reader
from runner.modules.git.arguments import GitArgs
from runner.modules.git.refs import Version, refs, resolve
from runner.modules.system.paths import absolute, ask

# A work in progress is noted inside the repository: what is found half-done afterwards is ours to finish.
MARK: Final = "sentraplay-updating"
LOOK: Final = """
dest=$1 bare=$2 mark=$3
if [ "$bare" = yes ]; then git=$dest; else git=$dest/.git; fi
if [ -f "$git" ]; then git=$(sed -n 's/^gitdir: //p' "$git"); case $git in /*) ;; *) git=$dest/$git;; esac; fi
if [ -e "$git/config" ]; then
  echo repository; if [ -e "$git/$mark" ]; then echo "cut off"; else echo whole; fi; echo "$git"
elif [ -d "$dest" ] && [ -n "$(ls -A "$dest")" ]; then echo other
elif [ -e "$dest" ] && [ ! -d "$dest" ]; then echo other
else echo nothing; fi
"""


@frozen
class Repository:
    """A repository as it is. `before` is the commit it is at, empty if it has none yet."""

    directory: str
    before: str
    branch: str
    address: str
    modified: bool
    cut_off: bool
    submodules: str


def look(reader: Reader, args: GitArgs) -> Repository | None:
    """The repository at `dest`; None if there is nothing yet, TaskFailed if something else is there."""
    dest = absolute(reader, args.dest)
    words = (dest, "yes" if args.bare else "no", MARK)
    kind, *rest = ask(reader, LOOK, *words, doing=f"look at {dest}").stdout.splitlines()
    if kind == "other":
        raise TaskFailed(
            f"{dest} is there, is not empty and is no git repository",
            hint="remove it first, if nobody needs it, or choose another `dest`",
        )
    return _found(reader, args, dest, rest) if kind == "repository" else None


def wanted(reader: Reader, args: GitArgs) -> Version:
    """What `version` names in the other repository."""
    listed = args.git.ask(reader, "ls-remote", "--symref", "--", args.address).stdout
    found = resolve(refs(listed), args.version)
    if found is None:
        raise TaskFailed(
            f"{args.repo} has no branch, tag or commit {args.version!r}", hint=f"git ls-remote {args.repo} lists them"
        )
    return found


def is_there(reader: Reader, args: GitArgs, repository: Repository, version: Version) -> bool | None:
    """Whether it is in that version already; None if only the other side could tell."""
    if version.commit:
        return repository.before == version.commit
    known = args.git.ask(
        reader, "rev-parse", "--verify", "-q", f"{version.name}^{{commit}}", cwd=repository.directory, check=False
    )
    return repository.before == known.stdout.strip() if known.ok else None


def submodules(reader: Reader, args: GitArgs, directory: str) -> str:
    """One line for each, beginning with a sign if it is not in the version the repository names."""
    if args.bare or not args.recursive:
        return ""
    return args.git.ask(reader, "submodule", "status", "--recursive", cwd=directory, check=False).stdout


def _found(reader: Reader, args: GitArgs, dest: str, rest: list[str]) -> Repository:
    git = args.git
    # In the other order a directory that belongs to somebody else would be taken for an empty repository.
    git.ask(reader, "rev-parse", "--git-dir", cwd=dest)
    status = "" if args.bare else git.ask(reader, "status", "--porcelain", cwd=dest).stdout
    return Repository(
        directory=dest,
        before=git.ask(reader, "rev-parse", "--verify", "-q", "HEAD", cwd=dest, check=False).stdout.strip(),
        branch=git.ask(reader, "symbolic-ref", "-q", "--short", "HEAD", cwd=dest, check=False).stdout.strip(),
        address=git.ask(reader, "config", "--get", f"remote.{args.remote}.url", cwd=dest, check=False).stdout.strip(),
        modified=any(not line.startswith("??") for line in status.splitlines()),
        cut_off=rest[0] == "cut off",
        submodules=submodules(reader, args, dest),
    )
