"""The demo's acts: a service lives, is backed up, verified, destroyed, and recovered on another host."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from runner.demo import proof
from runner.demo.database import Cluster, create_cluster, programs
from runner.demo.inventory import Setting, inventory, secrets
from runner.demo.place import NEW, OLD, Place, free_port, open_place
from runner.demo.service import HEALTH, fill_database, health_page, write_files
from runner.demo.ssh import Kind, SshServer, start_ssh
from runner.demo.store import Store, start_store
from runner.errors import ExitCode
from runner.frozen import frozen
from runner.schema import data_dir

Say = Callable[[str], None]


@frozen
class Stage:
    """Everything that stands before the story begins."""

    place: Place
    binaries: Path
    ssh: SshServer
    store: Store
    root: Path
    health_port: int


def run_demo(say: Say, ssh_server: Kind = "auto") -> int:
    """Show the whole story through that SSH server; everything started is gone afterwards, however it ends.

    Returns 0 if what came back equals what was lost, else the exit code of the playbook that failed.
    """
    place = open_place()
    try:
        say("Starting a database, an SSH server and an object store on this machine's loopback …")
        root = place.folder("srv") / "sentrascan"
        stage = Stage(place, programs(place), start_ssh(place, ssh_server), start_store(place), root, free_port(NEW))
        say(f"  PostgreSQL 16 (embedded), {stage.ssh.kind} on {OLD} and {NEW}, S3 on 127.0.0.1")
        return _tell(stage, say)
    finally:
        place.close()


def _tell(stage: Stage, say: Say) -> int:
    old = create_cluster(stage.place, stage.binaries, "old")
    fill_database(old)
    write_files(stage.place, stage.root)
    before = proof.take(old, stage.root)
    _show(say, "1. A security scanner's service lives on app1", [f"{what}: {it.count}" for what, it in before.items()])

    new = create_cluster(stage.place, stage.binaries, "new")
    setting = _settle(stage, old, new)
    code = _play(say, "2. Back it up", setting, "backup.yml")
    code = code or _play(say, "3. Prove the backups by restoring them", setting, "verify.yml")
    if code:
        return code

    old.destroy()
    shutil.rmtree(stage.root)
    gone = ["the database server and all its data: gone", f"{stage.root}: gone"]
    _show(say, "4. Disaster: app1's disk dies", gone)

    with ExitStack() as services:
        services.enter_context(health_page(new, NEW, stage.health_port))
        code = _play(say, "5. Recover everything on app2", setting, "dr-restore.yml")
    if code:
        return code
    return _prove(say, before, proof.take(new, stage.root), setting)


def _settle(stage: Stage, old: Cluster, new: Cluster) -> Setting:
    setting = Setting(
        folder=stage.place.path / "controller",
        account=stage.place.account if stage.place.lends else None,
        ssh=stage.ssh,
        store=stage.store,
        clusters={"app1": old, "app2": new},
        root=stage.root,
        health_url=f"http://{NEW}:{stage.health_port}{HEALTH}",
    )
    setting.folder.mkdir(mode=0o700)
    (setting.folder / "inventory.yml").write_text(json.dumps(inventory(setting), indent=2))
    return setting


def _play(say: Say, title: str, setting: Setting, playbook: str) -> int:
    _show(say, title, [f"$ sentraplay run playbooks/{playbook} -i inventory.yml"])
    path = data_dir("playbooks") / playbook
    return _sentraplay(setting, "run", str(path), "-i", str(setting.folder / "inventory.yml")).returncode


def _sentraplay(setting: Setting, *words: str, capture: bool = False) -> subprocess.CompletedProcess[str]:
    # A state directory of its own: the demo's runs are not the user's.
    env = {**os.environ, **secrets(setting), "XDG_STATE_HOME": str(setting.folder / "state")}
    argv = [sys.executable, "-m", "runner", *words]
    return subprocess.run(argv, env=env, text=True, check=False, stdout=subprocess.PIPE if capture else None)


def _prove(say: Say, before: proof.Proof, after: proof.Proof, setting: Setting) -> int:
    width = max(map(len, before))
    lines = []
    for what, was in before.items():
        now = after.get(what)
        same = "equal" if now == was else "DIFFERENT"
        count = now.count if now else 0
        lines.append(f"{what:<{width}}  {was.count:>6} → {count:>6}  {was.digest[:12]} → {_short(now)}  {same}")
    _show(say, "6. The proof: what was lost, and what came back", lines)
    equal = before == after
    say("")
    say("Everything is back, byte for byte." if equal else "What came back is NOT what was lost.")
    return ExitCode.OK if equal else ExitCode.VERIFICATION_FAILED


def _short(holding: proof.Holding | None) -> str:
    return holding.digest[:12] if holding else "-" * 12


def _show(say: Say, title: str, lines: list[str]) -> None:
    say("")
    say(f"── {title} " + "─" * max(0, 76 - len(title)))
    for line in lines:
        say(f"   {line}")
    # The playbooks run in processes of their own that write to the same terminal.
    sys.stdout.flush()
