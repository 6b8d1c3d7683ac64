"""A playbook's structure: plays, blocks and tasks by the keyword schema, arguments by their module's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import takewhile
from typing import Final

from runner.document import Document, Path
from runner.errors import Problem
from runner.rules import Rule
from runner.schema.aliases import aliases, named, spelled
from runner.schema.elsewhere import known_elsewhere
from runner.schema.files import Kind, keyword_schema, module_names, module_schema
from runner.schema.structure import Structure
from runner.schema.validation import ArgumentProblem, argument_problems, keyword_problems, located
from runner.suggestions import did_you_mean, listed, nearest

BLOCK_KEYS: Final = frozenset({"block", "rescue", "always"})
LOOKUP_LOOPS: Final = frozenset(
    f"with_{lookup}"
    for lookup in (
        *("dict", "file", "fileglob", "first_found", "indexed_items", "items", "lines", "list", "nested"),
        *("random_choice", "sequence", "subelements", "together"),
    )
)
"""Ansible's older forms of a loop: each loops over what the lookup of its name gives."""
INCOMPLETE: Final = frozenset({Rule.MISSING_KEY, Rule.CONFLICTING_KEYS})
"""What may be wrong with arguments only as long as not all of them are there."""
IMPORTS: Final = frozenset({"import_tasks", "import_role"})
ROLE_ACTIONS: Final = frozenset({"import_role", "include_role"})


def modules_with_defaults(data: object) -> frozenset[str]:
    """The modules that a `module_defaults` anywhere in a document names."""
    if isinstance(data, list):
        return frozenset().union(*map(modules_with_defaults, data))
    if not isinstance(data, dict):
        return frozenset()
    own = data.get("module_defaults")
    return frozenset(own if isinstance(own, dict) else ()).union(*map(modules_with_defaults, data.values()))


def playbook_structure(document: Document, defaulted: frozenset[str] = frozenset()) -> Structure:
    """What is wrong with a playbook's structure, and what can be used nevertheless.

    `defaulted` are modules that have defaults in other files of the playbook: what they miss is not told here.
    """
    walk = _Walk(document, no_entry={}, defaulted=defaulted)
    walk.playbook()
    return walk.structure()


def tasks_structure(document: Document, defaulted: frozenset[str] = frozenset()) -> Structure:
    """The same for a file of tasks; one without content has none."""
    walk = _Walk(document, no_entry={"debug": None}, defaulted=defaulted)
    walk.tasks("task")
    return walk.structure()


def handlers_structure(document: Document, defaulted: frozenset[str] = frozenset()) -> Structure:
    """The same for a file of handlers."""
    walk = _Walk(document, no_entry={"debug": None}, defaulted=defaulted)
    walk.tasks("handler")
    return walk.structure()


def role_meta_structure(document: Document, defaulted: frozenset[str] = frozenset()) -> Structure:
    """The same for what a role says about itself."""
    walk = _Walk(document, no_entry={}, defaulted=defaulted)
    walk.role_meta()
    return walk.structure()


def playbook_problems(document: Document) -> list[Problem]:
    """Every way in which a document does not fit the schemas of playbooks and modules."""
    return list(playbook_structure(document).problems)


def _kept(value: object, path: Path, walk: _Walk) -> object:
    """`value` without what cannot be used; a task that is none becomes one that does nothing."""
    if path in walk.no_tasks:
        return {} if path[-2:-1] in (("roles",), ("dependencies",)) else {"debug": None} if path[1:] else walk.no_entry
    if isinstance(value, dict):
        return {
            key: _kept(item, (*path, key), walk) for key, item in value.items() if (*path, key) not in walk.unusable
        }
    if isinstance(value, list):
        return [_kept(item, (*path, index), walk) for index, item in enumerate(value)]
    return value


class _Walk:
    """`unusable`: keys that must not be read; `no_tasks`: where something stands that is no task or play;
    `no_entry` stands in for it at the top of the document. `defaulted` are the modules that have defaults somewhere."""

    def __init__(self, document: Document, no_entry: dict[str, object], defaulted: frozenset[str]) -> None:
        self.document = document
        self.defaulted = defaulted | modules_with_defaults(document.data)
        self.no_entry = no_entry
        self.problems: list[Problem] = []
        self.unusable: set[Path] = set()
        self.no_tasks: set[Path] = set()

    def structure(self) -> Structure:
        if () in self.no_tasks:
            return Structure(tuple(self.problems), None)
        if not self.problems:
            return Structure((), self.document)
        return Structure(tuple(self.problems), replace(self.document, data=_kept(self.document.data, (), self)))

    def tasks(self, kind: Kind) -> None:
        entries = self.document.data
        if isinstance(entries, list):
            for index, entry in enumerate(entries):
                self._entry(entry, (index,), kind)
        elif entries is not None:
            self._nothing(f"a file of {kind}s is a list of {kind}s", "begin with '- name: …'")

    def playbook(self) -> None:
        plays = self.document.data
        if not isinstance(plays, list):
            self._nothing("a playbook is a list of plays", "begin with '- hosts: …'")
        elif not plays:
            self._at(Rule.WRONG_STRUCTURE, (), "the playbook has no play", "begin with '- hosts: …'")
        else:
            for index, play in enumerate(plays):
                self._play(play, (index,))

    def _play(self, play: object, path: Path) -> None:
        if not isinstance(play, dict):
            self._at(
                Rule.WRONG_STRUCTURE,
                path,
                "a play is a mapping",
                "write '- hosts: …' with the play's keywords below it",
            )
            self.no_tasks.add(path)
            return
        self._keywords(play, path, "import_playbook" if "import_playbook" in play else "play", frozenset())

    def role_meta(self) -> None:
        meta = self.document.data
        if isinstance(meta, dict):
            self._keywords(meta, (), "role_meta", frozenset())
        elif meta is not None:
            self._nothing("what a role says about itself is a mapping", "for example dependencies: [common]")

    def _nothing(self, message: str, hint: str) -> None:
        """The document is something else altogether."""
        self.no_tasks.add(())
        self._at(Rule.WRONG_STRUCTURE, (), message, hint)

    def _role(self, entry: object, path: Path) -> None:
        if isinstance(entry, str) and entry:
            return
        if not isinstance(entry, dict):
            self.no_tasks.add(path)
            hint = "for example - postgres or - {role: postgres, version: 15}"
            self._at(Rule.WRONG_STRUCTURE, path, "a role is a name, or a mapping with the key 'role'", hint)
            return
        params = frozenset(entry.keys() - keyword_schema("role")["properties"].keys())
        for name in sorted(params):
            if not name.isidentifier():
                hint = "a parameter of a role is a variable: letters, digits and '_'"
                self._on(Rule.BAD_NAME, (*path, name), f"'{name}' is neither a keyword nor a name for a variable", hint)
        self._keywords(entry, path, "role", params)

    def _entry(self, entry: object, path: Path, kind: Kind) -> None:
        if kind == "role":
            self._role(entry, path)
        elif not isinstance(entry, dict):
            self.no_tasks.add(path)
            hint = "for example - debug: {msg: hello}"
            self._at(Rule.WRONG_STRUCTURE, path, f"a {kind} is a mapping with a module's name as a key", hint)
        elif BLOCK_KEYS & entry.keys():
            self._block(entry, path, kind)
        else:
            self._task(entry, path, kind)

    def _block(self, block: dict[str, object], path: Path, kind: Kind) -> None:
        if kind == "handler":
            self.no_tasks.add(path)
            hint = "write its tasks as handlers that `listen` to one name"
            self._at(Rule.WRONG_STRUCTURE, path, "a handler cannot be a block", hint)
            return
        extra = sorted(block.keys() & module_names())
        for module in extra:
            hint = "move the module into the block's list"
            self._on(Rule.MODULE_COUNT, (*path, module), "a block has no module of its own", hint)
        self._keywords(block, path, "block", frozenset(extra))
        if all((*path, key) in self.unusable for key in BLOCK_KEYS & block.keys()):
            self.no_tasks.add(path)

    def _task(self, task: dict[str, object], path: Path, kind: Kind) -> None:
        modules = [key for key in task if key in module_names()]
        # What is imported as handlers has names; the import itself needs none.
        own: Kind = "task" if kind == "handler" and IMPORTS & task.keys() else kind
        if kind == "handler" and (roles := ROLE_ACTIONS & task.keys()):
            hint = "name the role in `roles` or import it in `tasks`: its handlers belong to the play then"
            self._on(Rule.WRONG_STRUCTURE, (*path, min(roles)), "a role cannot be a handler", hint)
        if kind == "handler" and task.get("meta") == "flush_handlers":
            self._on(Rule.WRONG_STRUCTURE, (*path, "meta"), "flush_handlers cannot be a handler")
        self._keywords(task, path, own, frozenset(modules))
        if len(modules) > 1:
            names = listed(f"'{module}'" for module in modules)
            message = f"a task has exactly one module, here are {names}"
            self._on(Rule.MODULE_COUNT, (*path, modules[1]), message, "make a task of each")
        elif not modules:
            self.no_tasks.add(path)
            if not self._misspelt_module(task, kind):
                hint = "add one, such as 'command: …'; `sentraplay doc` lists them"
                self._at(Rule.MODULE_COUNT, path, f"the {kind} names no module", hint)
        loops = [key for key in task if key in LOOKUP_LOOPS or key == "loop"]
        if len(loops) > 1:
            names = listed(f"'{loop}'" for loop in loops)
            self._on(Rule.CONFLICTING_KEYS, (*path, loops[1]), f"a task has one loop, here are {names}", "keep one")
        for module in modules:
            self._arguments(task, module, path)
            if task.get("async") and not module_schema(module).get("x-async"):
                able = listed(sorted(name for name in module_names() if module_schema(name).get("x-async")))
                hint = f"{able} can; leave `async` out, and bound the task with `timeout`"
                self._on(Rule.UNSUPPORTED, (*path, "async"), f"'{module}' cannot be a job of its own", hint)
            self._refused_keywords(task, module, path)

    def _refused_keywords(self, task: dict[str, object], module: str, path: Path) -> None:
        """A problem for each keyword that has no meaning beside the action, and for what is wrong with `apply`."""
        described = module_schema(module)
        refused = set(described.get("x-not-keywords", ()))
        refused |= LOOKUP_LOOPS if "loop" in refused else set()
        hint = described.get("x-not-keywords-hint", "")
        if "x-keywords" in described:
            known = keyword_schema("task")["properties"].keys() | keyword_schema("handler")["properties"].keys()
            refused = known - set(described["x-keywords"]) - LOOKUP_LOOPS - {"listen"}
            hint = described["x-keywords-hint"]
            self._apply(task, module, path)
        for key in task.keys() & refused:
            self._on(Rule.UNKNOWN_KEYWORD, (*path, key), f"'{key}' has no meaning for {module}", hint)

    def _apply(self, task: dict[str, object], module: str, path: Path) -> None:
        for part in (module, "args"):
            given = task.get(part)
            apply = given.get("apply") if isinstance(given, dict) else None
            if isinstance(apply, dict):
                self._keywords(apply, (*path, part, "apply"), "apply", frozenset())

    def _misspelt_module(self, task: dict[str, object], kind: Kind) -> bool:
        """Whether a key of the task is already reported as something that may have been meant as its module."""
        known = keyword_schema(kind)["properties"]
        return any(key not in known for key in task)

    def _keywords(self, entry: dict[str, object], path: Path, kind: Kind, modules: frozenset[str]) -> None:
        known = keyword_schema(kind)["properties"]
        for key in entry:
            if key not in known and key not in modules:
                self._unknown(key, entry, path, kind, modules)
        keywords = {key: value for key, value in entry.items() if key in known}
        for problem in keyword_problems(kind, keywords):
            self.unusable.add((*path, *_keys_of(problem.path)))
            self.problems.append(located(problem, self.document, path))
        self._module_defaults(entry.get("module_defaults"), (*path, "module_defaults"))
        for key, value in keywords.items():
            if (inner := known[key].get("x-tasks")) and isinstance(value, list):
                for index, item in enumerate(value):
                    self._entry(item, (*path, key, index), inner)

    def _module_defaults(self, defaults: object, path: Path) -> None:
        for module, args in defaults.items() if isinstance(defaults, dict) else ():
            if module not in module_names():
                hint = did_you_mean(module, module_names(), "groups of modules have no defaults here")
                self._on(Rule.UNKNOWN_MODULE, (*path, module), f"unknown module '{module}'", hint)
                self.unusable.add((*path, module))
            elif isinstance(args, dict):
                for found in argument_problems(module, named(module, args), rendered=False):
                    problem = _as_written(found, module, args)
                    if problem.rule not in INCOMPLETE:
                        self.unusable.add((*path, module, *_keys_of(problem.path)))
                        self.problems.append(located(problem, self.document, (*path, module)))

    def _unknown(self, key: str, entry: dict[str, object], path: Path, kind: Kind, modules: frozenset[str]) -> None:
        rule, message, hint = self._unknown_words(key, entry, kind, modules)
        self._on(rule, (*path, key), message, hint)
        self.unusable.add((*path, key))

    def _unknown_words(
        self, key: str, entry: dict[str, object], kind: Kind, modules: frozenset[str]
    ) -> tuple[Rule, str, str]:
        for module in modules:
            if key in module_schema(module).get("properties", {}) or key in aliases(module):
                message = f"'{key}' is an argument of '{module}', not a keyword"
                return Rule.UNKNOWN_KEYWORD, message, f"indent it below '{module}:'"
        if elsewhere := known_elsewhere(key, kind):
            return elsewhere
        known = frozenset(keyword_schema(kind)["properties"])
        if modules or kind not in ("task", "handler"):
            return Rule.UNKNOWN_KEYWORD, f"unknown keyword '{key}'", did_you_mean(key, known)
        if near := nearest(key, known - entry.keys()):
            return Rule.UNKNOWN_KEYWORD, f"unknown keyword or module '{key}'", f"did you mean '{near}'?"
        hint = did_you_mean(key, module_names(), "`sentraplay doc` lists the modules")
        return Rule.UNKNOWN_MODULE, f"unknown module '{key}'", hint

    def _arguments(self, task: dict[str, object], module: str, path: Path) -> None:
        extra = task.get("args")
        extra = extra if isinstance(extra, dict) else {}
        free_form = module_schema(module).get("x-free-form")
        written = task[module]
        if written is None:
            written = {}
        elif isinstance(written, str) and free_form:
            written = {free_form: written}
        elif not isinstance(written, dict):
            hint = f"write {module}: and its arguments below it, as 'name: value'"
            self._at(Rule.WRONG_TYPE, (*path, module), f"the arguments of '{module}' must be a mapping", hint)
            self.no_tasks.add(path)
            return
        for both in sorted(extra.keys() & written.keys()):
            message = f"the argument '{both}' is given twice, here and below '{module}'"
            self._on(Rule.DUPLICATE_KEY, (*path, "args", both), message)
        given = {**extra, **written}
        for name, meant in aliases(module).items():
            if name in given and (also := {spelled(module, meant, given)} - {name}):
                message = f"the argument '{meant}' is given twice, as '{also.pop()}' and as '{name}'"
                self._on(Rule.DUPLICATE_KEY, (*path, module, name), message, f"keep '{meant}'")
        for problem in argument_problems(module, named(module, given), rendered=False):
            # What `module_defaults` give is known only where everything is put together.
            if problem.rule not in INCOMPLETE or module not in self.defaulted:
                self._argument(_as_written(problem, module, given), task, module, path)

    def _argument(self, problem: ArgumentProblem, task: dict[str, object], module: str, path: Path) -> None:
        written = task[module]
        first = problem.path[0] if problem.path else None
        under: Path = (*path, module)
        if first is not None and not (isinstance(written, dict) and first in written):
            extra = task.get("args")
            if isinstance(extra, dict) and first in extra:
                under = (*path, "args")
        if keys := _keys_of(problem.path):
            self.unusable.add((*under, *keys))
        self.problems.append(located(problem, self.document, under))

    def _at(self, rule: Rule, path: Path, message: str, hint: str = "") -> None:
        self.problems.append(Problem(message, self.document.at(path), hint, rule=rule))

    def _on(self, rule: Rule, path: Path, message: str, hint: str = "") -> None:
        self.problems.append(Problem(message, self.document.key_at(path), hint, rule=rule))


def _as_written(problem: ArgumentProblem, module: str, given: Mapping[str, object]) -> ArgumentProblem:
    """The problem at the name the argument was given under."""
    if not problem.path or problem.on_key:
        return problem
    first = str(spelled(module, problem.path[0], given))
    return replace(problem, path=(first, *problem.path[1:]))


def _keys_of(path: Path) -> Path:
    """The beginning of a path that leads through mappings only: what can be left out as a whole."""
    return tuple(takewhile(lambda step: isinstance(step, str), path))
