"""apt, with the real apt-get and dpkg, whose files and repository lie in a directory of the test's own."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runner.errors import TaskFailed
from runner.hosts.local import open_local
from runner.modules.contract import RunInfo
from runner.modules.packages import apt_get, dpkg
from runner.secret import Redactor
from runner.template import Templar
from tests.modules.bed import At, Bench

APT_CONF = """\
Dir "{root}";
Dir::State::status "{root}/var/lib/dpkg/status";
Dir::Bin::dpkg "/usr/bin/dpkg";
Dir::Etc::trusted "/dev/null";
APT::Sandbox::User "";
APT::Get::AllowUnauthenticated "false";
DPkg::Options {{ "--root={root}"; "--force-not-root"; "--force-bad-path"; "--force-script-chrootless"; }};
DPkg::Options {{ "--log={root}/log"; }};
DPkg::Path "";
"""


class Debian:
    """A root directory with dpkg's database, and a repository to install from."""

    def __init__(self, directory: Path) -> None:
        self.root, self.repository = directory / "root", directory / "repository"
        for path in ("var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/apt/lists/partial", "usr/sbin"):
            (self.root / path).mkdir(parents=True)
        for path in ("var/cache/apt/archives/partial", "etc/apt/apt.conf.d", "etc/apt/preferences.d", "var/log/apt"):
            (self.root / path).mkdir(parents=True)
        (self.root / "var/lib/dpkg/status").touch()
        self.repository.mkdir()
        (self.root / "etc/apt/sources.list").write_text(f"deb [trusted=yes] copy:{self.repository} ./\n")
        (directory / "apt.conf").write_text(APT_CONF.format(root=self.root))

    def offer(self, name: str, version: str = "1.0", script: str = "", **fields: str) -> Path:
        """Put a package into the repository; `script` runs when it is configured. Gives its file."""
        tree = self.repository.parent / "build" / f"{name}_{version}"
        (tree / "DEBIAN").mkdir(parents=True)
        (tree / f"usr/share/{name}").mkdir(parents=True)
        (tree / f"usr/share/{name}/version").write_text(version)
        about = {"Package": name, "Version": version, "Architecture": "all", "Maintainer": "nobody <a@b.c>", **fields}
        control = "".join(f"{key.replace('_', '-')}: {value}\n" for key, value in about.items())
        (tree / "DEBIAN/control").write_text(f"{control}Description: a package\n")
        if script:
            (tree / "DEBIAN/postinst").write_text(f"#!/bin/sh\nset -e\n{script}\n")
            (tree / "DEBIAN/postinst").chmod(0o755)
        file = self.repository / f"{name}_{version}_all.deb"
        subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, file], check=True, capture_output=True)
        self._index(control, file)
        return file

    def _index(self, control: str, file: Path) -> None:
        content = file.read_bytes()
        entry = f"{control}Filename: ./{file.name}\nSize: {len(content)}\n"
        entry += f"SHA256: {hashlib.sha256(content).hexdigest()}\nDescription: a package\n\n"
        with (self.repository / "Packages").open("a") as index:
            index.write(entry)

    def installed(self) -> dict[str, str]:
        """Name -> version."""
        argv = ["dpkg-query", f"--admindir={self.root}/var/lib/dpkg", "-W", "-f", "${Package} ${Version} ${Status}\n"]
        lines = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()
        return {line.split()[0]: line.split()[1] for line in lines if line.endswith("ok installed")}


@pytest.fixture
def debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Debian:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        pytest.skip("apt-get and dpkg-deb are not installed: this is no Debian")
    made = Debian(tmp_path)
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))
    monkeypatch.setenv("DPKG_ADMINDIR", f"{made.root}/var/lib/dpkg")
    monkeypatch.setenv("DPKG_ROOT", str(made.root))
    return made


@pytest.fixture
def apt(debian: Debian, tmp_path: Path) -> Iterator[Bench]:
    host = open_local("localhost")
    run = RunInfo(id="r1", playbook="site.yml", git_commit="", check=False, diff=True, resumed=False)
    # What a preview may not touch is what dpkg knows; apt-get keeps an index of its own in its cache.
    yield Bench(At(host, Templar([tmp_path], Redactor()), tmp_path, run), debian.root / "var/lib/dpkg")
    host.close()


@pytest.fixture
def stocked(debian: Debian, apt: Bench) -> Debian:
    """With two versions of a package, one that needs it, and fresh lists."""
    debian.offer("tool", "1.0")
    debian.offer("tool", "2.0")
    debian.offer("service", "5", Depends="tool", Recommends="extra")
    debian.offer("extra")
    apt.apply("apt", update_cache=True)
    return debian


def test_a_package_is_installed_with_what_it_needs_once(apt: Bench, stocked: Debian) -> None:
    foreseen = apt.preview("apt", name="service", install_recommends=False)
    assert foreseen.needed and foreseen.diff is not None
    assert foreseen.diff.after.splitlines() == ["installs tool 2.0", "installs service 5"]
    done = apt.settle("apt", name="service", install_recommends=False)
    assert done.changed and stocked.installed() == {"tool": "2.0", "service": "5"}
    assert "Setting up service" in str(done.data["stdout"])


def test_recommended_packages_come_when_they_are_wanted(apt: Bench, stocked: Debian) -> None:
    apt.settle("apt", name=["service"], install_recommends=True)
    assert stocked.installed().keys() == {"tool", "service", "extra"}


@pytest.mark.parametrize("name", ["tool=1.0", "tool=1.*"])
def test_a_version_that_is_named_is_installed_and_stays(apt: Bench, stocked: Debian, name: str) -> None:
    apt.settle("apt", name=name)
    assert stocked.installed() == {"tool": "1.0"}
    assert not apt.settle("apt", name="tool").changed, "present is no upgrade"


def test_the_latest_version_takes_the_place_of_an_older_one(apt: Bench, stocked: Debian) -> None:
    apt.apply("apt", name="tool=1.0")
    assert apt.preview("apt", name="tool", state="latest").summary == "upgrades tool 1.0 -> 2.0"
    apt.settle("apt", name="tool", state="latest")
    assert stocked.installed() == {"tool": "2.0"}


def test_a_version_at_least_is_met_by_a_newer_one(apt: Bench, stocked: Debian) -> None:
    apt.settle("apt", name="tool>=1.5")
    assert stocked.installed() == {"tool": "2.0"}
    with pytest.raises(TaskFailed, match="no version of tool from 3 on is available"):
        apt.apply("apt", name="tool>=3")


def test_a_downgrade_must_be_allowed(apt: Bench, stocked: Debian) -> None:
    apt.apply("apt", name="tool")
    with pytest.raises(TaskFailed, match="downgraded"):
        apt.apply("apt", name="tool=1.0")
    apt.settle("apt", name="tool=1.0", allow_downgrade=True)
    assert stocked.installed() == {"tool": "1.0"}


def test_only_upgrade_installs_nothing(apt: Bench, stocked: Debian) -> None:
    assert not apt.settle("apt", name="tool", state="latest", only_upgrade=True).changed
    apt.apply("apt", name="tool=1.0")
    assert apt.settle("apt", name="tool", state="latest", only_upgrade=True).changed


def test_packages_are_removed_with_those_that_need_them(apt: Bench, stocked: Debian) -> None:
    apt.apply("apt", name="service")
    apt.settle("apt", name="to*", state="absent")
    assert stocked.installed().keys() == {"extra"}
    assert not apt.settle("apt", name="nonsense", state="absent").changed


def test_what_nobody_needs_any_more_is_removed(apt: Bench, stocked: Debian) -> None:
    apt.apply("apt", name="service", install_recommends=False)
    apt.settle("apt", name="service", state="absent", purge=True)
    assert stocked.installed().keys() == {"tool"}
    apt.settle("apt", autoremove=True)
    assert stocked.installed() == {}


def test_removal_takes_what_nobody_needs_along(apt: Bench, stocked: Debian) -> None:
    apt.apply("apt", name="service", install_recommends=False)
    apt.settle("apt", name="service", state="absent", autoremove=True)
    assert stocked.installed() == {}


@pytest.mark.parametrize("how", ["yes", "safe", "full", "dist"])
def test_everything_is_upgraded(apt: Bench, stocked: Debian, how: str) -> None:
    apt.apply("apt", name="tool=1.0")
    apt.settle("apt", upgrade=how)
    assert stocked.installed() == {"tool": "2.0"}


def test_a_virtual_package_is_there_when_another_provides_it(apt: Bench, debian: Debian) -> None:
    debian.offer("postfix-like", Provides="mail-agent")
    apt.apply("apt", update_cache=True, name="postfix-like")
    assert not apt.settle("apt", name="mail-agent").changed


def test_a_package_file_is_installed_with_what_it_needs(apt: Bench, stocked: Debian, tmp_path: Path) -> None:
    file = stocked.offer("single", "7", Depends="tool")
    apt.settle("apt", deb=str(file))
    assert stocked.installed() == {"single": "7", "tool": "2.0"}
    with pytest.raises(TaskFailed, match="is not a package"):
        apt.apply("apt", deb=f"{tmp_path}/nothing.deb")


def test_a_package_nobody_has_is_told_as_ansible_tells_it(apt: Bench, stocked: Debian) -> None:
    for attempt in (apt.preview, apt.apply):
        with pytest.raises(TaskFailed, match="No package matching 'nonsense' is available") as failed:
            attempt("apt", name="nonsense")
    assert "update_cache" in failed.value.hint
    with pytest.raises(TaskFailed, match=r"no version '9' of package tool is available"):
        apt.apply("apt", name="tool=9")


def test_with_old_lists_nothing_is_promised(apt: Bench, debian: Debian) -> None:
    debian.offer("late")
    assert apt.preview("apt", name="late", update_cache=True).needed is None
    done = apt.apply("apt", name="late", update_cache=True)
    assert done.changed and done.data["cache_updated"] is True
    assert apt.preview("apt", name="late", state="latest", update_cache=True).needed is None


def test_lists_are_fetched_when_they_are_too_old(apt: Bench, stocked: Debian) -> None:
    lists = stocked.root / "var/lib/apt/lists"
    assert not apt.settle("apt", cache_valid_time=3600).changed
    stocked.offer("late")
    assert not apt.settle("apt", update_cache=False, cache_valid_time=1, name="tool").data["cache_updated"]
    os.utime(lists, (0, 0))
    assert apt.preview("apt", cache_valid_time=3600).needed is None
    done: Any = apt.apply("apt", cache_valid_time=3600)
    assert done.changed and done.data["cache_updated"] and done.data["cache_update_time"] > 1_700_000_000
    assert apt.preview("apt", name="late").needed


def test_lists_with_nothing_new_are_no_change_and_fresh_again(apt: Bench, stocked: Debian) -> None:
    lists = stocked.root / "var/lib/apt/lists"
    assert not apt.apply("apt", update_cache=True).changed
    os.utime(lists, (0, 0))
    assert not apt.apply("apt", cache_valid_time=3600).changed
    assert apt.preview("apt", cache_valid_time=3600).needed is False


def test_lists_that_cannot_be_fetched_are_tried_for_again(apt: Bench, stocked: Debian) -> None:
    shutil.rmtree(stocked.repository)
    with pytest.raises(TaskFailed, match="Failed to update apt cache"):
        apt.apply("apt", update_cache=True, update_cache_retries=2)
    assert isinstance(apt.at, At) and apt.at.slept == [1, 2]


def test_kept_packages_are_removed(apt: Bench, stocked: Debian) -> None:
    kept = stocked.root / "var/cache/apt/archives/tool_1.0_all.deb"
    shutil.copy(stocked.repository / kept.name, kept)
    apt.settle("apt", clean=True)
    assert not kept.exists()


def test_no_service_is_started_while_the_policy_forbids_it(apt: Bench, debian: Debian) -> None:
    policy = debian.root / "usr/sbin/policy-rc.d"
    debian.offer("daemon", script='cp "$DPKG_ROOT/usr/sbin/policy-rc.d" "$DPKG_ROOT/seen"')
    policy.write_text("#!/bin/sh\nexit 0\n")
    apt.apply("apt", update_cache=True, name="daemon", policy_rc_d=101)
    assert (debian.root / "seen").read_text().endswith("exit 101\n")
    assert policy.read_text() == "#!/bin/sh\nexit 0\n"
    assert [path.name for path in policy.parent.iterdir()] == ["policy-rc.d"]


def test_a_policy_left_by_a_run_that_was_killed_is_taken_away(apt: Bench, debian: Debian) -> None:
    policy = debian.root / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\n# in place while packages are installed\nexit 101\n")
    kept = policy.with_name("policy-rc.d.sentraplay-kept")
    kept.write_text("the host's own")
    debian.offer("tool")
    apt.apply("apt", update_cache=True, name="tool")
    assert policy.read_text() == "the host's own" and not kept.exists()


def test_a_failed_installation_is_told_and_finished_the_next_time(apt: Bench, debian: Debian) -> None:
    ready = debian.root / "ready"
    debian.offer("careful", script='[ -e "$DPKG_ROOT/ready" ] || { echo not yet >&2; exit 3; }')
    with pytest.raises(TaskFailed, match="apt-get careful:") as failed:
        apt.apply("apt", update_cache=True, name="careful")
    assert "not yet" in str(failed.value.data["stderr"]) + str(failed.value.data["stdout"])
    assert debian.installed() == {}
    ready.touch()
    done = apt.settle("apt", name="careful")
    assert done.changed and debian.installed() == {"careful": "1.0"}


def test_an_installation_that_was_killed_is_finished_first(apt: Bench, stocked: Debian) -> None:
    """As after a power cut: dpkg has an entry in its journal, and a package is unpacked but not configured."""
    if os.getuid() != 0:
        pytest.skip("only root may finish what dpkg has begun")
    file = stocked.repository / "tool_1.0_all.deb"
    options = [f"--root={stocked.root}", "--force-not-root", "--force-bad-path"]
    subprocess.run(["dpkg", *options, "--unpack", file], check=True, capture_output=True)
    status = stocked.root / "var/lib/dpkg/status"
    (stocked.root / "var/lib/dpkg/updates/0000").write_text(status.read_text().split("\n\n")[0] + "\n\n")
    assert stocked.installed() == {}
    done = apt.settle("apt", name="service", install_recommends=False)
    assert done.changed and stocked.installed().keys() == {"tool", "service"}


def test_a_lock_is_waited_for(apt: Bench, stocked: Debian) -> None:
    """Somebody else holds dpkg's lock, in a process of its own, until the module has waited twice."""
    lock = stocked.root / "var/lib/dpkg/lock-frontend"
    text = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX); print('held'); input()"
    holder = subprocess.Popen(
        [sys.executable, "-u", "-c", text, lock], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert holder.stdin is not None and holder.stdout is not None and holder.stdout.readline()
    with pytest.raises(TaskFailed, match="lock") as failed:
        apt.apply("apt", name="tool", lock_timeout=0)
    assert "lock_timeout" in failed.value.hint
    with pytest.raises(TaskFailed, match="lock"):
        apt.apply("apt", name="tool", lock_timeout=2)
    holder.communicate("\n", timeout=10)
    assert isinstance(apt.at, At) and apt.at.slept == [1, 1]
    assert apt.apply("apt", name="tool", lock_timeout=2).changed


def test_nothing_to_do_is_an_error(apt: Bench) -> None:
    with pytest.raises(TaskFailed, match="nothing to do"):
        apt.apply("apt", autoremove=False)


@pytest.mark.parametrize("name", ["-o", "--purge", "a b", "", "a=", "$(x)y z"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(TaskFailed, match="is not the name of a package"):
        dpkg.wish(name)


def test_steps_are_read_from_a_simulation() -> None:
    text = "Inst libc6 [2.36-9] (2.36-9+deb12u4 Debian:12.5/stable [amd64])\nInst curl (7.88 Debian [amd64])\n"
    text += "Conf curl (7.88 Debian [amd64])\nConf half (1.0 Debian [amd64])\nRemv nano [7.2]\n"
    assert [str(step) for step in apt_get.steps(text)] == [
        "upgrades libc6 2.36-9 -> 2.36-9+deb12u4",
        "installs curl 7.88",
        "configures half 1.0",
        "removes nano 7.2",
    ]
