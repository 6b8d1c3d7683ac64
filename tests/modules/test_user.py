"""user and group: real accounts of this machine, gone afterwards, and a stand-in for busybox's few programs."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runner.errors import TaskFailed
from runner.modules.accounts.database import groups_in
from tests.modules.bed import Bench
from tests.modules.standins import StandIns

HASH = "$6$salt$IxDD3jeSOb5eB1CX5LBsqZFVkJdido3OUILO5Ifz5iwMuTS4XMS130MTSuDDl3aCI6WouIL9AjRbLCelDCy.g."
OTHER = "$6$pepper$uRoTFGV.sAp3SiHAVwRSBtWTNjCBYwIZQ5WdcPe8O81HhGGL.L8rT7W/7q6DV7J5wR7hN0G2rUcE3xL4h0Jz10"
SH = {"shell": "/bin/sh"}


@pytest.fixture
def name(own_bench: Bench) -> Iterator[str]:
    """The name for a user and a group of the test's own."""
    if os.getuid() != 0 or shutil.which("useradd") is None:
        pytest.skip("only root can make accounts, and useradd must be there")
    made = f"spt{os.getpid()}"
    yield made
    for argv in (["userdel", "-f", made], ["groupdel", "-f", made], ["groupdel", "-f", f"{made}x"]):
        subprocess.run(argv, check=False, capture_output=True)


def shadow(name: str) -> list[str]:
    lines = Path("/etc/shadow").read_text().splitlines()
    return next(line.split(":") for line in lines if line.startswith(f"{name}:"))


def memberships(name: str) -> set[str]:
    return {group.name for group in groups_in(Path("/etc/group").read_text()) if name in group.members}


def test_a_group_is_made_changed_and_removed(own_bench: Bench, name: str) -> None:
    assert own_bench.settle("group", name=name, gid=61234).data["gid"] == 61234
    assert own_bench.settle("group", name=name, gid=61235).data["gid"] == 61235
    assert not own_bench.settle("group", name=name).changed
    assert own_bench.settle("group", name=name, state="absent").changed


def test_a_number_that_is_taken_is_told_with_its_owner(own_bench: Bench, name: str) -> None:
    own_bench.apply("group", name=f"{name}x", gid=61236)
    for attempt in (own_bench.preview, own_bench.apply):
        with pytest.raises(TaskFailed, match=f"the number 61236 belongs to the group {name}x"):
            attempt("group", name=name, gid=61236)
    assert own_bench.settle("group", name=name, gid=61236, non_unique=True).changed


def test_a_system_group_gets_a_number_of_the_range(own_bench: Bench, name: str) -> None:
    done: Any = own_bench.settle("group", name=name, gid_min=61300, gid_max=61400)
    assert 61300 <= done.data["gid"] <= 61400
    own_bench.apply("group", name=name, state="absent")
    system: Any = own_bench.settle("group", name=name, system=True)
    assert system.data["gid"] < 1000


def test_an_account_is_made_as_it_is_wanted(own_bench: Bench, name: str, target: Path) -> None:
    wanted = {"uid": 61500, "comment": "Ann Ä., a test", "home": f"{target}/home", "shell": "/bin/sh"}
    done = own_bench.settle("user", name=name, **wanted, groups=["adm", "0"], password=HASH)
    entry = pwd.getpwnam(name)
    assert (entry.pw_uid, entry.pw_gecos, entry.pw_shell) == (61500, "Ann Ä., a test", "/bin/sh")
    assert (target / "home").is_dir() and (target / "home").stat().st_uid == 61500
    assert memberships(name) == {"adm", "root"}
    assert shadow(name)[1] == HASH
    assert done.data["uid"] == 61500 and done.data["password"] == "NOT_LOGGING_PASSWORD"
    assert HASH not in str(done.data) + str(done.diff)


def test_what_differs_is_changed_and_told(own_bench: Bench, name: str, target: Path) -> None:
    own_bench.apply("user", name=name, home=f"{target}/old", groups="adm", **SH)
    (target / "old/kept").write_text("x")
    own_bench.apply("group", name=f"{name}x")
    wanted: dict[str, Any] = {
        "uid": 61501,
        "group": f"{name}x",
        "groups": ["root"],
        "comment": "other",
        "home": f"{target}/new",
        "move_home": True,
        "shell": "/bin/bash",
    }
    foreseen = own_bench.preview("user", name=name, **wanted)
    assert (
        foreseen.diff is not None and "shell: /bin/sh" in foreseen.diff.before and "groups: adm" in foreseen.diff.before
    )
    assert own_bench.settle("user", name=name, **wanted).changed
    assert (target / "new/kept").exists() and not (target / "old").exists()
    assert memberships(name) == {"root"}


def test_a_new_home_directory_is_made_with_the_change(own_bench: Bench, name: str, target: Path) -> None:
    own_bench.apply("user", name=name, home=f"{target}/old")
    assert own_bench.settle("user", name=name, home=f"{target}/new").changed
    assert (target / "new").is_dir() and (target / "old").is_dir()


def test_the_primary_group_is_a_further_one_only_if_it_is_named(own_bench: Bench, name: str) -> None:
    own_bench.apply("group", name=name)
    own_bench.apply("user", name=name, group=name, create_home=False)
    assert own_bench.settle("user", name=name, groups=[name, "adm"], create_home=False).changed
    assert memberships(name) == {name, "adm"}
    assert own_bench.settle("user", name=name, groups=["adm"], create_home=False).changed


def test_append_keeps_the_other_groups(own_bench: Bench, name: str) -> None:
    own_bench.apply("user", name=name, groups=["adm"], create_home=False)
    assert own_bench.settle("user", name=name, groups="root,adm", append=True, create_home=False).changed
    assert memberships(name) == {"adm", "root"}
    assert own_bench.settle("user", name=name, groups=[""], create_home=False).changed
    assert memberships(name) == set()


def test_a_group_that_is_not_there_yet_is_unknown_in_check_mode(own_bench: Bench, name: str) -> None:
    assert own_bench.preview("user", name=name, groups=["there-is-none"]).needed is None
    with pytest.raises(TaskFailed, match="Group there-is-none does not exist"):
        own_bench.apply("user", name=name, groups=["there-is-none"])


def test_a_home_directory_that_is_missing_is_made(own_bench: Bench, name: str, target: Path) -> None:
    (target / "skel").mkdir()
    (target / "skel/.profile").write_text("hello")
    arguments: dict[str, Any] = {"name": name, "home": f"{target}/home", "skeleton": f"{target}/skel"}
    own_bench.settle("user", **arguments, create_home=False)
    assert not (target / "home").exists()
    assert own_bench.settle("user", **arguments, umask="077").changed
    home = target / "home"
    assert (home / ".profile").read_text() == "hello" and stat.S_IMODE(home.stat().st_mode) == 0o700
    assert (home / ".profile").stat().st_uid == pwd.getpwnam(name).pw_uid


def test_a_password_is_set_only_when_it_differs(own_bench: Bench, name: str) -> None:
    own_bench.settle("user", name=name, password=HASH, create_home=False)
    assert not own_bench.settle("user", name=name, password=HASH, create_home=False).changed
    assert not own_bench.settle(
        "user", name=name, password=OTHER, update_password="on_create", create_home=False
    ).changed
    assert own_bench.settle("user", name=name, password=OTHER, create_home=False).changed
    assert shadow(name)[1] == OTHER


def test_an_account_whose_making_was_cut_off_gets_its_password(own_bench: Bench, name: str) -> None:
    subprocess.run(["useradd", "-M", name], check=True)
    done = own_bench.settle("user", name=name, password=HASH, update_password="on_create", create_home=False)
    assert done.changed and shadow(name)[1] == HASH


def test_a_password_is_locked_and_unlocked(own_bench: Bench, name: str) -> None:
    own_bench.settle("user", name=name, password=HASH, password_lock=True, create_home=False)
    assert shadow(name)[1] == f"!{HASH}"
    own_bench.settle("user", name=name, password_lock=False, create_home=False)
    assert shadow(name)[1] == HASH


def test_an_account_and_its_password_can_end(own_bench: Bench, name: str) -> None:
    own_bench.settle("user", name=name, expires=1767139200.0, create_home=False)
    assert shadow(name)[7] == str(1767139200 // 86400)
    days: dict[str, Any] = {"password_expire_max": 90, "password_expire_min": 1, "password_expire_warn": 14}
    own_bench.settle("user", name=name, **days, password_expire_account_disable=30, create_home=False)
    assert shadow(name)[3:7] == ["1", "90", "14", "30"]
    own_bench.settle("user", name=name, expires=-1, create_home=False)
    assert shadow(name)[7] == ""
    own_bench.settle("user", name=name, password_expire_account_disable=-1, create_home=False)


def test_no_hash_is_seen_among_the_processes(
    own_bench: Bench, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program in the place of each one that is called writes down its words and environment."""
    spy = tmp_path / "spy"
    spy.mkdir()
    for program in ("useradd", "usermod", "chpasswd", "chage", "getent", "grep", "cut"):
        real = shutil.which(program)
        text = f'#!/bin/sh\n{{ echo "$0 $*"; env; }} >> {tmp_path}/seen\nexec {real} "$@"\n'
        (spy / program).write_text(text)
        (spy / program).chmod(0o755)
    monkeypatch.setenv("PATH", f"{spy}:{os.environ['PATH']}")
    own_bench.settle("user", name=name, password=HASH, password_lock=True, create_home=False)
    seen = (tmp_path / "seen").read_text()
    assert "chpasswd -e" in seen and HASH not in seen and HASH[3:] not in seen


@pytest.mark.parametrize("password", ["secret", "hunter2 hunter2", "$6$"])
def test_what_is_no_hash_is_refused_without_being_shown(own_bench: Bench, password: str) -> None:
    with pytest.raises(TaskFailed, match="is not a hash") as refused:
        own_bench.preview("user", name="x", password=password)
    assert password not in str(refused.value) + refused.value.hint


def test_a_key_is_made_once_and_told(own_bench: Bench, name: str, target: Path) -> None:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed")
    arguments: dict[str, Any] = {
        "name": name,
        "home": f"{target}/home",
        "generate_ssh_key": True,
        "ssh_key_type": "ed25519",
        "ssh_key_comment": "of $HOSTNAME today",
    }
    done = own_bench.settle("user", **arguments)
    key = target / "home/.ssh/id_ed25519"
    assert done.data["ssh_key_file"] == str(key)
    public = str(done.data["ssh_public_key"])
    assert public.startswith("ssh-ed25519 ") and public.endswith(f"of {os.uname().nodename} today")
    assert "SHA256:" in str(done.data["ssh_fingerprint"])
    uid = pwd.getpwnam(name).pw_uid
    assert {path.stat().st_uid for path in (key, key.parent, key.with_suffix(".pub"))} == {uid}
    assert stat.S_IMODE(key.stat().st_mode) == 0o600 and stat.S_IMODE(key.parent.stat().st_mode) == 0o700
    assert own_bench.apply("user", **arguments, force=True).changed
    assert key.with_suffix(".pub").read_text().strip() != public


def test_a_key_is_not_made_where_a_link_leads(own_bench: Bench, name: str, target: Path) -> None:
    own_bench.apply("user", name=name, home=f"{target}/home")
    (target / "elsewhere").mkdir()
    (target / "home/.ssh").symlink_to(target / "elsewhere")
    with pytest.raises(TaskFailed, match="is a link"):
        own_bench.apply("user", name=name, generate_ssh_key=True, ssh_key_type="ed25519")
    assert list((target / "elsewhere").iterdir()) == []


def test_an_account_is_removed_with_its_directory(own_bench: Bench, name: str, target: Path) -> None:
    own_bench.apply("user", name=name, home=f"{target}/home")
    assert own_bench.settle("user", name=name, state="absent", remove=True).changed
    assert not (target / "home").exists()


@pytest.mark.parametrize("module", ["user", "group"])
@pytest.mark.parametrize("wrong", ["-r", "a:b", "a b", "a\nb"])
def test_what_can_be_no_name_is_refused(own_bench: Bench, module: str, wrong: str) -> None:
    with pytest.raises(TaskFailed, match="cannot be the name of"):
        own_bench.apply(module, name=wrong)


def test_a_colon_would_break_the_file(own_bench: Bench) -> None:
    with pytest.raises(TaskFailed, match="`comment` may not hold"):
        own_bench.apply("user", name="x", comment="a:0:0:root")


# What Alpine's busybox has; the files they change are those of the stand-in. getent answers from them.
GETENT = 'case $1 in group) cat group;; *) grep "^$2:" "$1";; esac'
ADDUSER = r"""
home=/home/x
while [ $# -gt 1 ]; do case $1 in -D | -S | -H) shift;; -h) home=$2; shift 2;; *) shift 2;; esac; done
echo "$1:x:1000:1000:::/bin/sh" | sed "s#::/bin#:$home:/bin#" >> passwd; echo "$1:!:1::::::" >> shadow
echo "$1:x:1000:" >> group
"""
ADDGROUP = r"""
for last do :; done
case $1 in -*) ;; *) if [ $# = 2 ]; then sed "/^$2:/s/:$/:$1/" group > new; mv new group; exit; fi;; esac
echo "$last:x:1001:" >> group
"""
CHPASSWD = 'IFS=: read -r name hash; sed "s#^$name:[^:]*:#$name:$hash:#" shadow > new; mv new shadow'


@pytest.fixture
def alpine(standins: StandIns, bench: Bench, request: pytest.FixtureRequest) -> StandIns:
    if shutil.which("useradd") is not None:
        pytest.skip("here useradd would be used")
    if os.getuid() != 0:
        pytest.skip("only root may know what a password is")
    for program, script in (("getent", GETENT), ("adduser", ADDUSER), ("addgroup", ADDGROUP), ("chpasswd", CHPASSWD)):
        standins.add(program, script)
    standins.add("delgroup", 'if [ $# = 2 ]; then sed "/^$2:/s/:$1$/:/" group > new; mv new group; fi')
    standins.add("deluser", 'grep -v "^x:" passwd > new; mv new passwd')
    for name, text in (("passwd", ""), ("shadow", ""), ("group", "docker:x:500:\n")):
        standins.write(name, text)
    return standins


def test_busybox_makes_accounts_groups_and_passwords(bench: Bench, alpine: StandIns, target: Path) -> None:
    arguments: dict[str, Any] = {"name": "x", "home": f"{target}", "groups": ["docker"], "password": HASH}
    assert bench.apply("user", **arguments, system=True, **SH).changed
    assert alpine.calls("adduser") == [["-D", "-S", "-h", f"{target}", "-s", "/bin/sh", "x"]]
    assert alpine.calls("addgroup") == [["x", "docker"]]
    assert alpine.calls("chpasswd") == [["-e"]] and HASH in alpine.read("shadow")
    assert not bench.settle("user", **arguments).changed
    assert bench.settle("user", name="x", groups=[""], home=f"{target}").changed
    assert bench.settle("user", name="x", state="absent", remove=True).changed
    assert alpine.calls("deluser") == [["--remove-home", "x"]]
    assert bench.settle("group", name="fresh", gid=1001, system=True).changed
    assert alpine.calls("addgroup")[-1] == ["-g", "1001", "-S", "fresh"]


def test_busybox_cannot_change_an_account_and_says_what_can(bench: Bench, alpine: StandIns, target: Path) -> None:
    bench.apply("user", name="x", home=f"{target}")
    with pytest.raises(TaskFailed, match="busybox cannot change shell of x") as failed:
        bench.apply("user", name="x", **{"shell": "/bin/bash"})
    assert "shadow" in failed.value.hint


def test_a_host_without_any_of_the_programs_is_told(bench: Bench) -> None:
    if shutil.which("useradd") is not None:
        pytest.skip("here useradd would be used")
    with pytest.raises(TaskFailed, match="neither useradd nor adduser"):
        bench.apply("group", name="fresh-group-x")
