"""apk, with a stand-in that answers in the words of Alpine's, and package, which chooses among the managers."""

from __future__ import annotations

import shutil

import pytest

from runner.errors import TaskFailed
from tests.modules.bed import Bench
from tests.modules.standins import StandIns

# `installed` and `newest` hold NAME VERSION lines, `world` what was asked for.
APK = r"""
verb= names= simulate=
skip=
for word do
  if [ -n "$skip" ]; then skip=; continue; fi
  case $word in
    --repository | --repositories-file | -l) skip=1;;
    --simulate) simulate=1;;
    -*) ;;
    *) if [ -z "$verb" ]; then verb=$word; else names="$names $word"; fi;;
  esac
done
version() { sed -n "s/^$1 //p" "$2"; }
if [ -n "$simulate" ]; then cp installed installed.sim; cp world world.sim; i=installed.sim w=world.sim
else i=installed w=world; fi
put() { grep -v "^$1 " $i > rest; mv rest $i; echo "$1 $(version "$1" newest)" >> $i; }
case $verb in
  info) grep -q "^${names# } " installed;;
  update) echo 'OK: 24170 distinct packages available'; touch updated;;
  version) for name in $names; do
      if [ "$(version "$name" installed)" != "$(version "$name" newest)" ]; then
        echo "$name-$(version "$name" installed)    < $(version "$name" newest)"; fi; done;;
  add) n=0
    for name in $names; do bare=${name%%[=<>~@]*}
      if [ -z "$(version "$bare" newest)" ]; then
        echo 'ERROR: unable to select packages:' >&2; echo "  $bare (no such package):" >&2
        echo "    required by: world[$bare]" >&2; exit 1; fi
      old=$(version "$bare" $i)
      grep -vx "$bare" $w > rest; mv rest $w; echo "$name" >> $w
      if [ -z "$old" ]; then echo "(1/1) Installing $bare ($(version "$bare" newest))"; put "$bare"
      else case $* in *--upgrade*)
        echo "(1/1) Upgrading $bare ($old -> $(version "$bare" newest))"; put "$bare";; esac; fi
    done; echo 'OK: 12 MiB in 20 packages';;
  del) for name in $names; do grep -vx "$name" $w > rest; mv rest $w
      if [ -e needed ]; then echo "World updated, but the following packages are not removed due to:"; continue; fi
      echo "(1/1) Purging $name ($(version "$name" $i))"; grep -v "^$name " $i > rest; mv rest $i; done
    echo 'OK: 10 MiB in 19 packages';;
  upgrade) while read -r name now; do
      if [ "$now" != "$(version "$name" newest)" ]; then
        echo "(1/1) Upgrading $name ($now -> $(version "$name" newest))"; echo "$name" >> todo; fi; done < installed
    if [ -e todo ]; then for name in $(cat todo); do put "$name"; done; rm todo; fi; echo 'OK: 12 MiB in 20 packages';;
esac
"""


@pytest.fixture
def alpine(standins: StandIns) -> StandIns:
    standins.add("apk", APK)
    standins.write("installed", "busybox 1.36.1-r29\ntool 1.0-r0\nlib-tool 3.1-r1\n")
    standins.write("newest", "busybox 1.36.1-r29\ntool 2.0-r0\nlib-tool 3.1-r1\nservice 5-r0\n")
    standins.write("world", "busybox\ntool\n")
    return standins


def acting(alpine: StandIns) -> list[list[str]]:
    verbs = {"add", "del", "upgrade", "update"}
    return [words for words in alpine.calls("apk") if verbs & set(words) and "--simulate" not in words]


def world(alpine: StandIns) -> dict[str, str]:
    return {"world": str(alpine.state / "world")}


def test_what_is_missing_is_installed_once(bench: Bench, alpine: StandIns) -> None:
    assert bench.preview("apk", name="service", **world(alpine)).summary == "installing service 5-r0"
    done = bench.settle("apk", name=["tool", "service"], **world(alpine))
    assert done.data["packages"] == ["service"]
    assert acting(alpine) == [["add", "service"]]


def test_what_is_there_for_another_package_is_wanted_by_itself_from_now_on(bench: Bench, alpine: StandIns) -> None:
    assert bench.settle("apk", name="lib-tool", **world(alpine)).changed
    assert "lib-tool" in alpine.read("world").split()


def test_latest_upgrades_and_present_does_not(bench: Bench, alpine: StandIns) -> None:
    assert not bench.settle("apk", name="tool", **world(alpine)).changed
    assert bench.settle("apk", name="tool,busybox", state="latest", **world(alpine)).changed
    assert acting(alpine) == [["add", "--upgrade", "tool"]]


def test_what_is_there_is_removed_once(bench: Bench, alpine: StandIns) -> None:
    assert bench.settle("apk", name="tool", state="absent", **world(alpine)).changed
    assert acting(alpine) == [["del", "--purge", "tool"]]


def test_what_another_package_needs_is_not_said_to_be_removed(bench: Bench, alpine: StandIns) -> None:
    alpine.write("needed", "")
    with pytest.raises(TaskFailed, match="failed to remove tool: other packages need it"):
        bench.apply("apk", name="tool", state="absent", **world(alpine))


def test_everything_is_upgraded_once(bench: Bench, alpine: StandIns) -> None:
    assert bench.settle("apk", upgrade=True, available=True).data["packages"] == ["tool"]
    assert acting(alpine) == [["upgrade", "--available"]]


def test_indexes_are_fetched_first(bench: Bench, alpine: StandIns) -> None:
    bench.apply("apk", name="service", update_cache=True, no_cache=True, repository="https://x/edge", **world(alpine))
    own = ["--no-cache", "--repository", "https://x/edge", "--repositories-file", "/dev/null"]
    assert acting(alpine) == [[*own, "update"], [*own, "add", "service"]]
    assert bench.apply("apk", update_cache=True).changed
    assert bench.preview("apk", name="busybox", state="latest", update_cache=True, **world(alpine)).needed is None


def test_a_package_nobody_has_is_told(bench: Bench, alpine: StandIns) -> None:
    for attempt in (bench.preview, bench.apply):
        with pytest.raises(TaskFailed, match="no such package: nonsense"):
            attempt("apk", name="nonsense", **world(alpine))
    assert bench.preview("apk", name="nonsense", update_cache=True, **world(alpine)).needed is None


def test_nothing_to_do_is_an_error(bench: Bench, alpine: StandIns) -> None:
    with pytest.raises(TaskFailed, match="nothing to do"):
        bench.apply("apk", update_cache=False)


@pytest.mark.parametrize("told", [{"ansible_pkg_mgr": "apk"}, {"ansible_package_use": "apk"}])
def test_package_uses_what_is_known_of_the_host(bench: Bench, alpine: StandIns, told: dict[str, str]) -> None:
    bench.at.variables.update(told)
    # The system's own world file is read: this machine has none.
    assert bench.apply("package", name="service", state="present").changed
    assert acting(alpine) == [["add", "service"]]


def test_package_takes_the_manager_it_is_told(bench: Bench, alpine: StandIns) -> None:
    assert bench.apply("package", name="tool,service", state="absent", use="apk").changed
    assert acting(alpine) == [["del", "--purge", "tool"]]


def test_package_says_when_nothing_here_works_with_the_manager(bench: Bench) -> None:
    bench.at.variables["ansible_pkg_mgr"] = "zypper"
    with pytest.raises(TaskFailed, match="managed by 'zypper'"):
        bench.preview("package", name="x", state="present")


def test_package_finds_the_manager_of_this_machine(bench: Bench) -> None:
    if shutil.which("dpkg-query") is None or shutil.which("apt-get") is None:
        pytest.skip("dpkg and apt-get are not in PATH: another manager would be found, or none")
    assert bench.preview("package", name="dpkg", state="present").needed is False
