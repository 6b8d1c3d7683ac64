"""dnf, with stand-ins for rpm and dnf that answer in the words of Rocky Linux 9."""

from __future__ import annotations

import pytest

from runner.errors import TaskFailed
from tests.modules.bed import Bench
from tests.modules.standins import StandIns

# `installed` and `newest` hold NAME VERSION lines.
RPM = r"""
root=; case $* in *--root=*) root=1;; esac
for last do :; done
case $1 in
  -qp) case $last in */tool-2.0-1.noarch.rpm) echo tool-2.0-1.noarch;; *) exit 1;; esac;;
  -qa) pattern=$last; grep . installed | while read -r name version; do
         case $name in $pattern) echo "$name-$version";; esac; done;;
  -q)  found=$(while read -r name version; do
         case $last in "$name" | "$name-${version%.noarch}" | "$name-$version") echo "$name-$version";; esac
       done < installed)
       case $*$last in *--whatprovides*"tool >= 1"*) found=tool;; esac
       if [ -z "$found" ]; then echo "package $last is not installed"; exit 1; fi; echo "$found";;
esac
"""
DNF = r"""
if [ -e refuses ]; then cat refuses >&2; exit 1; fi
verb= names=
for word do case $word in -*) ;; *) if [ -z "$verb" ]; then verb=$word; else names="$names $word"; fi;; esac; done
version() { sed -n "s/^$1 //p" newest; }
case $verb in
  makecache) echo Metadata cache created.;;
  check-update) rc=0
    for name in ${names:-$(sed 's/ .*//' installed)}; do
      if [ -n "$(version "$name")" ] && ! grep -qx "$name $(version "$name")" installed; then
        echo "$name.noarch  $(version "$name")  baseos"; rc=100; fi; done; exit $rc;;
  install | upgrade)
    case $* in *--assumeno*) if [ -e group-installed ]; then echo 'Nothing to do.'; exit 0; fi
      echo 'Operation aborted.'; exit 1;; esac
    for name in ${names:-$(sed 's/ .*//' installed)}; do
      case $name in @*) touch group-installed; continue;; esac
      name=${name%-2.0-1}
      if [ -z "$(version "$name")" ]; then
        echo "No match for argument: $name"; echo "Error: Unable to find a match: $name" >&2; exit 1; fi
      grep -v "^$name " installed > rest; mv rest installed; echo "$name $(version "$name")" >> installed; done
    echo 'Complete!';;
  remove) for name in $names; do grep -v "^$name " installed > rest; mv rest installed; done; echo 'Complete!';;
  autoremove) case $* in *--assumeno*) if grep -q '^orphan ' installed; then echo 'Operation aborted.'; exit 1; fi
      echo 'Nothing to do.'; exit 0;; esac
    grep -v '^orphan ' installed > rest; mv rest installed; echo 'Complete!';;
esac
"""


@pytest.fixture
def rocky(standins: StandIns) -> StandIns:
    standins.add("rpm", RPM)
    standins.add("dnf", DNF)
    standins.write("installed", "bash 5.1-9.noarch\ntool 1.0-1.noarch\n")
    standins.write("newest", "bash 5.1-9.noarch\ntool 2.0-1.noarch\nservice 5-1.noarch\n")
    return standins


def acting(rocky: StandIns) -> list[list[str]]:
    """The calls that change something, without -y."""
    verbs = {"install", "upgrade", "remove", "autoremove", "makecache"}
    calls = [words for words in rocky.calls("dnf") if "--assumeno" not in words and verbs & set(words)]
    assert all("-y" in words for words in calls), "a question would be asked"
    return [[word for word in words if word != "-y"] for words in calls]


def test_what_is_missing_is_installed_once(bench: Bench, rocky: StandIns) -> None:
    assert bench.settle("dnf", name=["bash", "service"]).changed
    assert acting(rocky) == [["install", "service"]]


def test_present_is_no_upgrade_and_latest_is_one(bench: Bench, rocky: StandIns) -> None:
    assert not bench.settle("dnf", name="tool").changed
    assert bench.settle("dnf", name=["tool", "bash", "service"], state="latest").changed
    assert acting(rocky) == [["install", "service"], ["upgrade", "tool", "bash"]]


def test_everything_is_upgraded(bench: Bench, rocky: StandIns) -> None:
    bench.settle("dnf", name="*", state="latest", security=True)
    assert acting(rocky) == [["upgrade", "--security"]]
    assert "tool 2.0-1.noarch" in rocky.read("installed")


def test_update_only_installs_nothing(bench: Bench, rocky: StandIns) -> None:
    bench.settle("dnf", name=["tool", "service"], state="latest", update_only=True)
    assert acting(rocky) == [["upgrade", "tool"]]


@pytest.mark.parametrize("name", ["tool-1.0-1", "tool >= 1", "to*"])
def test_a_version_a_condition_or_a_pattern_that_is_met_is_no_change(bench: Bench, rocky: StandIns, name: str) -> None:
    assert not bench.settle("dnf", name=name).changed


def test_a_package_file_is_met_by_the_package_in_it(bench: Bench, rocky: StandIns) -> None:
    file = "/var/tmp/tool-2.0-1.noarch.rpm"
    assert bench.preview("dnf", name=file).needed
    rocky.write("installed", "tool 2.0-1.noarch\n")
    assert not bench.settle("dnf", name=file).changed


def test_what_is_there_is_removed_once(bench: Bench, rocky: StandIns) -> None:
    assert bench.settle("dnf", name=["tool", "service"], state="absent", autoremove=True).changed
    assert acting(rocky) == [["--setopt=clean_requirements_on_remove=1", "remove", "tool"]]
    assert not bench.settle("dnf", name="nonsense", state="removed").changed


def test_a_group_is_asked_of_dnf_itself(bench: Bench, rocky: StandIns) -> None:
    assert bench.settle("dnf", name="@development").changed
    assert acting(rocky) == [["install", "@development"]]


def test_what_nobody_needs_any_more_is_removed(bench: Bench, rocky: StandIns) -> None:
    assert not bench.settle("dnf", autoremove=True).changed
    rocky.write("installed", "orphan 1\n")
    assert bench.settle("dnf", autoremove=True).changed


def test_options_reach_dnf(bench: Bench, rocky: StandIns) -> None:
    bench.apply(
        "dnf",
        name="service",
        enablerepo=["epel", "crb"],
        disablerepo="extras",
        exclude=["kernel*"],
        disable_gpg_check=True,
        install_weak_deps=False,
        nobest=True,
        releasever="9",
        installroot="/mnt/x",
        sslverify=False,
    )
    assert acting(rocky) == [
        [
            *("--enablerepo=epel,crb", "--disablerepo=extras", "--exclude=kernel*", "--installroot=/mnt/x"),
            *("--releasever=9", "--nogpgcheck", "--setopt=sslverify=0", "--setopt=install_weak_deps=0"),
            *("--nobest", "install", "service"),
        ]
    ]
    assert ["-q", "--root=/mnt/x", "service"] in rocky.calls("rpm")


def test_the_repositories_are_asked_first_when_wanted(bench: Bench, rocky: StandIns) -> None:
    assert bench.preview("dnf", name="bash", state="latest", update_cache=True).needed is None
    bench.apply("dnf", name="service", update_cache=True)
    assert acting(rocky) == [["makecache", "--refresh"], ["install", "service"]]
    assert not bench.settle("dnf", update_cache=True).changed


def test_a_package_nobody_has_is_told(bench: Bench, rocky: StandIns) -> None:
    with pytest.raises(TaskFailed, match="No package nonsense available") as failed:
        bench.apply("dnf", name="nonsense")
    assert "enablerepo" in failed.value.hint and failed.value.data["rc"] == 1


def test_who_is_not_root_is_told_what_to_do(bench: Bench, rocky: StandIns) -> None:
    rocky.write("refuses", "Error: This command has to be run with superuser privileges (under the root user).\n")
    with pytest.raises(TaskFailed) as failed:
        bench.apply("dnf", name="service")
    assert "become" in failed.value.hint


@pytest.mark.parametrize("name", ["--installroot=/", " "])
def test_what_is_no_name_is_refused(bench: Bench, rocky: StandIns, name: str) -> None:
    with pytest.raises(TaskFailed, match="is not the name of a package"):
        bench.apply("dnf", name=name)


def test_a_host_of_another_kind_is_told(bench: Bench) -> None:
    with pytest.raises(TaskFailed, match="neither dnf nor yum"):
        bench.apply("dnf", name="x")
