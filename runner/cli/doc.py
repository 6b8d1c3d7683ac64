"""`sentraplay doc`: the reference, from the schemas."""

from __future__ import annotations

import difflib

import click

from runner.errors import UsageError


@click.command()
@click.argument("module", metavar="[MODULE|RULE]", required=False)
def doc(module: str | None) -> None:
    """Show the modules, one module in full, or what a kind of problem means.

    MODULE in full is what it does, its arguments with defaults and examples. RULE is the word in brackets
    behind a problem, such as undefined-variable; `rules` lists them all.
    """
    from runner.reference import documented, module_reference, module_table
    from runner.rules import MEANINGS, Rule

    if module is None:
        click.echo(module_table(), nl=False)
        return
    if module == "rules":
        width = max(map(len, MEANINGS))
        click.echo("\n".join(f"{rule:<{width}}  {meaning}" for rule, meaning in MEANINGS.items()))
        return
    if module in MEANINGS:
        click.echo(MEANINGS[Rule(module)])
        return
    if module not in documented():
        near = difflib.get_close_matches(module, [*documented(), *MEANINGS], n=1)
        hint = f"did you mean {near[0]}?" if near else "sentraplay doc lists them all"
        raise UsageError(f"there is no module {module}", hint=hint)
    click.echo(module_reference(module), nl=False)
