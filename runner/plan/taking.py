"""Variables that tasks take in from files while the run goes on (include_vars), as far as they can be told before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from runner.document import Document
from runner.frozen import frozen
from runner.plan.files import VariableFiles
from runner.plan.tree import Step
from runner.playbook import first_file
from runner.template import is_template


@frozen
class TakenIn:
    """The names of variables; `open_ended`: there may be others."""

    names: frozenset[str] = frozenset()
    open_ended: bool = False


def taken_in_by(plays: Iterable[Sequence[Step]], files: VariableFiles) -> TakenIn:
    """What the tasks of all plays take in. The files they name for certain are read, and checked with the others."""
    names: set[str] = set()
    open_ended = False
    for step in (step for steps in plays for step in steps if step.task.module == "include_vars"):
        name, file = step.task.args.get("name"), step.task.args.get("file")
        if isinstance(name, str) and not is_template(name):
            names.add(name)
        elif not isinstance(file, str) or is_template(file):
            open_ended = True
        if isinstance(file, str) and not is_template(file):
            document = _document(step, file, files)
            names.update(document.data if document and isinstance(document.data, dict) and not name else ())
    return TakenIn(frozenset(names), open_ended)


def _document(step: Step, file: str, files: VariableFiles) -> Document | None:
    path = first_file(step.search.candidates("vars", file))
    return files.document(path, step.own.place()) if path else None
