"""How many broken playbooks are refused before a host is touched, beside `ansible-playbook --syntax-check`.

    python -m tests.benchmarks.mutations [--each N] [--ansible-sample N] [--ansible PROGRAM] [--show]

Ends with 1 if a broken playbook gets through. The corpus is tests/playbooks/valid and the shipped playbooks.
Ansible judges a sample, of those playbooks only which it accepts unbroken (it has no pg_dump), and not what it allows.
"""

from __future__ import annotations

import argparse
import difflib
import os
import random
import shutil
import sys
import sysconfig
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.benchmarks.mutations.corpus import KINDS, LEGAL_IN_ANSIBLE, laid_out, mutants, playbooks
from tests.benchmarks.mutations.judges import Ansible, SentraPlay
from tests.benchmarks.mutations.mutant import Mutant

Verdicts = Mapping[str, Sequence[bool]]
"""For each kind, whether each of its mutants was refused."""


def main() -> int:
    asked = _arguments()
    os.environ.setdefault("HOME", "/")
    with tempfile.TemporaryDirectory() as name:
        root = laid_out(Path(name))
        ours = SentraPlay(root)
        for playbook in playbooks(root):
            if refusal := ours.refusal(root / playbook):
                raise SystemExit(f"{playbook} is refused unbroken: {refusal}")
        every = list(mutants(root, asked.each or None))
        verdicts: dict[str, list[bool]] = defaultdict(list)
        for mutant in every:
            refused = ours.refuses(mutant)
            verdicts[mutant.kind].append(refused)
            if asked.show and not refused:
                print(_shown(root, mutant))
        theirs = _by_ansible(root, asked.ansible, every, asked.ansible_sample) if asked.ansible_sample else {}
        print(f"{len(playbooks(root))} playbooks, {len(KINDS)} kinds of mistakes, {len(every)} broken playbooks\n")
        print(_table(verdicts, theirs))
    return 0 if all(all(refused) for refused in verdicts.values()) else 1


def _arguments() -> argparse.Namespace:
    own = Path(sysconfig.get_path("scripts")) / "ansible-playbook"
    program = own if own.is_file() else Path(shutil.which("ansible-playbook") or own)
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.mutations")
    parser.add_argument("--each", type=int, default=6, help="mutants of a kind per playbook at most; 0: all")
    parser.add_argument("--ansible-sample", type=int, default=0, help="how many of them Ansible judges")
    parser.add_argument("--ansible", type=Path, default=program, help="the program ansible-playbook")
    parser.add_argument("--show", action="store_true", help="show every broken playbook that gets through")
    return parser.parse_args()


def _by_ansible(root: Path, program: Path, every: Sequence[Mutant], count: int) -> Verdicts:
    """Ansible's verdicts on a sample that has as many of each kind as there are, or as its share allows."""
    if not program.is_file():
        raise SystemExit(f"there is no {program}: install the extra `bench`, or name the program with --ansible")
    ansible = Ansible(root, program)
    known = {playbook for playbook in playbooks(root) if ansible.accepts(root / playbook)}
    kinds: dict[str, list[Mutant]] = defaultdict(list)
    for mutant in every:
        if mutant.playbook in known and mutant.kind not in LEGAL_IN_ANSIBLE:
            kinds[mutant.kind].append(mutant)
    chance = random.Random(1)
    share = max(1, count // max(1, len(kinds)))
    found = {
        kind: [ansible.refuses(mutant) for mutant in chance.sample(own, min(share, len(own)))]
        for kind, own in kinds.items()
    }
    ansible.close()
    return found


def _table(ours: Verdicts, theirs: Verdicts) -> str:
    lines = [f"{'refused before a host is touched':<40}{'SentraPlay':>14}{'ansible-playbook --syntax-check':>34}"]
    for kind in KINDS:
        other = "legal there" if theirs and kind in LEGAL_IN_ANSIBLE else _count(theirs.get(kind, ()))
        lines.append(f"{kind:<40}{_count(ours.get(kind, ())):>14}{other:>34}")
    totals = [[refused for own in verdicts.values() for refused in own] for verdicts in (ours, theirs)]
    lines.append(f"{'all':<40}{_count(totals[0]):>14}{_count(totals[1]):>34}")
    lines.append(f"{'':<40}{_share(totals[0]):>14}{_share(totals[1]):>34}")
    return "\n".join(lines)


def _count(verdicts: Sequence[bool]) -> str:
    return f"{sum(verdicts)}/{len(verdicts)}" if verdicts else "-"


def _share(verdicts: Sequence[bool]) -> str:
    return f"{100 * sum(verdicts) / len(verdicts):.1f} %" if verdicts else "-"


def _shown(root: Path, mutant: Mutant) -> str:
    before = (root / mutant.file).read_text(encoding="utf-8").splitlines()
    lines = difflib.unified_diff(before, mutant.text.splitlines(), str(mutant.file), mutant.kind, n=2, lineterm="")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
