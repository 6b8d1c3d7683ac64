"""Who says whether a broken playbook is refused before a host is touched."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from runner.errors import InvalidInput
from runner.inventory import Inventory, load_inventory
from runner.plan import Options, make_plan
from runner.secret import Redactor
from runner.template import Templar
from tests.benchmarks.mutations.corpus import INVENTORY
from tests.benchmarks.mutations.mutant import Mutant


@contextmanager
def broken(root: Path, mutant: Mutant) -> Iterator[Path]:
    """The corpus at `root` with the mutant in it; gives the playbook to check."""
    file = root / mutant.file
    before = file.read_bytes()
    file.write_text(mutant.text, encoding="utf-8")
    try:
        yield root / mutant.playbook
    finally:
        file.write_bytes(before)


class SentraPlay:
    """What `sentraplay run` does before it connects to anything, in this process."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def inventory(self) -> Inventory:
        return load_inventory([self.root / INVENTORY])

    def refuses(self, mutant: Mutant) -> bool:
        with broken(self.root, mutant) as playbook:
            return self.refusal(playbook, mutant.tags) is not None

    def refusal(self, playbook: Path, tags: tuple[str, ...] = ()) -> InvalidInput | None:
        """Why a playbook is not carried out; None if it would be."""
        directory = playbook.parent
        templar = Templar([directory, directory / "templates", directory / "files"], Redactor())
        try:
            make_plan(playbook, self.inventory, Options(tags=tags), templar)
        except InvalidInput as error:
            return error
        return None


class Ansible:
    """What `ansible-playbook --syntax-check` does, by the interpreter of the program at `program`."""

    def __init__(self, root: Path, program: Path) -> None:
        self.root = root
        interpreter = program.read_text(encoding="utf-8").partition("\n")[0].removeprefix("#!").strip()
        child = Path(__file__).with_name("ansible_child.py")
        kept = {"PATH": os.environ["PATH"], "HOME": str(root), "ANSIBLE_HOME": str(root / ".ansible")}
        self._process = subprocess.Popen(
            [interpreter, str(child)],
            cwd=root,
            env={**kept, "LC_ALL": "C.UTF-8"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def refuses(self, mutant: Mutant) -> bool:
        with broken(self.root, mutant) as playbook:
            return not self.accepts(playbook, mutant.tags)

    def accepts(self, playbook: Path, tags: tuple[str, ...] = ()) -> bool:
        options = ["--tags", ",".join(tags)] if tags else []
        argv = ["ansible-playbook", "--syntax-check", "-i", str(self.root / INVENTORY), *options, str(playbook)]
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(argv) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        if code == 250:
            raise SystemExit(f"ansible-playbook broke down over {playbook}")
        return code == 0

    def close(self) -> None:
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait(timeout=60)
