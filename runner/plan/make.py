"""Everything that is known before the first connection, put together and checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from runner.document import Document, Examined, trusted
from runner.errors import InvalidInput, Location, Problem, Severity
from runner.inventory import LOCALHOST, Inventory, load_inventory
from runner.plan.advice import advice
from runner.plan.batches import batches
from runner.plan.beside import Beside
from runner.plan.check import CheckedPlay, checked_play
from runner.plan.facts import PlayFacts
from runner.plan.files import VariableFiles
from runner.plan.fingerprint import fingerprint
from runner.plan.growing import Growth, growth_by
from runner.plan.includes import Unfolding
from runner.plan.including import Includes
from runner.plan.model import Options, Plan, PlannedPlay
from runner.plan.options import option_problems
from runner.plan.secrets import register_secrets
from runner.plan.setters import Setters
from runner.plan.syntax import inventory_syntax_problems, value_syntax_problems
from runner.plan.tags import known_tags
from runner.plan.taking import taken_in_by
from runner.plan.targets import Targets, targets
from runner.plan.tree import Step, steps
from runner.plan.world import World, names_set_by
from runner.playbook import Library, Play, Playbook, parse
from runner.schema import action_names
from runner.secret import Redactor
from runner.template import Templar
from runner.vault import Keys


def make_plan(playbook: Document | Path, inventory: Inventory, options: Options, templar: Templar) -> Plan:
    """The plan of a run. InvalidInput carries every problem of playbook, files, inventory and options."""
    options = _with_templates(options)
    examined = Examined(playbook, ()) if isinstance(playbook, Document) else templar.keys.examine(playbook)
    made = _Making(examined, inventory, options, templar, Severity.ERROR)
    return made.plan()


def check_playbook(
    path: Path, inventory: Inventory | None, keys: Keys | None = None, extra_vars: Mapping[str, object] | None = None
) -> list[Problem]:
    """Every problem and warning of a playbook; what depends on hosts only if there is an inventory.

    A playbook that works on nothing but localhost needs none. An environment variable that is not set is
    only a warning: it need not be known where a playbook is checked. What `keys` leave closed is not known either.
    """
    keys = keys or Keys(Redactor(), required=False)
    directory = path.parent
    templar = Templar([directory, directory / "templates", directory / "files"], keys.redactor, keys)
    examined = keys.examine(path)
    options = _with_templates(Options(extra_vars=extra_vars or {}))
    return list(_Making(examined, inventory, options, templar, Severity.WARNING).problems(advised=True))


def _with_templates(options: Options) -> Options:
    """The options, whose extra variables may hold templates: whoever gives them wrote them."""
    return replace(options, extra_vars={name: trusted(value) for name, value in options.extra_vars.items()})


def _needs_no_inventory(document: Document | None) -> bool:
    plays = document.data if document else None
    return isinstance(plays, list) and all(isinstance(play, dict) and play.get("hosts") == LOCALHOST for play in plays)


class _Making:
    """Goes from the document to the plan and notes every problem on the way; what is wrong is left out further on."""

    def __init__(
        self,
        examined: Examined,
        inventory: Inventory | None,
        options: Options,
        templar: Templar,
        without_environment: Severity,
    ) -> None:
        self._options = options
        self._templar = templar
        self._files = VariableFiles(templar)
        self._library = Library(templar, options.extra_vars)
        self._problems: list[Problem] = []
        self._growth = Growth()
        self._document = self._library.playbook(examined)
        alone = inventory is None and _needs_no_inventory(self._document)
        self._inventory = load_inventory(()) if alone else inventory
        self._beside = Beside(self._inventory or Inventory({}, {}, ""), templar.keys, False)
        self._unfolding = Unfolding(self._library)
        self._steps: list[Step] = []
        self._playbook = Playbook("", ())
        self._planned: list[PlannedPlay] = []
        self._checked: list[CheckedPlay] = []
        if self._document is not None:
            self._playbook = parse(self._document)
            self._check(self._document, without_environment)

    def problems(self, *, advised: bool = False) -> tuple[Problem, ...]:
        """All problems and warnings, each once, in order of place, with secrets masked.

        `advised`: once nothing is wrong, what is only odd is told too.
        """
        inherited = [warning for inventory in self._beside.all for warning in inventory.warnings]
        unreadable = self._library.unreadable
        further = [problem for problem in self._problems if problem.location not in unreadable]
        found = [*self._library.problems, *further, *inherited]
        if advised and not any(problem.severity is Severity.ERROR for problem in found):
            found += advice(self._checked)
        return _in_order(found, self._templar.redactor)

    def plan(self) -> Plan:
        problems = self.problems()
        errors = tuple(problem for problem in problems if problem.severity is Severity.ERROR)
        if errors or self._document is None or self._inventory is None:
            raise InvalidInput(errors)
        contents = {name: document.data for name, document in self._files.documents.items()}
        taken = {prefix: document.data for prefix, document in self._unfolding.documents.items()}
        return Plan(
            self._playbook,
            self._beside.inventory(Path(self._document.file).parent),
            tuple(self._planned),
            self._options,
            fingerprint(self._document.data, contents, self._options, taken),
            Includes(self._library, self._templar),
            problems,
            bool(self._growth),
            modules=self._modules() - action_names(),
        )

    def _modules(self) -> frozenset[str]:
        gathering = {"setup"} if any(planned.gathers for planned in self._planned) else set()
        return frozenset(step.task.module for step in self._steps) | gathering

    def _check(self, document: Document, without_environment: Severity) -> None:
        register_secrets((document.data, self._options.extra_vars), self._templar.redactor)
        self._problems += value_syntax_problems(dict(self._options.extra_vars), None, self._templar)
        facts, found = self._unfolded(document, without_environment)
        self._check_inventories(frozenset().union(*(one.hosts for one in facts)))
        self._steps = [step for steps in found for step in steps]
        for one, steps_of_play in zip(facts, found, strict=True):
            checked = checked_play(one, steps_of_play)
            self._checked.append(checked)
            self._problems += checked.problems
            own = batches(one.hosts, one.play.serial)
            self._planned.append(PlannedPlay(one.play, one.world.inventory, one.hosts, own, checked.gathers))
        self._problems += self._files.problems
        if self._inventory:
            tags = known_tags(self._playbook, self._steps) if self._unfolding.is_complete else None
            self._problems += option_problems(self._playbook, self._planned, self._inventory, self._options, tags)

    def _check_inventories(self, worked_on: frozenset[str]) -> None:
        """Note what is wrong with variables of the inventory, and which of them are secret."""
        self._problems += self._beside.problems
        for inventory in self._beside.all:
            register_secrets([host.variables for host in inventory.hosts.values()], self._templar.redactor)
            register_secrets(list(inventory.written.in_files()) if inventory.written else [], self._templar.redactor)
            # A host that is added while it runs may be in any group.
            needed = inventory.sealed if self._growth else inventory.sealed_for(worked_on)
            self._problems += (one for sealed in needed for one in sealed.problems)
            self._problems += inventory_syntax_problems(inventory, self._templar, worked_on)

    def _unfolded(self, document: Document, without_environment: Severity) -> tuple[list[PlayFacts], list[list[Step]]]:
        """What is known of each play, and its tasks with all that includes lead to.

        What they lead to may set more variables and add hosts, which makes less known: so until nothing new is found.
        """
        plays = list(enumerate(self._playbook.plays))
        found = [steps(play, document, index) for index, play in plays]
        facts: list[PlayFacts] = []
        aimed: list[Targets] = []
        before: object = None
        while True:
            complete, taken_in, growth = self._unfolding.is_complete, taken_in_by(found, self._files), growth_by(found)
            names = names_set_by((document, *self._unfolding.documents.values()))
            names |= self._unfolding.names | taken_in.names
            now = (names, complete, growth, [len(one) for one in found])
            if now == before:
                self._problems += [problem for _, problems in aimed for problem in problems]
                return facts, found
            before = now
            self._grow(growth if complete else replace(growth, open_ended=True))
            aimed = [self._hosts(play, index, document) for index, play in plays]
            hosts = [of_play for of_play, _ in aimed]
            in_order = complete and not self._unfolding.has_circles
            world = World(
                document,
                self._beside.inventory(Path(document.file).parent),
                self._options,
                self._templar,
                names,
                Setters(document, list(zip(found, hosts, strict=True)), self._options, taken_in.names, in_order),
                self._inventory is not None,
                self._growth,
                self._library.defaulted,
                not complete,
                self._library.has_sealed or taken_in.open_ended,
                without_environment,
            )
            facts = [self._facts(world, play, index, hosts[index]) for index, play in plays]
            found = [self._unfolding.of(steps(play, document, index), facts[index]) for index, play in plays]

    def _grow(self, growth: Growth) -> None:
        """Tasks may add these hosts and groups."""
        if bool(growth) != bool(self._growth):
            self._beside = Beside(self._inventory or Inventory({}, {}, ""), self._templar.keys, True)
        self._growth = growth

    def _facts(self, world: World, play: Play, index: int, hosts: tuple[str, ...]) -> PlayFacts:
        around = self._beside.inventory(play.directory)
        seen = world if around is world.inventory else replace(world, inventory=around)
        return PlayFacts(seen, play, index, hosts, self._files.of(PlayFacts(seen, play, index, hosts)))

    def _hosts(self, play: Play, index: int, document: Document) -> Targets:
        if not play.hosts or self._inventory is None:
            return (), ()
        place = document.at((index, "hosts"))
        return targets(play, self._inventory, self._options, self._templar, place, self._growth)


def _in_order(problems: Iterable[Problem], redactor: Redactor) -> tuple[Problem, ...]:
    masked = (
        replace(problem, message=redactor.text(problem.message), hint=redactor.text(problem.hint))
        for problem in problems
    )
    nowhere = Location("", 0, 0)
    return tuple(sorted(dict.fromkeys(masked), key=lambda problem: (problem.location or nowhere, problem.message)))
