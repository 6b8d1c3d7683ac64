"""`sentraplay inventory`: what an inventory says, in the words of `ansible-inventory`."""

from __future__ import annotations

import json
from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from runner.cli import options
from runner.cli.files import existing_inventories
from runner.cli.invocation import Invocation
from runner.cli.keys import GivenKeys, given, keys_from
from runner.cli.limits import limit_of
from runner.cli.problems import text_of
from runner.errors import InvalidInput, UsageError
from runner.suggestions import did_you_mean

if TYPE_CHECKING:
    from runner.inventory import Inventory
    from runner.vault import Keys


@click.command()
@click.argument("group", required=False)
@options.inventories
@click.option("--list", "listing", is_flag=True, help="Every group, and every host with all its variables.")
@click.option("--graph", is_flag=True, help="The groups and hosts as a tree; of GROUP alone if it is given.")
@click.option("--host", metavar="NAME", help="All variables of one host.")
@click.option("--vars", "with_variables", is_flag=True, help="With --graph: variables too.")
@options.limits
@click.option(
    "--playbook-dir",
    metavar="PATH",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Count group_vars and host_vars of this directory too, as for a playbook in it.",
)
@click.option(
    "--output",
    type=click.Choice(["json", "yaml"]),
    help="JSON (the default), or YAML that can be an inventory itself; not with --graph.",
)
@given
@click.pass_obj
def inventory(
    invocation: Invocation,
    group: str | None,
    inventories: tuple[str, ...],
    listing: bool,
    graph: bool,
    host: str | None,
    with_variables: bool,
    limits: tuple[str, ...],
    playbook_dir: Path | None,
    output: Literal["json", "yaml"] | None,
    keys: GivenKeys,
) -> None:
    """Show the hosts, groups and variables of an inventory.

    The output is that of ansible-inventory. One of --list, --graph and --host is needed. Variables are shown as
    they are written; secrets are masked.
    """
    _refuse_what_does_not_go_together(listing, graph, host, group, with_variables, limits, output)
    opening = keys_from(invocation, keys, required=False)
    found = _loaded(invocation, inventories, playbook_dir, opening)
    from runner.inventory import show
    from runner.plan.secrets import masked

    hosts = _limited(found, limits)
    if graph:
        mask = partial(masked, redactor=invocation.redactor) if with_variables else None
        click.echo("\n".join(show.graph(found, _known(group or "all", found.groups, "group"), hosts, mask)))
        return
    if host is not None:
        data = show.of_host(found, _known(host, found.hosts, "host"))
    else:
        data = show.nested(found, hosts) if output == "yaml" else show.listed(found, hosts)
    click.echo(_text(masked(data, invocation.redactor), output))


def _refuse_what_does_not_go_together(
    listing: bool,
    graph: bool,
    host: str | None,
    group: str | None,
    with_variables: bool,
    limits: tuple[str, ...],
    output: str | None,
) -> None:
    if listing + graph + (host is not None) != 1:
        raise UsageError(
            "one of --list, --graph and --host is needed", hint="for example: sentraplay inventory --graph"
        )
    wrong = (
        ("GROUP", group is not None and not graph, "--graph"),
        ("--vars", with_variables and not graph, "--graph"),
        ("--output", output is not None and graph, "--list and --host"),
        ("--limit", bool(limits) and host is not None, "--list and --graph"),
    )
    for option, misplaced, where in wrong:
        if misplaced:
            raise UsageError(f"{option} goes with {where} only")


def _loaded(invocation: Invocation, sources: tuple[str, ...], playbook_dir: Path | None, keys: Keys) -> Inventory:
    """The inventory; warnings are told, and the secrets in it are known from here on."""
    from runner.inventory import beside_playbook, load_inventory, show
    from runner.plan.secrets import register_secrets
    from runner.wiring.scripts import run_script

    found = load_inventory(existing_inventories(sources), keys, run_script)
    if playbook_dir is not None:
        found, problems = beside_playbook(found, playbook_dir, keys)
        if problems:
            raise InvalidInput(problems)
    register_secrets([host.variables for host in found.hosts.values()], invocation.redactor)
    register_secrets([show.of_group(found, group) for group in found.groups], invocation.redactor)
    for sealed in found.sealed:
        click.echo(f"{sealed.file}: warning: it is encrypted and was not opened; its variables are not shown", err=True)
    for warning in found.warnings:
        click.echo(invocation.redactor.text(text_of(warning)), err=True)
    return found


def _limited(found: Inventory, limits: tuple[str, ...]) -> frozenset[str]:
    from runner.inventory import matching
    from runner.plan.options import limit_problems

    limit = limit_of(limits)
    if limit.pattern is None:
        return frozenset(found.groups["all"])
    selection = matching(found, limit.pattern)
    if selection.problems:
        raise InvalidInput(tuple(limit_problems(found, selection.problems, limit.places)))
    return frozenset(selection.hosts)


def _known(name: str, names: Collection[str], kind: str) -> str:
    if name not in names:
        hint = did_you_mean(name, names, f"`sentraplay inventory --graph` shows every {kind}")
        raise UsageError(f"the inventory has no {kind} '{name}'", hint=hint)
    return name


def _text(data: object, output: str | None) -> str:
    if output == "yaml":
        from runner.document import dump

        return dump(data).rstrip("\n")
    return json.dumps(data, indent=4, sort_keys=True, ensure_ascii=False)
