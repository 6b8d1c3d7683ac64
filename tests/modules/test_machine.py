"""hostname, sysctl and mount, for real, in a view of this machine that is the test's own."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from runner.errors import TaskFailed
from runner.modules.machine import fstab
from runner.modules.machine.fstab import Entry
from tests.modules.bed import Bench
from tests.modules.standins import StandIns

FORWARD = Path("/proc/sys/net/ipv4/ip_forward")


def test_the_name_is_set_now_and_for_the_next_start(private_machine: Path, bench: Bench) -> None:
    (private_machine / "hostname").write_text("old\n")
    done = bench.settle("hostname", name="db1", use="generic")
    assert os.uname().nodename == "db1" and (private_machine / "hostname").read_text() == "db1\n"
    assert done.facts["ansible_hostname"] == "db1" and done.diff is not None
    assert bench.settle("hostname", name="db2.example.org").facts["ansible_nodename"] == "db2.example.org"


def test_a_name_that_is_only_set_now_is_kept_too(private_machine: Path, bench: Bench) -> None:
    bench.apply("hostname", name="db1", use="debian")
    (private_machine / "hostname").write_text("other\n")
    assert bench.preview("hostname", name="db1", use="debian").needed
    assert bench.settle("hostname", name="db1", use="debian").changed


@pytest.mark.parametrize(
    ("use", "file", "before", "after"),
    [
        ("openrc", "conf.d/hostname", '# mine\nhostname="old"\n', '# mine\nhostname="db1"\n'),
        ("redhat", "sysconfig/network", "NETWORKING=yes\nHOSTNAME=old\n", "NETWORKING=yes\nHOSTNAME=db1\n"),
        ("sles", "HOSTNAME", "old\n", "db1\n"),
        ("alpine", "hostname", "old\n", "db1\n"),
    ],
)
def test_each_kind_of_system_keeps_it_in_its_file(
    private_machine: Path, bench: Bench, use: str, file: str, before: str, after: str
) -> None:
    path = private_machine / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(before)
    assert bench.settle("hostname", name="db1", use=use).changed
    assert path.read_text() == after


def test_systemd_is_asked_to_do_it(private_machine: Path, bench: Bench, standins: StandIns) -> None:
    standins.add(
        "hostnamectl",
        'case $1$2 in --staticstatus) cat name;; --staticset*) echo "$3" > name;; *) hostname "$3";; esac',
    )
    standins.write("name", "old\n")
    assert bench.settle("hostname", name="db1", use="systemd").changed
    assert standins.calls("hostnamectl")[-2][-2:] != ["set-hostname", "old"]
    assert ["--transient", "set-hostname", "db1"] in standins.calls("hostnamectl")


@pytest.mark.parametrize("name", ["-x", "a b", "x" * 65, "a;b", "ends-"])
def test_what_can_be_no_name_is_refused(bench: Bench, name: str) -> None:
    with pytest.raises(TaskFailed, match="cannot be the name of a machine"):
        bench.preview("hostname", name=name)


def test_a_setting_is_written_and_put_in_force(private_machine: Path, bench: Bench, target: Path) -> None:
    file = target / "60-test.conf"
    FORWARD.write_text("0")
    done = bench.settle("sysctl", name="net.ipv4.ip_forward", value=True, sysctl_file=str(file), mode="0640")
    assert file.read_text() == "net.ipv4.ip_forward=1\n" and FORWARD.read_text() == "1\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640 and done.diff is not None


def test_a_file_that_is_right_is_put_in_force_again_if_it_is_not(
    private_machine: Path, bench: Bench, target: Path
) -> None:
    file = target / "60-test.conf"
    file.write_text("net.ipv4.ip_forward = 1\n")
    FORWARD.write_text("0")
    assert bench.settle("sysctl", name="net.ipv4.ip_forward", value="1", sysctl_file=str(file)).changed
    assert FORWARD.read_text() == "1\n" and file.read_text() == "net.ipv4.ip_forward = 1\n"


def test_a_setting_can_be_made_now_without_the_file_in_force(private_machine: Path, bench: Bench, target: Path) -> None:
    FORWARD.write_text("0")
    arguments: dict[str, Any] = {"sysctl_file": f"{target}/x.conf", "reload": False}
    bench.settle("sysctl", name="net.ipv4.ip_forward", value="yes", sysctl_set=True, **arguments)
    assert FORWARD.read_text() == "1\n"
    FORWARD.write_text("0")
    assert not bench.settle("sysctl", name="net.ipv4.ip_forward", value="1", **arguments).changed


def test_only_the_lines_of_the_setting_are_touched(bench: Bench, target: Path) -> None:
    file = target / "x.conf"
    file.write_text("# about\nvm.a = 1\n\n; more\nvm.b=2\n-vm.a=3\n")
    arguments: dict[str, Any] = {"sysctl_file": str(file), "reload": False}
    assert bench.settle("sysctl", name="vm.a", value="4", **arguments).changed
    assert file.read_text() == "# about\nvm.a=4\n\n; more\nvm.b=2\n"
    assert bench.settle("sysctl", name="vm.a", state="absent", **arguments).changed
    assert file.read_text() == "# about\n\n; more\nvm.b=2\n"
    assert not bench.settle("sysctl", name="vm.a", state="absent", **arguments).changed


def test_blanks_between_numbers_do_not_count(bench: Bench, target: Path) -> None:
    file = target / "x.conf"
    file.write_text("net.x = 4096\t87380   6291456\n")
    assert not bench.settle(
        "sysctl", name="net.x", value="4096 87380 6291456", sysctl_file=str(file), reload=False
    ).changed


def test_a_setting_the_kernel_has_not_got_is_an_error_unless_it_may_be(bench: Bench, target: Path) -> None:
    arguments: dict[str, Any] = {"name": "net.there_is_none", "value": 1, "sysctl_file": f"{target}/x.conf"}
    with pytest.raises(TaskFailed, match=r"cannot put .*x.conf in force: .*there.is.none") as failed:
        bench.apply("sysctl", **arguments)
    assert "ignoreerrors" in failed.value.hint
    (target / "x.conf").unlink()
    bench.settle("sysctl", **arguments, ignoreerrors=True)


@pytest.mark.parametrize("wrong", [{"name": "a b", "value": 1}, {"name": "-w", "value": 1}])
def test_what_cannot_be_a_setting_is_refused(bench: Bench, wrong: dict[str, Any]) -> None:
    with pytest.raises(TaskFailed, match="is not the name of a setting"):
        bench.preview("sysctl", **wrong)


def mounts() -> dict[str, str]:
    """Place -> options."""
    return {one.path: one.opts for one in fstab.entries(Path("/proc/thread-self/mounts").read_text())}


@pytest.fixture
def place(private_machine: Path, tmp_path: Path) -> dict[str, Any]:
    (private_machine / "fstab").write_text("# the machine's own\nUUID=1-2 / ext4 defaults 0 1\n")
    return {"path": f"{tmp_path}/a place", "src": "tmpfs", "fstype": "tmpfs", "fstab": "/etc/fstab"}


def test_a_file_system_is_mounted_and_noted(bench: Bench, place: dict[str, Any], private_machine: Path) -> None:
    done = bench.settle("mount", **place, state="mounted", opts="size=1m,noexec", backup=True)
    assert "noexec" in mounts()[place["path"]]
    lines = (private_machine / "fstab").read_text().splitlines()
    escaped = place["path"].replace(" ", "\\040")
    assert lines == [
        "# the machine's own",
        "UUID=1-2 / ext4 defaults 0 1",
        f"tmpfs {escaped} tmpfs size=1m,noexec 0 0",
    ]
    assert Path(str(done.data["backup_file"])).read_text().count("\n") == 2


def test_other_options_are_put_in_force_without_unmounting(bench: Bench, place: dict[str, Any]) -> None:
    bench.apply("mount", **place, state="mounted", opts="size=1m,ro")
    assert mounts()[place["path"]].startswith("ro")
    assert bench.settle("mount", **place, state="mounted", opts="size=2m").changed
    assert mounts()[place["path"]].startswith("rw")


def test_what_cannot_be_mounted_is_not_noted(bench: Bench, place: dict[str, Any], private_machine: Path) -> None:
    with pytest.raises(TaskFailed, match="cannot mount /dev/there-is-none at .*there-is-none"):
        bench.apply("mount", **{**place, "src": "/dev/there-is-none", "fstype": "ext4"}, state="mounted")
    assert "there-is-none" not in (private_machine / "fstab").read_text()


def test_cut_off_before_it_was_noted_the_rest_is_done(bench: Bench, place: dict[str, Any]) -> None:
    bench.apply("mount", **place, state="ephemeral")
    assert bench.settle("mount", **place, state="mounted").changed


def test_present_notes_and_does_not_mount(bench: Bench, place: dict[str, Any], private_machine: Path) -> None:
    bench.settle("mount", **place, state="present", boot=False, passno=2)
    assert place["path"] not in mounts()
    assert (private_machine / "fstab").read_text().endswith("tmpfs defaults,noauto 0 2\n")
    assert bench.settle("mount", path=place["path"], state="absent_from_fstab").changed


def test_absent_unmounts_forgets_and_removes_the_place(bench: Bench, place: dict[str, Any]) -> None:
    bench.apply("mount", **place, state="mounted")
    assert bench.settle("mount", path=place["path"], state="absent").changed
    assert place["path"] not in mounts() and not Path(place["path"]).exists()


def test_absent_leaves_alone_what_fstab_does_not_know(bench: Bench, place: dict[str, Any]) -> None:
    bench.apply("mount", **place, state="ephemeral")
    assert not bench.settle("mount", path=place["path"], state="absent").changed
    assert place["path"] in mounts()


def test_unmounted_leaves_fstab_alone(bench: Bench, place: dict[str, Any], private_machine: Path) -> None:
    bench.apply("mount", **place, state="mounted")
    noted = (private_machine / "fstab").read_text()
    assert bench.settle("mount", path=place["path"], state="unmounted").changed
    assert place["path"] not in mounts() and (private_machine / "fstab").read_text() == noted


def test_a_directory_is_shown_at_another_place(bench: Bench, place: dict[str, Any], target: Path) -> None:
    (target / "file").write_text("x")
    bench.settle("mount", path=place["path"], src=str(target), fstype="none", opts="bind", state="mounted")
    assert (Path(place["path"]) / "file").read_text() == "x"


def test_remounting_is_always_a_change_and_needs_a_mount(bench: Bench, place: dict[str, Any]) -> None:
    with pytest.raises(TaskFailed, match="nothing is mounted at"):
        bench.preview("mount", path=place["path"], state="remounted")
    bench.apply("mount", **place, state="ephemeral")
    assert bench.apply("mount", path=place["path"], state="remounted", opts="ro").changed
    assert mounts()[place["path"]].startswith("ro")
    assert bench.apply("mount", **place, state="ephemeral").changed


def test_another_source_takes_the_place_or_is_refused(bench: Bench, place: dict[str, Any], target: Path) -> None:
    bench.apply("mount", **place, state="mounted")
    other = {**place, "src": str(target), "fstype": "none", "opts": "bind"}
    with pytest.raises(TaskFailed, match="tmpfs is mounted at"):
        bench.apply("mount", **other, state="ephemeral")
    assert bench.settle("mount", **other, state="mounted").changed


def test_a_password_in_the_options_is_refused(bench: Bench) -> None:
    with pytest.raises(TaskFailed, match="a password in `opts`") as refused:
        bench.preview(
            "mount", path="/mnt", src="//nas/x", fstype="cifs", opts="username=me,password=x", state="present"
        )
    assert "credentials=" in refused.value.hint


def test_swap_is_known_by_its_source() -> None:
    text = "/swap1 none swap sw 0 0\n/swap2 none swap sw 0 0\n"
    changed = fstab.with_entry(text, Entry("/swap2", "none", "swap", "pri=1"))
    assert changed == "/swap1 none swap sw 0 0\n/swap2 none swap pri=1 0 0\n"
    assert fstab.without(text, "none", "/swap1") == "/swap2 none swap sw 0 0\n"


def test_a_line_that_already_says_it_stays_as_it_is_written() -> None:
    text = "/dev/a\t/srv\text4\tdefaults\n"
    assert fstab.with_entry(text, Entry("/dev/a", "/srv", "ext4")) == text
