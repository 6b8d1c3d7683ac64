"""The shipped playbooks fit the shipped inventory."""

from __future__ import annotations

from pathlib import Path

from tests.cli.program import Program

ROOT = Path(__file__).parents[2]


def test_every_shipped_playbook_is_valid_with_the_example_inventory(sentraplay: Program) -> None:
    ended = sentraplay("validate", str(ROOT / "playbooks"), "-i", str(ROOT / "inventory.example.yml"))
    assert ended.code == 0, ended.everything
    assert ended.out.count(": valid") == len(list((ROOT / "playbooks").glob("*.yml")))
