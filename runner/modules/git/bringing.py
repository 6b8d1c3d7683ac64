"""Bringing a repository to its place, and to the version that is wanted."""

from __future__ import annotations

import posixpath
from typing import Final

from runner.hosts.contract import Host
from runner.modules.git.arguments import GitArgs
from runner.modules.git.refs import Version
from runner.modules.git.repository import MARK, Repository
from runner.modules.system.paths import act

# A new repository is made beside its place and takes it when it is whole, with the rights of an empty directory there.
PREPARE: Final = 'mkdir -p "$1" && rm -rf "$2"'
PLACE: Final = """
new=$1 dest=$2
if [ -d "$dest" ]; then
  chmod "$(stat -c %a "$dest")" "$new" && chown "$(stat -c %u:%g "$dest")" "$new" && rmdir "$dest" || exit 1
fi
mv "$new" "$dest"
"""
DISCARD: Final = 'rm -rf "$1"'
BEGIN: Final = 'git=$(cd "$1" && "$2" rev-parse --absolute-git-dir) && rm -f "$git/index.lock" && : > "$git/$3"'
END: Final = 'git=$(cd "$1" && "$2" rev-parse --absolute-git-dir) && rm -f "$git/$3"'


def clone(host: Host, args: GitArgs, dest: str, version: Version) -> None:
    """A new repository at its place; nothing of it is left if that fails."""
    new = posixpath.join(posixpath.dirname(dest), f".{posixpath.basename(dest)}.new")
    act(host, PREPARE, posixpath.dirname(dest), new, doing=f"make room for {dest}")
    try:
        args.git.run(host, "clone", *_clone_options(args, version), "--", args.address, new)
        if args.refspec:
            _fetch(host, args, new, version)
        if not args.bare:
            _switch(host, args, new, version)
        act(host, PLACE, new, dest, doing=f"put the repository to {dest}")
    finally:
        act(host, DISCARD, new, doing=f"remove {new}")


def update(host: Host, args: GitArgs, repository: Repository, version: Version) -> None:
    """A repository that is there, brought to the version."""
    directory = repository.directory
    act(host, BEGIN, directory, args.executable, MARK, doing=f"note the work on {directory}")
    if repository.address != args.address:
        verb = "set-url" if repository.address else "add"
        args.git.run(host, "remote", verb, args.remote, args.address, cwd=directory)
    _fetch(host, args, directory, version)
    if not args.bare:
        _switch(host, args, directory, version)
    act(host, END, directory, args.executable, MARK, doing=f"end the work on {directory}")


def _clone_options(args: GitArgs, version: Version) -> tuple[str, ...]:
    named = version.kind in ("branch", "tag")
    # A commit alone may lie deeper than a shallow clone reaches, unless a refspec brings it.
    depth = ("--depth", str(args.depth)) if args.depth and (named or args.refspec) else ()
    return (
        *(("--bare",) if args.bare else ("--no-checkout", "--origin", args.remote)),
        *(("--branch", version.name) if named and not args.bare else ()),
        *depth,
        *(("--single-branch",) if args.single_branch else ("--no-single-branch",) * bool(depth)),
        *(("--reference", args.reference) if args.reference else ()),
    )


def _fetch(host: Host, args: GitArgs, directory: str, version: Version) -> None:
    options = ("--force", "--tags", *(("--depth", str(args.depth)) if args.depth and version.kind != "commit" else ()))
    source = args.address if args.bare else args.remote
    if args.bare:
        wanted = ["+refs/heads/*:refs/heads/*"]
    else:
        wanted = [f"+refs/heads/*:refs/remotes/{args.remote}/*"]
        if args.single_branch or args.depth:
            wanted = []
            if version.kind == "branch":
                wanted = [f"+refs/heads/{version.name}:refs/remotes/{args.remote}/{version.name}"]
    args.git.run(host, "fetch", *options, "--", source, *wanted, cwd=directory)
    if args.refspec:
        args.git.run(host, "fetch", "--force", "--", source, f"+{args.refspec.lstrip('+')}", cwd=directory)


def _switch(host: Host, args: GitArgs, directory: str, version: Version) -> None:
    git = args.git
    if args.verify_commit:
        tag = version.kind == "tag"
        name = f"refs/tags/{version.name}" if tag else version.commit or version.name
        git.run(host, "verify-tag" if tag else "verify-commit", name, cwd=directory)
    if version.kind == "branch":
        git.run(host, "checkout", "--force", "-B", version.name, f"{args.remote}/{version.name}", "--", cwd=directory)
    else:
        name = f"refs/tags/{version.name}" if version.kind == "tag" else version.name
        git.run(host, "checkout", "--force", "--detach", name, "--", cwd=directory)
    git.run(host, "reset", "--hard", "-q", "HEAD", cwd=directory)
    if args.recursive:
        git.run(host, "submodule", "sync", "--recursive", cwd=directory)
        remote = ("--remote",) if args.track_submodules else ()
        git.run(host, "submodule", "update", "--init", "--recursive", "--force", *remote, cwd=directory)
