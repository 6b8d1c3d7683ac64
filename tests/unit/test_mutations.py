"""The valid playbooks are accepted, and a fixed part of the ways to break them is refused without exception."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.inventory import load_inventory
from runner.plan import check_playbook
from tests.benchmarks.mutations.corpus import INVENTORY, KINDS, LEGAL_IN_ANSIBLE, VALID, laid_out, mutants, playbooks
from tests.benchmarks.mutations.judges import SentraPlay
from tests.benchmarks.mutations.mutant import Mutant

EACH_KIND = 8


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/root")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return laid_out(tmp_path_factory.mktemp("corpus"))


@pytest.fixture(scope="module")
def broken(root: Path) -> dict[str, list[Mutant]]:
    """The broken playbooks of each kind, one of each playbook."""
    found: dict[str, list[Mutant]] = {kind: [] for kind in KINDS}
    for mutant in mutants(root, each=1):
        found[mutant.kind].append(mutant)
    return found


@pytest.mark.parametrize("playbook", playbooks(VALID), ids=str)
def test_a_valid_playbook_has_not_even_a_warning(root: Path, playbook: Path) -> None:
    assert check_playbook(root / playbook, load_inventory([root / INVENTORY])) == []


def test_there_are_forty_valid_playbooks_and_more_kinds_of_mistakes_than_that() -> None:
    assert len(playbooks(VALID)) >= 40
    assert len(KINDS) > 40
    assert KINDS.keys() >= LEGAL_IN_ANSIBLE


@pytest.mark.parametrize("kind", KINDS)
def test_a_broken_playbook_is_refused(root: Path, broken: dict[str, list[Mutant]], kind: str) -> None:
    own = broken[kind]
    assert own, "no playbook of the corpus can be broken this way"
    judge = SentraPlay(root)
    passed = [mutant for mutant in own[:: -(-len(own) // EACH_KIND)] if not judge.refuses(mutant)]
    assert passed == []


def test_a_playbook_that_is_only_written_again_is_not_refused(root: Path) -> None:
    """The judge can say no: it is the mistake that is refused, not that something was written."""
    judge = SentraPlay(root)
    for playbook in playbooks(root):
        assert not judge.refuses(Mutant("", playbook, playbook, (root / playbook).read_text()))
