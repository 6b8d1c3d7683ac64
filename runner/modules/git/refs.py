"""What a version names in a repository: branch, tag or commit. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal

from runner.frozen import frozen

SHA: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
SHORT: Final = re.compile(r"[0-9a-f]{4,63}")


@frozen
class Version:
    """`commit` is empty when the other side does not tell: a short hash, or what no ref leads to."""

    kind: Literal["branch", "tag", "commit"]
    name: str
    commit: str


def refs(listed: str) -> dict[str, str]:
    """Of `git ls-remote --symref`: ref -> commit; HEAD's branch is under `HEAD ref`."""
    found: dict[str, str] = {}
    for line in listed.splitlines():
        value, _, name = line.partition("\t")
        if value.startswith("ref: "):
            found[f"{name} ref"] = value.removeprefix("ref: ")
        elif name:
            found[name] = value
    return found


def resolve(known: Mapping[str, str], version: str) -> Version | None:
    """What a version names there; a branch comes before a tag of the same name. None if it names nothing."""
    if version == "HEAD":
        branch = known.get("HEAD ref", "").removeprefix("refs/heads/")
        commit = known.get("HEAD", "")
        return Version("branch", branch, commit) if branch and commit else _commit(commit)
    short = version.removeprefix("refs/heads/").removeprefix("refs/tags/")
    if not version.startswith("refs/tags/") and (commit := known.get(f"refs/heads/{short}", "")):
        return Version("branch", short, commit)
    # An annotated tag is an object of its own; what it leads to is listed under ^{}.
    if commit := known.get(f"refs/tags/{short}^{{}}", "") or known.get(f"refs/tags/{short}", ""):
        return Version("tag", short, commit)
    if commit := known.get(version, ""):
        return Version("commit", version, commit)
    if SHA.fullmatch(version):
        return _commit(version)
    return Version("commit", version, "") if SHORT.fullmatch(version) else None


def _commit(commit: str) -> Version | None:
    return Version("commit", commit, commit) if commit else None
