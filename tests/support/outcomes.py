"""What a playbook did, told alike whoever carried it out: the real Ansible or SentraPlay."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.support import ansible

PROGRAM: Final = Path(sys.executable).with_name("sentraplay")
COUNTS: Final = ("ok", "changed", "unreachable", "failed", "skipped", "rescued", "ignored")

_TALKING: Final = ("debug", "fail")
_NO_TASKS: Final = ("meta", "include_tasks", "include_role")
"""What is written like a task and is none: of these Ansible tells only sometimes."""

_OURS: Final = {0: "ok", 1: "bug", 2: "failed", 3: "failed", 4: "unreachable", 5: "usage", 6: "invalid", 7: "refused"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended and what it left.

    `exit`: ok, failed, unreachable or invalid (nothing was done). `recap`: the counts of each host that has any.
    `story`: each host's tasks in order, as "name: status". `said`: what `fail`, and `debug` that did not fail, said.
    `files`: the tree it wrote, as path -> content; JSON is data, a directory is "/", a link "-> target".
    """

    exit: str
    recap: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    story: Mapping[str, list[str]] = field(default_factory=dict)
    said: Mapping[str, list[object]] = field(default_factory=dict)
    files: Mapping[str, object] = field(default_factory=dict)
    output: str = ""


@dataclass(frozen=True, slots=True)
class _End:
    """The end of a task on a host."""

    host: str
    name: str
    status: str
    module: str
    result: Mapping[str, Any]


def of_ansible(playbook: Path, place: Path, arguments: Iterable[str]) -> Outcome:
    """What the real ansible-playbook makes of a playbook; `place` is an empty directory."""
    out = _scratch(place)
    played = ansible.play(playbook, place / "home", "-e", f"out={out}", *arguments)
    ends = [
        _End(end["host"], end["task"], _status_of(end), end["action"].rpartition(".")[2], end["result"])
        for end in played.told
    ]
    counts = {host: {**recap, "failed": recap["failures"]} for host, recap in played.recap.items()}
    recap = {host: {name: found[name] for name in COUNTS} for host, found in counts.items()}
    return _outcome(_exit_of(played), recap, ends, out, played.output)


def of_sentraplay(playbook: Path, place: Path, arguments: Iterable[str]) -> Outcome:
    """What SentraPlay makes of it."""
    out = _scratch(place)
    argv = [str(PROGRAM), "run", "--output", "json", "--journal", str(place / "journal"), "-e", f"out={out}"]
    done = subprocess.run(
        [*argv, *arguments, str(playbook)],
        env={"PATH": os.environ["PATH"], "HOME": str(place), "LANG": "C.UTF-8", "TZ": "UTC"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=playbook.parent,
    )
    events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    modules = {event["path"]: event["module"] for event in events if event["event"] == "task_started"}
    ends = [
        _End(event["host"], event["name"], event["status"], modules.get(event["path"], ""), event["result"])
        for event in events
        if event["event"] == "task_finished"
    ]
    recap = next((event["recap"] for event in events if event["event"] == "run_finished"), {})
    kind = _OURS.get(done.returncode, str(done.returncode))
    return _outcome(kind, recap, ends, out, done.stdout + done.stderr)


def _scratch(place: Path) -> Path:
    out = place / "out"
    out.mkdir(parents=True)
    return out


def _exit_of(played: ansible.Played) -> str:
    if played.exit_code == 0:
        return "ok"
    if not played.recap:
        return "invalid"
    return "failed" if played.exit_code != 4 else "unreachable"


def _status_of(end: Mapping[str, Any]) -> str:
    return "changed" if end["status"] == "ok" and end["result"].get("changed") else str(end["status"])


def _outcome(kind: str, recap: Mapping[str, Any], ends: list[_End], out: Path, output: str) -> Outcome:
    story: dict[str, list[str]] = {}
    said: dict[str, list[object]] = {}
    for end in ends:
        if end.module not in _NO_TASKS:
            story.setdefault(end.host, []).append(f"{end.name.rpartition(' : ')[2]}: {end.status}")
        if end.module in _TALKING and (end.module == "fail" or end.status not in ("failed", "ignored")):
            said.setdefault(end.host, []).extend(_without(out, message) for message in _messages(end.result))
    counted = {host: counts for host, counts in recap.items() if any(counts.values())}
    return Outcome(kind, counted, story, said, _tree(out), output)


def _messages(result: Mapping[str, Any]) -> list[object]:
    items = result.get("results")
    if isinstance(items, list):
        return [item["msg"] for item in items if isinstance(item, Mapping) and "msg" in item and not _is_skip(item)]
    return [result["msg"]] if "msg" in result and not _is_skip(result) else []


def _is_skip(result: Mapping[str, Any]) -> bool:
    return bool(result.get("skipped"))


def _tree(out: Path) -> dict[str, object]:
    return {str(path.relative_to(out)): _content(path, out) for path in sorted(out.rglob("*"))}


def _content(path: Path, out: Path) -> object:
    if path.is_symlink():
        return f"-> {_without(out, str(path.readlink()))}"
    mode = f"{stat.S_IMODE(path.stat().st_mode):04o}"
    if path.is_dir():
        return f"{mode} /"
    text = path.read_text(encoding="utf-8", errors="surrogateescape")
    if path.suffix == ".json":
        return _without(out, json.loads(text))
    return f"{mode} {_without(out, text)}"


def _without(out: Path, value: Any) -> Any:
    """The value without the name of the scratch directory, which is another one for each run."""
    return json.loads(json.dumps(value).replace(str(out), "OUT"))
