"""git, against repositories of this machine."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from runner.errors import TaskFailed
from runner.modules.git.program import ssh_command
from runner.modules.git.refs import Version, refs, resolve
from tests.modules.bed import Bench

AUTHOR = {
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@b.c",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@b.c",
}


class Upstream:
    """A repository somebody else commits to."""

    def __init__(self, directory: Path) -> None:
        self.path = directory
        directory.mkdir()
        self.git("init", "-q", "-b", "main")

    def git(self, *argv: str, path: Path | None = None) -> str:
        env = {**os.environ, **AUTHOR, "GIT_CONFIG_GLOBAL": "/dev/null"}
        settings = ("-c", "protocol.file.allow=always")
        done = subprocess.run(
            ["git", *settings, *argv], cwd=path or self.path, env=env, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def commit(self, text: str, name: str = "file") -> str:
        (self.path / name).write_text(text)
        self.git("add", name)
        self.git("commit", "-q", "-m", text)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def upstream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Upstream:
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    config = tmp_path / "gitconfig"
    config.write_text('[protocol "file"]\n  allow = always\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    made = Upstream(tmp_path / "upstream")
    made.commit("one")
    return made


@pytest.fixture
def told(upstream: Upstream, target: Path) -> dict[str, Any]:
    return {"repo": str(upstream.path), "dest": f"{target}/a place/app"}


def file(told: dict[str, Any]) -> str:
    return (Path(told["dest"]) / "file").read_text()


def test_a_repository_is_cloned_once_and_follows_its_branch(
    own_bench: Bench, upstream: Upstream, told: dict[str, Any]
) -> None:
    head = upstream.git("rev-parse", "HEAD")
    done = own_bench.settle("git", **told)
    assert (done.data["before"], done.data["after"], file(told)) == (None, head, "one")
    newer = upstream.commit("two")
    foreseen = own_bench.preview("git", **told)
    assert foreseen.summary == f"{head[:12]} -> {newer[:12]}"
    again = own_bench.settle("git", **told)
    assert (again.data["before"], again.data["after"], file(told)) == (head, newer, "two")
    assert again.data["remote_url_changed"] is False
    left = [path.name for path in Path(told["dest"]).parent.iterdir()]
    assert left == ["app"]


@pytest.mark.parametrize("name", ["v1", "annotated", "branch", "commit"])
def test_a_version_is_a_tag_a_branch_or_a_commit(
    own_bench: Bench, upstream: Upstream, told: dict[str, Any], name: str
) -> None:
    first = upstream.git("rev-parse", "HEAD")
    upstream.git("tag", "v1")
    upstream.git("tag", "-a", "-m", "x", "annotated")
    upstream.git("branch", "branch")
    upstream.commit("two")
    version = first if name == "commit" else name
    done = own_bench.settle("git", **told, version=version)
    assert done.data["after"] == first and file(told) == "one"
    assert own_bench.settle("git", **told, version="main").changed
    assert own_bench.settle("git", **told, version=version).changed and file(told) == "one"


def test_a_short_commit_is_known_once_it_is_there(own_bench: Bench, upstream: Upstream, told: dict[str, Any]) -> None:
    first = upstream.git("rev-parse", "HEAD")
    own_bench.apply("git", **told)
    assert not own_bench.settle("git", **told, version=first[:10]).changed
    newer = upstream.commit("two")
    assert own_bench.preview("git", **told, version=newer[:10]).needed is None
    assert own_bench.apply("git", **told, version=newer[:10]).changed and file(told) == "two"


def test_a_branch_that_was_rewritten_is_followed(own_bench: Bench, upstream: Upstream, told: dict[str, Any]) -> None:
    upstream.commit("two")
    own_bench.apply("git", **told)
    upstream.git("reset", "-q", "--hard", "HEAD^")
    upstream.commit("other")
    assert own_bench.settle("git", **told).changed and file(told) == "other"


def test_local_modifications_are_kept_unless_forced(own_bench: Bench, upstream: Upstream, told: dict[str, Any]) -> None:
    own_bench.apply("git", **told)
    (Path(told["dest"]) / "file").write_text("mine")
    (Path(told["dest"]) / "untracked").write_text("mine too")
    for attempt in (own_bench.preview, own_bench.apply):
        with pytest.raises(TaskFailed, match="Local modifications exist"):
            attempt("git", **told)
    assert file(told) == "mine"
    assert own_bench.settle("git", **told, force=True).changed
    assert file(told) == "one" and (Path(told["dest"]) / "untracked").exists()


def test_without_update_a_repository_stays_as_it_is(own_bench: Bench, upstream: Upstream, told: dict[str, Any]) -> None:
    own_bench.settle("git", **told, update=False)
    upstream.commit("two")
    assert not own_bench.settle("git", **told, update=False).changed and file(told) == "one"


def test_without_clone_the_other_side_is_only_asked(own_bench: Bench, upstream: Upstream, told: dict[str, Any]) -> None:
    done = own_bench.settle("git", **told, clone=False)
    assert not done.changed and not Path(told["dest"]).exists()


def test_a_shallow_clone_has_no_more_history_than_wanted(
    own_bench: Bench, upstream: Upstream, told: dict[str, Any]
) -> None:
    upstream.commit("two")
    own_bench.settle("git", **told, depth=1)
    assert upstream.git("rev-list", "--count", "HEAD", path=Path(told["dest"])) == "1"
    upstream.commit("three")
    assert own_bench.settle("git", **told, depth=1).changed and file(told) == "three"


def test_a_single_branch_can_be_changed_for_another(own_bench: Bench, upstream: Upstream, told: dict[str, Any]) -> None:
    upstream.git("branch", "other")
    upstream.commit("two")
    own_bench.settle("git", **told, single_branch=True, version="main")
    assert own_bench.settle("git", **told, single_branch=True, version="other").changed and file(told) == "one"


def test_a_bare_repository_has_all_branches(own_bench: Bench, upstream: Upstream, told: dict[str, Any]) -> None:
    own_bench.settle("git", **told, bare=True)
    newer = upstream.commit("two")
    assert own_bench.settle("git", **told, bare=True).data["after"] == newer
    assert (Path(told["dest"]) / "HEAD").exists() and not (Path(told["dest"]) / ".git").exists()


def test_a_refspec_brings_what_no_branch_leads_to(own_bench: Bench, upstream: Upstream, told: dict[str, Any]) -> None:
    hidden = upstream.commit("hidden")
    upstream.git("update-ref", "refs/pull/1/head", hidden)
    upstream.git("reset", "-q", "--hard", "HEAD^")
    done = own_bench.settle("git", **told, version=hidden, refspec="refs/pull/1/head:refs/remotes/origin/pull/1")
    assert done.data["after"] == hidden and file(told) == "hidden"
    assert own_bench.settle(
        "git",
        **{**told, "dest": f"{told['dest']}2"},
        version="refs/pull/1/head",
        refspec="refs/pull/1/head:refs/pull/1/head",
    ).changed


def test_submodules_come_and_follow(own_bench: Bench, upstream: Upstream, told: dict[str, Any], tmp_path: Path) -> None:
    inner = Upstream(tmp_path / "inner")
    inner.commit("inner one")
    upstream.git("submodule", "add", "-q", str(inner.path), "sub")
    upstream.git("commit", "-q", "-m", "with a submodule")
    done = own_bench.settle("git", **told)
    sub = Path(told["dest"]) / "sub/file"
    assert sub.read_text() == "inner one" and done.data["submodules_changed"] is True
    inner.commit("inner two")
    upstream.git("-C", "sub", "pull", "-q", "origin", "main")
    upstream.git("commit", "-q", "-a", "-m", "a newer submodule")
    assert own_bench.settle("git", **told).changed and sub.read_text() == "inner two"
    inner.commit("inner three")
    assert own_bench.preview("git", **told, track_submodules=True).needed is None
    assert own_bench.apply("git", **told, track_submodules=True).changed and sub.read_text() == "inner three"
    other = {**told, "dest": f"{told['dest']}2"}
    own_bench.settle("git", **other, recursive=False)
    assert not (Path(other["dest"]) / "sub/file").exists()


def test_another_address_is_taken(own_bench: Bench, upstream: Upstream, told: dict[str, Any], tmp_path: Path) -> None:
    own_bench.apply("git", **told, remote="upstream")
    upstream.git("clone", "-q", "--bare", str(upstream.path), str(tmp_path / "moved"))
    done = own_bench.settle("git", **{**told, "repo": f"{tmp_path}/moved"}, remote="upstream")
    assert done.changed and done.data["remote_url_changed"] is True


def test_an_empty_directory_keeps_its_rights(own_bench: Bench, upstream: Upstream, told: dict[str, Any]) -> None:
    dest = Path(told["dest"])
    dest.mkdir(parents=True)
    dest.chmod(0o750)
    own_bench.settle("git", **told, umask="0077")
    assert stat.S_IMODE(dest.stat().st_mode) == 0o750
    assert stat.S_IMODE((dest / "file").stat().st_mode) == 0o600


def test_what_is_there_and_no_repository_is_left_alone(
    own_bench: Bench, upstream: Upstream, told: dict[str, Any]
) -> None:
    Path(told["dest"]).mkdir(parents=True)
    (Path(told["dest"]) / "other").write_text("x")
    with pytest.raises(TaskFailed, match="is no git repository"):
        own_bench.preview("git", **told)


def test_a_clone_that_fails_leaves_nothing(own_bench: Bench, upstream: Upstream, told: dict[str, Any]) -> None:
    with pytest.raises(TaskFailed, match="has no branch, tag or commit 'nonsense'"):
        own_bench.apply("git", **told, version="nonsense")
    with pytest.raises(TaskFailed, match=r"git checkout: "):
        own_bench.apply("git", **told, version="0" * 40)
    assert [path.name for path in Path(told["dest"]).parent.glob("*")] == []
    assert [path.name for path in Path(told["dest"]).parent.glob(".*")] == []


def test_an_update_that_was_killed_is_finished(own_bench: Bench, upstream: Upstream, told: dict[str, Any]) -> None:
    """As after a power cut: the work is noted, the lock is there, some files are new and others gone."""
    upstream.commit("second file", "second")
    own_bench.apply("git", **told)
    upstream.commit("two")
    dest = Path(told["dest"])
    (dest / ".git/sentraplay-updating").touch()
    (dest / ".git/index.lock").touch()
    (dest / "second").unlink()
    assert own_bench.settle("git", **told).changed
    assert file(told) == "two" and (dest / "second").exists() and not (dest / ".git/index.lock").exists()


def test_a_clone_that_was_killed_is_begun_again(own_bench: Bench, upstream: Upstream, told: dict[str, Any]) -> None:
    left = Path(told["dest"]).with_name(".app.new")
    (left / ".git").mkdir(parents=True)
    (left / ".git/config").write_text("half")
    assert own_bench.settle("git", **told).changed and not left.exists()


def test_a_commit_nobody_signed_is_refused(own_bench: Bench, upstream: Upstream, told: dict[str, Any]) -> None:
    with pytest.raises(TaskFailed, match="git verify-commit"):
        own_bench.apply("git", **told, verify_commit=True)
    assert not Path(told["dest"]).exists()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"repo": "https://me:hunter2@host/x.git"}, "a password in `repo`"),
        ({"repo": "--upload-pack=touch /tmp/x"}, "`repo` may not begin with a minus"),
        ({"version": "--output=x"}, "`version` may not begin with a minus"),
    ],
)
def test_what_is_dangerous_is_refused_before_git_is_called(
    own_bench: Bench, told: dict[str, Any], wrong: dict[str, Any], said: str
) -> None:
    for attempt in (own_bench.preview, own_bench.apply):
        with pytest.raises(TaskFailed, match=said) as refused:
            attempt("git", **{**told, **wrong})
        assert "hunter2" not in str(refused.value)


def test_ssh_asks_nothing_and_uses_the_key() -> None:
    command = ssh_command("/root/my key", "-p 2222 -o 'ProxyCommand=nc %h %p'", "accept-new")
    assert command == (
        "ssh -o BatchMode=yes -p 2222 -o 'ProxyCommand=nc %h %p' -i '/root/my key' -o IdentitiesOnly=yes"
        " -o StrictHostKeyChecking=accept-new"
    )


def test_a_host_without_git_is_unknown_in_check_mode(own_bench: Bench, told: dict[str, Any]) -> None:
    assert own_bench.preview("git", **told, executable="/no/git").needed is None
    with pytest.raises(TaskFailed, match="there is no /no/git"):
        own_bench.apply("git", **told, executable="/no/git")


LISTED = refs(
    "ref: refs/heads/main\tHEAD\na1\tHEAD\na1\trefs/heads/main\nb2\trefs/heads/v1\nc3\trefs/tags/v1\n"
    "d4\trefs/tags/v2\ne5\trefs/tags/v2^{}\nf6\trefs/pull/1/head\n"
)


@pytest.mark.parametrize(
    ("version", "found"),
    [
        ("HEAD", Version("branch", "main", "a1")),
        ("main", Version("branch", "main", "a1")),
        ("v1", Version("branch", "v1", "b2")),
        ("refs/tags/v1", Version("tag", "v1", "c3")),
        ("v2", Version("tag", "v2", "e5")),
        ("refs/pull/1/head", Version("commit", "refs/pull/1/head", "f6")),
        ("0" * 40, Version("commit", "0" * 40, "0" * 40)),
        ("abc123", Version("commit", "abc123", "")),
        ("nonsense", None),
    ],
)
def test_a_version_is_found_among_the_refs(version: str, found: Version | None) -> None:
    assert resolve(LISTED, version) == found
