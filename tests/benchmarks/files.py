"""What a backup of 20,000 files costs, the second one when 1 % changed, and bringing them back.

    python -m tests.benchmarks.files [ROUNDS]

Bounds: a whole backup takes at most 1.1 times `tar | zstd` and 0.5 times restic; the second one at most 0.15 times
restic's; a restore no longer than restic's. restic takes part where it is installed.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import statistics
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks.measure import Contestant, Cost, cost_of, table
from tests.support.sshd import start_sshd
from tests.support.workplace import Workplace

PROGRAM = str(Path(sysconfig.get_path("scripts")) / "sentraplay")
FILES = 20_000
PER_DIRECTORY = 100
CHANGED = FILES // 100
SEED = 15


def fill(tree: Path) -> None:
    """Reports and SBOMs: half text that repeats itself, half that does not compress, 1 KB to 400 KB each."""
    chance = random.Random(SEED)
    words = [chance.randbytes(6).hex() for _ in range(2000)]
    for number in range(FILES):
        place = tree / f"{number // PER_DIRECTORY:03d}"
        if number % PER_DIRECTORY == 0:
            place.mkdir(parents=True)
        size = int(min(400_000, max(1_000, chance.lognormvariate(10, 1.2))))
        text = " ".join(chance.choices(words, k=size // 13)).encode()
        data = chance.randbytes(size) if number % 2 else text
        (place / f"{number}.html").write_bytes(data)


def change(tree: Path, round_number: int) -> None:
    """Write 1 % of the files anew."""
    chance = random.Random(f"{SEED} {round_number}")
    for number in chance.sample(range(FILES), CHANGED):
        (tree / f"{number // PER_DIRECTORY:03d}" / f"{number}.html").write_bytes(chance.randbytes(20_000))


class Bench:
    """The tree, and the commands that back it up."""

    def __init__(self, workplace: Workplace) -> None:
        self.folder = workplace.directory("bench", mode=0o777)
        self.tree = self.folder / "tree"
        self.sshd = start_sshd(workplace)
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "RESTIC_PASSWORD": "benchmark",
            "RESTIC_REPOSITORY": str(self.folder / "restic"),
            "LC_ALL": "C.UTF-8",
        }

    def by_hand(self, name: str, script: str) -> Contestant:
        return Contestant(name, ("bash", "-o", "pipefail", "-ec", script), self.env)

    def play(self, name: str, task: Mapping[str, Any]) -> Contestant:
        where = {"type": "directory", "host": "app", "path": str(self.folder / "backups")}
        hosts = {"app": self.sshd.host().variables()}
        inventory = {"all": {"vars": {"repositories": {"there": where}}, "hosts": hosts}}
        (self.folder / "inventory.yml").write_text(json.dumps(inventory))
        (self.folder / "inventory.yml").chmod(0o600)
        play = self.folder / f"{name.replace(' ', '-')}.yml"
        play.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": [task]}]))
        return Contestant(name, (PROGRAM, "run", str(play), "-i", str(self.folder / "inventory.yml")), self.env)

    def backup(self, *, incremental: bool) -> dict[str, Any]:
        arguments = {"service": "app", "repository": "there", "paths": [str(self.tree)], "incremental": incremental}
        return {"files_backup": arguments}

    def whole(self) -> list[Contestant]:
        tar = f"tar -C {self.folder} -c tree | zstd -q -f -T0 -1 -o {self.folder}/tree.tar.zst"
        found = [self.by_hand("tar | zstd", tar), self.play("sentraplay", self.backup(incremental=False))]
        if shutil.which("restic"):
            script = f"rm -rf $RESTIC_REPOSITORY; restic init -q; restic backup -q {self.tree}"
            found.append(self.by_hand("restic", script))
        return found

    def second(self) -> list[Contestant]:
        found = [self.play("sentraplay incremental", self.backup(incremental=True))]
        if shutil.which("restic"):
            found.append(self.by_hand("restic", f"restic backup -q {self.tree}"))
        return found

    def restores(self) -> list[Contestant]:
        """Each into the place it came from or a new one, which is removed before."""
        gone = f"rm -rf {self.folder}/back; mkdir {self.folder}/back; "
        arguments = {"service": "app", "repository": "there"}
        found = [
            self.by_hand(
                "zstd | tar", f"{gone} zstd -q -d -c {self.folder}/tree.tar.zst | tar -C {self.folder}/back -x"
            ),
            self.play("sentraplay restore", {"files_restore": arguments}),
        ]
        if shutil.which("restic"):
            found.append(self.by_hand("restic restore", f"{gone} restic restore -q latest --target {self.folder}/back"))
        return found


def measure(contestants: list[Contestant], count: int, bench: Bench, *, changing: bool) -> dict[str, list[Cost]]:
    """Everybody in turn, round by round; with `changing`, what everybody sees of a round is the same."""
    costs: dict[str, list[Cost]] = {one.name: [] for one in contestants}
    for number in range(count + 1):
        if changing:
            change(bench.tree, number)
        for one in contestants:
            cost = cost_of(one, bench.folder / "said.log")
            if number:
                costs[one.name].append(cost)
    return costs


def report(title: str, costs: dict[str, list[Cost]], base: str, bounds: Mapping[str, tuple[str, float]]) -> None:
    print(f"\n{title}:\n{table(costs, base)}", flush=True)
    for other, (one, bound) in bounds.items():
        if other in costs:
            pairs = zip(costs[one], costs[other], strict=True)
            print(
                f"{one} / {other}: {statistics.median(a.wall / b.wall for a, b in pairs):.2f} (bound {bound})",
                flush=True,
            )


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    workplace = Workplace()
    try:
        bench = Bench(workplace)
        fill(bench.tree)
        size = sum(path.stat().st_size for path in bench.tree.rglob("*") if path.is_file())
        print(f"{FILES} files, {size / 1e6:.0f} MB", flush=True)
        whole = measure(bench.whole(), count, bench, changing=False)
        report("whole", whole, "tar | zstd", {"tar | zstd": ("sentraplay", 1.1), "restic": ("sentraplay", 0.5)})
        cost_of(bench.second()[0], bench.folder / "said.log")  # the whole one that the others build on
        second = measure(bench.second(), count, bench, changing=True)
        report("1 % changed", second, "sentraplay incremental", {"restic": ("sentraplay incremental", 0.15)})
        back = measure(bench.restores(), count, bench, changing=False)
        report("restore", back, "zstd | tar", {"restic restore": ("sentraplay restore", 1.0)})
    finally:
        workplace.close()


if __name__ == "__main__":
    main()
