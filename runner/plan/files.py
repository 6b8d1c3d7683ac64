"""Files on the controller that a play reads: `vars_files` and templates."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path as FilePath

from runner.document import Document
from runner.errors import Location, Problem
from runner.localfiles import is_file
from runner.plan.facts import PlayFacts
from runner.plan.syntax import value_syntax_problems
from runner.plan.texts import Text
from runner.plan.values import Seen
from runner.plan.world import FileVariables
from runner.playbook import first_file
from runner.rules import Rule
from runner.schema import module_schema, variable_problems
from runner.template import Templar, TemplateError, is_template
from runner.vault import CannotOpen, Keys


class VariableFiles:
    """Reads each file of variables once. `documents` are those that were read, by their name."""

    def __init__(self, templar: Templar) -> None:
        self._templar = templar
        self.documents: dict[str, Document] = {}
        self.problems: list[Problem] = []
        self._read: set[FilePath] = set()
        self._sealed: set[FilePath] = set()

    def of(self, facts: PlayFacts) -> FileVariables:
        """The variables of a play's `vars_files`, the later files winning."""
        values = {}
        complete = not facts.world.inventory.sealed_for(facts.hosts)
        for index, names in enumerate(facts.play.vars_files):
            paths = self._paths(names, facts)
            complete = complete and paths is not None and len(paths) == 1
            for path in paths or ():
                document = self.document(path, self._place(facts, index))
                complete = complete and path not in self._sealed
                data = document.data if document else None
                if document and isinstance(data, dict):
                    values.update({key: (value, document) for key, value in data.items()})
        return FileVariables(values, complete)

    def _paths(self, names: tuple[str, ...], facts: PlayFacts) -> list[FilePath] | None:
        """The first files that are there of those that `names` stand for, on whatever host; None if only the run can
        tell."""
        if not any(is_template(name) for name in names):
            paths = [facts.play.directory / name for name in names]
            return [first_file(tuple(paths)) or paths[0]]
        found: dict[FilePath, None] = {}
        for host in facts.hosts:
            paths = [facts.play.directory / name for name in names if not is_template(name)]
            for name in filter(is_template, names):
                path = self._path(name, host, facts)
                if path is None:
                    return None
                paths.insert(names.index(name), path)
            found[first_file(tuple(paths)) or paths[0]] = None
        return list(found)

    def _path(self, name: str, host: str, facts: PlayFacts) -> FilePath | None:
        templar = facts.world.templar
        try:
            usage = templar.usages(name)[0]
            if not (usage.steady and facts.reach(usage, host).steady):
                return None
            return facts.play.directory / templar.render_text(name, facts.variables(host))
        except TemplateError:
            return None

    def document(self, path: FilePath, place: Location) -> Document | None:
        """A file of variables that is named at `place`; None if it is not there or cannot be read."""
        shown = str(path)
        if path in self._read:
            return self.documents.get(shown)
        self._read.add(path)
        if not is_file(path):
            message = f"there is no file of variables {shown}"
            self.problems.append(Problem(message, place, "check the path", rule=Rule.MISSING_FILE))
            return None
        keys = self._templar.keys
        examined = keys.variables(path)
        if examined.sealed:
            self._sealed.add(path)
        self.problems.extend(examined.problems)
        document = examined.document
        if document is None:
            return None
        self.documents[shown] = document
        self.problems.extend(variable_problems(document.data, document, ()))
        for name, value in document.data.items() if isinstance(document.data, dict) else ():
            self.problems.extend(value_syntax_problems(value, document.at((name,)), self._templar))
        return document

    def _place(self, facts: PlayFacts, index: int) -> Location:
        return facts.world.document.at((facts.index, "vars_files", index))


def template_texts(seen: Seen, keys: Keys) -> Iterator[Text]:
    """The content of the template files a task renders, as far as their names are known."""
    properties = module_schema(seen.step.task.module).get("properties", {})
    for name, described in properties.items():
        value = seen.args.get(name)
        if described.get("x-file") != "templates" or not isinstance(value, str) or is_template(value):
            continue
        if path := first_file(seen.step.search.candidates("templates", value)):
            yield from _content(path, seen, keys)


def _content(path: FilePath, seen: Seen, keys: Keys) -> Iterator[Text]:
    try:
        text = keys.file(path).decode("utf-8")
    except (OSError, UnicodeDecodeError, CannotOpen):
        return  # What is encrypted and cannot be opened is told with the task's references.
    if is_template(text):
        yield Text(text, seen.step.at, seen.step.document, "args", file=str(path), hosts=seen.hosts)
