"""The valid playbooks, and every way to break each of them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Literal

from runner.schema import data_dir
from tests.benchmarks.mutations import in_references, in_templates, in_values, in_words, in_yaml
from tests.benchmarks.mutations.mutant import Breaking, Mutant
from tests.benchmarks.mutations.source import part, source

VALID: Final = Path(__file__).parent.parent.parent / "playbooks" / "valid"
INVENTORY: Final = Path("inventory.yml")

KINDS: Final[Mapping[str, Breaking]] = {
    **in_yaml.KINDS,
    **in_words.KINDS,
    **in_values.KINDS,
    **in_templates.KINDS,
    **in_references.KINDS,
}


LEGAL_IN_ANSIBLE: Final = frozenset(
    {
        "duplicate key",
        "YAML 1.1 boolean",
        "octal number",
        "condition in braces",
        "two handlers of one name",
        "tag that no task has",
    }
)
"""What is a mistake here, and none in Ansible, which warns at most."""


PARTS: Final[Mapping[str, tuple[tuple[str, Literal["task", "handler"]], ...]]] = {
    "imports.yml": (("tasks/common.yml", "task"),),
    "includes.yml": (("tasks/prepare_files.yml", "task"), ("tasks/prepare_database.yml", "task")),
    "roles_used.yml": (
        ("roles/common/tasks/main.yml", "task"),
        ("roles/web/tasks/main.yml", "task"),
        ("roles/web/handlers/main.yml", "handler"),
    ),
}
"""Files that a playbook takes in and that are broken too."""


def laid_out(root: Path) -> Path:
    """A copy of the corpus in `root`: the valid playbooks with what they need, and the shipped ones."""
    shutil.copytree(VALID, root, dirs_exist_ok=True)
    shutil.copytree(data_dir("playbooks"), root / "shipped", dirs_exist_ok=True)
    return root


def playbooks(root: Path) -> tuple[Path, ...]:
    """The playbooks of a corpus, relative to it."""
    found = [*root.glob("*.yml"), *(root / "shipped").glob("*.yml")]
    return tuple(sorted(path.relative_to(root) for path in found if path.name != INVENTORY.name))


def mutants(root: Path, each: int | None) -> Iterator[Mutant]:
    """Every broken playbook, at most `each` of a kind for a playbook, spread over its length."""
    for playbook in playbooks(root):
        taken_in = (part(root, playbook, Path(file), kind) for file, kind in PARTS.get(str(playbook), ()))
        for one in (source(root, playbook), *taken_in):
            for kind, breaking in KINDS.items():
                found = list(breaking(one))
                step = max(1, -(-len(found) // each)) if each else 1
                for change in found[::step]:
                    yield Mutant(kind, playbook, change.file or one.file, change.text, change.tags)
