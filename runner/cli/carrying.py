"""What `run` and `resume` have in common: inputs read once, every plan made before any is carried out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

from runner.cli.asking import ask
from runner.cli.files import absolute
from runner.cli.invocation import Invocation
from runner.cli.problems import text_of
from runner.errors import ExitCode, InvalidInput, Problem
from runner.frozen import frozen
from runner.secret import Secret

if TYPE_CHECKING:
    from runner.inventory import Inventory
    from runner.journal import Journal
    from runner.plan import Options, Plan
    from runner.template import Templar
    from runner.vault import Keys
    from runner.wiring.assembly import Earlier
    from runner.wiring.watching import Watching


@frozen
class Passwords:
    """Asked for on the command line; each stands in where the inventory says none."""

    login: Secret | None = None
    become: Secret | None = None

    def variables(self) -> dict[str, object]:
        given = {"ansible_password": self.login, "ansible_become_password": self.become}
        return {name: secret.reveal() for name, secret in given.items() if secret}


def passwords_from(invocation: Invocation, login: bool, become: bool) -> Passwords:
    """Ask for what was asked to be asked for, the login password first."""
    return Passwords(
        ask("SSH password", invocation.redactor) if login else None,
        ask("become password", invocation.redactor) if become else None,
    )


@dataclass(frozen=True)
class Carrying:
    invocation: Invocation
    inventories: tuple[str, ...]
    options: Options
    passwords: Passwords
    keys: Keys

    @cached_property
    def inventory(self) -> Inventory:
        from runner.inventory import load_inventory, with_defaults
        from runner.wiring.scripts import run_script

        found = load_inventory(self.inventories, self.keys, run_script)
        return with_defaults(found, self.passwords.variables())

    def plans(self, playbooks: Sequence[Path]) -> tuple[tuple[Plan, Templar], ...]:
        """A plan for each playbook. InvalidInput with the problems of all of them; warnings are shown."""
        found: list[tuple[Plan, Templar]] = []
        problems: list[Problem] = []
        for playbook in playbooks:
            try:
                found.append(self._planned(playbook))
            except InvalidInput as error:
                problems += error.problems
        if problems:
            raise InvalidInput(list(dict.fromkeys(problems)))
        for plan, _ in found:
            for warning in plan.warnings:
                click.echo(self.invocation.redactor.text(text_of(warning)), err=True)
        return tuple(found)

    def _planned(self, playbook: Path) -> tuple[Plan, Templar]:
        from runner.plan import make_plan
        from runner.wiring.assembly import templar_for

        templar = templar_for(playbook, self.keys, check=self.options.check)
        return make_plan(playbook, self.inventory, self.options, templar), templar

    def carry_out(
        self, planned: tuple[Plan, Templar], journal: Journal, watching: Watching, earlier: Earlier | None = None
    ) -> ExitCode:
        """Carry out one plan; the exit code is the run's."""
        from runner.wiring.assembly import Origin, carry_out

        plan, templar = planned
        return carry_out(
            plan,
            templar=templar,
            redactor=self.invocation.redactor,
            journal=journal,
            watching=watching,
            origin=Origin(Path.cwd(), tuple(map(absolute, self.inventories))),
            earlier=earlier,
        )
