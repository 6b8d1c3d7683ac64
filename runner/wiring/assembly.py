"""One run of one plan, with real parts: put together, carried out, taken apart however it ends."""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from runner.engine import Done, Engine
from runner.engine.confirming import refuse_without_answers
from runner.engine.context import nobody_to_ask
from runner.engine.prompting import prompted
from runner.errors import ExitCode
from runner.events import Event, RunStarted, Warned
from runner.frozen import frozen
from runner.hosts.contract import Host
from runner.hosts.local import open_local
from runner.inventory import LOCALHOST, Inventory
from runner.journal import Journal
from runner.modules.contract import RunInfo
from runner.modules.table import MODULES
from runner.plan import Plan
from runner.repositories.contract import Repository
from runner.secret import Redactor
from runner.template import Templar
from runner.vault import Keys
from runner.wiring.addresses import definition, is_address
from runner.wiring.bus import Bus
from runner.wiring.git import commit_of
from runner.wiring.hosts import InventoryHosts
from runner.wiring.interruption import Interruption
from runner.wiring.plays import PlayRepositories
from runner.wiring.programs import output_of
from runner.wiring.prompting import Prompter
from runner.wiring.repositories import DefinedRepositories
from runner.wiring.watching import Watching, renderer


@frozen
class Earlier:
    """A run that was broken off: its id, and where it stood."""

    run: str
    done: Done


@frozen
class Origin:
    """What resume must know to find everything again, kept with the run's options."""

    directory: Path
    inventories: tuple[str, ...]

    def added_to(self, event: Event) -> Event:
        if not isinstance(event, RunStarted):
            return event
        known = {"directory": str(self.directory), "inventories": list(self.inventories)}
        return replace(event, options={**event.options, **known})


def templar_for(playbook: Path, keys: Keys, *, check: bool) -> Templar:
    """Templates and files are looked for beside the playbook, then in its templates/ and files/."""
    directory = playbook.parent
    places = [directory, directory / "templates", directory / "files"]
    return Templar(places, keys.redactor, keys, programs=output_of, keeps=not check)


def carry_out(
    plan: Plan,
    *,
    templar: Templar,
    redactor: Redactor,
    journal: Journal,
    watching: Watching,
    origin: Origin,
    earlier: Earlier | None = None,
) -> ExitCode:
    """Carry out `plan` and return how it ended. Every host is left and every repository closed at the end.

    Raises SentraPlayError if the run cannot be recorded, and whatever is a bug of ours.
    """
    can_ask = sys.stdin.isatty()
    with ExitStack() as stack:
        hosts = InventoryHosts(plan.inventory, plan.options.extra_vars, templar, redactor)
        stack.callback(hosts.close)
        hosts.load_ahead({name for planned in plan.plays for name in planned.hosts})
        # All that are known now: a damaged installation must not show in the middle of a recovery.
        for name in plan.modules:
            MODULES[name]
        run = _run_info(plan, earlier)
        shown = renderer(watching)
        bus = Bus(redactor, journal.publish, [shown])
        stack.callback(bus.close)
        interruption = Interruption()
        prompter = Prompter(interruption.event, shown.suspended)
        plan = replace(plan, prompted=prompted(plan, prompter.ask if can_ask else None, redactor, bus.show))
        repositories = PlayRepositories(plan, run, hosts, templar, redactor)
        stack.callback(repositories.close)
        engine = Engine(
            plan,
            hosts=hosts,
            repositories=repositories.of,
            modules=MODULES,
            templar=templar,
            redactor=redactor,
            publish=lambda *events: bus.publish(*map(origin.added_to, events)),
            run=run,
            done=earlier.done if earlier else None,
            follow=hosts.follow,
            ask=prompter.ask if can_ask else nobody_to_ask,
        )
        if not can_ask:
            refuse_without_answers(plan, earlier.done if earlier else Done())
        stop = _in_turn(lambda: bus.show(_stopping()), engine.interrupt)
        with interruption.during(stop=stop, abandon=_in_turn(shown.close, hosts.close)):
            return engine.execute()


@contextmanager
def repository_alone(name: str, inventory: Inventory, extra: Mapping[str, object], keys: Keys) -> Iterator[Repository]:
    """A repository outside any run: by its name in the inventory, where what is said for all hosts counts, or by
    its address (`addresses.definition`), for which no inventory is needed."""
    with _defined_alone(name, inventory, extra, keys) as defined:
        yield defined.get(name)


@contextmanager
def host_alone(name: str, inventory: Inventory, extra: Mapping[str, object], keys: Keys) -> Iterator[Host]:
    """A host of the inventory outside any run, as the user its `ansible_become` names."""
    inventory.refuse_sealed(name)
    hosts = InventoryHosts(inventory, extra, Templar([Path()], keys.redactor, keys), keys.redactor)
    with closing(hosts):
        yield hosts.as_inventory_says(name)


def retention_alone(name: str, inventory: Inventory, extra: Mapping[str, object], keys: Keys) -> Mapping[str, object]:
    """What the definition of a repository says about retention, outside any run; nothing is opened."""
    with _defined_alone(name, inventory, extra, keys) as defined:
        return defined.retention(name)


@contextmanager
def _defined_alone(
    name: str, inventory: Inventory, extra: Mapping[str, object], keys: Keys
) -> Iterator[DefinedRepositories]:
    inventory.refuse_sealed(LOCALHOST)
    redactor = keys.redactor
    templar = Templar([Path()], redactor, keys)
    variables = {**inventory.hosts[LOCALHOST].variables, **extra}
    with ExitStack() as stack:
        hosts = InventoryHosts(inventory, extra, templar, redactor)
        stack.callback(hosts.close)
        own = {name: definition(name)} if is_address(name) else {}
        defined = DefinedRepositories(lambda: variables, own, templar=templar, hosts=hosts, redactor=redactor)
        stack.callback(defined.close)
        yield defined


def _run_info(plan: Plan, earlier: Earlier | None) -> RunInfo:
    with closing(open_local()) as controller:
        commit = commit_of(Path(plan.playbook.file), controller)
    return RunInfo(
        id=earlier.run if earlier else new_run_id(datetime.now(UTC)),
        playbook=plan.playbook.file,
        git_commit=commit,
        check=plan.options.check,
        diff=plan.options.diff,
        resumed=earlier is not None,
    )


def new_run_id(now: datetime) -> str:
    """`20261123T025822Z-3f9a1c`: sorts by time, and is unique."""
    return f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def _stopping() -> Event:
    return Warned("interrupted: stopping what runs on the hosts", hint="once more to stop at once", at=time.time())


def _in_turn(*actions: Callable[[], None]) -> Callable[[], None]:
    def act() -> None:
        for action in actions:
            action()

    return act
