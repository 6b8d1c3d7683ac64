"""service and systemd: stand-ins for systemctl and OpenRC, and a real script in /etc/init.d."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runner.errors import TaskFailed
from tests.modules.bed import Bench
from tests.modules.standins import StandIns

# `active`, `file` (the state of its file) and `load` are the unit's; `refuses` holds what an action ends with.
SYSTEMCTL = r"""
verb= ; for word do case $word in --) break;; -*) ;; *) verb=$word; break;; esac; done
case $verb in
  is-enabled) cat file; case $(cat file) in enabled | static | generated | enabled-runtime) exit 0;; *) exit 1;; esac;;
  show) echo "Id=web.service"; echo "LoadState=$(cat load)"; echo "ActiveState=$(cat active)"
    echo "UnitFileState=$(cat file)"; echo "Description=A web server = fast"; exit 0;;
esac
if [ -e refuses ]; then cat refuses >&2; exit 1; fi
case $verb in
  start | restart | reload) echo active > active;;
  stop) echo inactive > active;;
  enable) echo enabled > file;;
  disable) echo disabled > file;;
  mask) echo masked > file; echo masked > load;;
  unmask) echo disabled > file; echo loaded > load;;
esac
"""


@pytest.fixture
def systemd(standins: StandIns, bench: Bench) -> StandIns:
    standins.add("systemctl", SYSTEMCTL)
    for name, text in (("active", "inactive\n"), ("file", "disabled\n"), ("load", "loaded\n")):
        standins.write(name, text)
    bench.at.variables["ansible_service_mgr"] = "systemd"
    return standins


def acting(standins: StandIns, program: str = "systemctl") -> list[str]:
    calls = (" ".join(words) for words in standins.calls(program))
    return [call for call in calls if not any(word in call for word in ("show", "is-enabled", "status", "--exists"))]


@pytest.mark.parametrize("module", ["systemd", "service"])
def test_a_unit_is_enabled_and_started_once(bench: Bench, systemd: StandIns, module: str) -> None:
    assert bench.preview(module, name="web", state="started", enabled=True).summary == "enable and start web"
    done: Any = bench.settle(module, name="web", state="started", enabled=True).data
    assert (done["name"], done["state"], done["enabled"]) == ("web", "started", True)
    assert done["status"]["Description"] == "A web server = fast"
    assert acting(systemd) == ["--system enable -- web", "--system start -- web"]


def test_a_unit_is_stopped_and_disabled_once(bench: Bench, systemd: StandIns) -> None:
    systemd.write("active", "deactivating\n")
    systemd.write("file", "enabled\n")
    assert bench.settle("systemd", name="web", state="stopped", enabled=False).changed
    assert acting(systemd) == ["--system disable -- web", "--system stop -- web"]


@pytest.mark.parametrize(
    ("state", "active", "verb"),
    [
        ("restarted", "active", "restart"),
        ("restarted", "inactive", "start"),
        ("reloaded", "active", "reload"),
        ("reloaded", "failed", "start"),
    ],
)
def test_restarted_and_reloaded_always_do_it_and_start_what_stands_still(
    bench: Bench, systemd: StandIns, state: str, active: str, verb: str
) -> None:
    systemd.write("active", f"{active}\n")
    assert bench.preview("systemd", name="web", state=state).needed
    assert bench.apply("systemd", name="web", state=state).changed
    assert acting(systemd) == [f"--system {verb} -- web"]


def test_a_reload_of_the_manager_comes_first_and_is_no_change(bench: Bench, systemd: StandIns) -> None:
    assert not bench.settle("systemd", daemon_reload=True, daemon_reexec=True).changed
    systemd.forget()
    assert bench.apply(
        "systemd", name="web", state="restarted", daemon_reload=True, no_block=True, scope="user"
    ).changed
    assert acting(systemd) == ["--user --no-block daemon-reload", "--user --no-block start -- web"]


def test_a_masked_unit_must_be_unmasked_to_run(bench: Bench, systemd: StandIns) -> None:
    assert bench.settle("systemd", name="web", masked=True).changed
    for attempt in (bench.preview, bench.apply):
        with pytest.raises(TaskFailed, match="web is masked"):
            attempt("systemd", name="web", state="started")
    assert bench.settle("systemd", name="web", state="started", masked=False).changed
    assert acting(systemd)[-2:] == ["--system unmask -- web", "--system start -- web"]


def test_a_unit_that_others_start_cannot_be_disabled(bench: Bench, systemd: StandIns) -> None:
    systemd.write("file", "static\n")
    assert not bench.settle("systemd", name="web", enabled=False).changed
    assert "is static" in bench.at.warnings[0]
    assert not bench.settle("systemd", name="web", enabled=True).changed


@pytest.mark.parametrize("module", ["systemd", "service"])
def test_a_unit_that_is_not_there_yet_is_unknown_in_check_mode_and_a_failure_else(
    bench: Bench, systemd: StandIns, module: str
) -> None:
    systemd.write("file", "")
    systemd.write("load", "not-found\n")
    assert bench.preview(module, name="web", state="started").needed is None
    with pytest.raises(TaskFailed, match="Could not find the requested service web"):
        bench.apply(module, name="web", state="started")


def test_why_it_did_not_start_is_told(bench: Bench, systemd: StandIns) -> None:
    systemd.write("refuses", "Job for web.service failed.\n")
    with pytest.raises(TaskFailed, match="Unable to start service web: Job for web.service failed") as failed:
        bench.apply("systemd", name="web", state="started")
    assert "journalctl -u web" in failed.value.hint
    systemd.write("refuses", "Failed to start web.service: Access denied\n")
    with pytest.raises(TaskFailed) as refused:
        bench.apply("systemd", name="web", state="started")
    assert "become" in refused.value.hint


def test_a_host_without_systemd_is_told(bench: Bench, standins: StandIns) -> None:
    standins.add("systemctl", "exit 9")
    with pytest.raises(TaskFailed, match="has no systemd"):
        bench.apply("systemd", name="web", state="started")


@pytest.mark.parametrize("arguments", [{"daemon_reload": False}, {"state": "started", "daemon_reload": True}])
def test_nothing_to_do_is_an_error(bench: Bench, systemd: StandIns, arguments: dict[str, object]) -> None:
    with pytest.raises(TaskFailed, match=r"nothing to do|need `name`"):
        bench.apply("systemd", **arguments)


RC_SERVICE = r"""
case $1 in --exists) [ "$2" = web ]; exit;; esac
case $2 in
  status) [ -e running ] || exit 3;;
  start | restart) touch running;;
  stop) rm running;;
esac
"""
RC_UPDATE = r"""
case $1 in
  show) if [ -e "on-$2" ]; then printf '                  web | %s\n' "$2"; fi;;
  add) touch "on-$3";;
  del) rm "on-$3";;
esac
"""


@pytest.fixture
def openrc(standins: StandIns, bench: Bench) -> StandIns:
    standins.add("rc-service", RC_SERVICE)
    standins.add("rc-update", RC_UPDATE)
    bench.at.variables["ansible_service_mgr"] = "openrc"
    return standins


def test_openrc_is_driven_by_its_own_programs(bench: Bench, openrc: StandIns) -> None:
    assert bench.settle("service", name="web", state="started", enabled=True, runlevel="boot").changed
    assert acting(openrc, "rc-service") == ["web start"]
    assert bench.settle("service", name="web", state="stopped", enabled=False, runlevel="boot").changed
    updates = [words for words in openrc.calls("rc-update") if words[0] != "show"]
    assert updates == [["add", "web", "boot"], ["del", "web", "boot"]]


def test_openrc_knows_what_is_not_there(bench: Bench, openrc: StandIns) -> None:
    assert bench.preview("service", name="db", state="started").needed is None
    with pytest.raises(TaskFailed, match="Could not find the requested service db"):
        bench.apply("service", name="db", state="started")


DAEMON = """\
#!/bin/sh
### BEGIN INIT INFO
# Provides:          {name}
# Required-Start:    $remote_fs
# Required-Stop:     $remote_fs
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: a daemon of a test
### END INIT INFO
pid={directory}/pid
alive() {{ [ -e "$pid" ] && kill -0 "$(cat "$pid")" 2>/dev/null; }}
start() {{ sleep 300 & echo "$!" > "$pid"; echo "$2" >> {directory}/words; }}
stop() {{ kill "$(cat "$pid")"; rm "$pid"; }}
case $1 in
  start) alive || start "$@";;
  stop) alive && stop;;
  restart) stop; start "$@";;
  reload) echo reload >> {directory}/words;;
  status) alive || exit 3;;
esac
"""


@pytest.fixture
def daemon(bench: Bench, tmp_path: Path) -> Iterator[str]:
    """The name of a real script in /etc/init.d, which is gone afterwards with all that belongs to it."""
    if os.getuid() != 0 or not Path("/etc/init.d").is_dir():
        pytest.skip("only root can put a script into /etc/init.d")
    name = f"sentraplay-test-{os.getpid()}"
    script = Path("/etc/init.d") / name
    script.write_text(DAEMON.format(name=name, directory=tmp_path))
    script.chmod(0o755)
    bench.at.variables["ansible_service_mgr"] = "sysvinit"
    yield name
    subprocess.run([script, "stop"], check=False, capture_output=True)
    script.unlink()
    for link in Path("/etc").glob(f"rc*.d/*{name}"):
        link.unlink()


def test_a_script_of_the_host_starts_and_stops_its_service(bench: Bench, daemon: str, tmp_path: Path) -> None:
    assert bench.settle("service", name=daemon, state="started", arguments="'two words'").changed
    first = (tmp_path / "pid").read_text()
    os.kill(int(first), 0)
    assert bench.apply("service", name=daemon, state="restarted", arguments="again").changed
    assert (tmp_path / "pid").read_text() != first
    assert (tmp_path / "words").read_text().split("\n")[:2] == ["two words", "again"]
    assert bench.apply("service", name=daemon, state="reloaded").changed
    assert bench.settle("service", name=daemon, state="stopped").changed


def test_a_restart_can_pause_in_between(bench: Bench, daemon: str) -> None:
    bench.apply("service", name=daemon, state="started")
    bench.apply("service", name=daemon, state="restarted", sleep=7)
    assert bench.at.slept == [7]


def test_a_script_is_enabled_for_the_runlevels(bench: Bench, daemon: str) -> None:
    if not any(Path(path, "update-rc.d").exists() for path in os.environ["PATH"].split(":")):
        with pytest.raises(TaskFailed, match="neither update-rc.d nor chkconfig"):
            bench.apply("service", name=daemon, enabled=True)
        return
    assert bench.settle("service", name=daemon, enabled=True).changed
    assert list(Path("/etc/rc2.d").glob(f"S*{daemon}"))
    assert bench.settle("service", name=daemon, enabled=False).changed


def test_a_service_is_known_by_a_process(bench: Bench, daemon: str) -> None:
    marker = f"sentraplay marker {time.monotonic_ns()}"
    bench.at.variables["ansible_service_mgr"] = "unknown"
    assert bench.preview("service", name=daemon, state="started", pattern=marker).needed
    running = subprocess.Popen(["sh", "-c", "sleep 60; :", marker])
    try:
        assert bench.preview("service", name=daemon, state="started", pattern=marker).needed is False
    finally:
        running.kill()
        running.wait()


@pytest.mark.parametrize("name", ["../../bin/true", "-x"])
def test_what_is_no_name_is_refused(bench: Bench, name: str) -> None:
    bench.at.variables["ansible_service_mgr"] = "sysvinit"
    with pytest.raises(TaskFailed, match="is not the name of a service"):
        bench.apply("service", name=name, state="started")
