"""`sentraplay doc`: the reference, from the schemas."""

from __future__ import annotations

import difflib

import click

from runner.errors import UsageError


@click.command()
@click.argument("module", required=False)
def doc(module: str | None) -> None:
    """Show the modules, or one module in full.

    MODULE in full is what it does, its arguments with defaults and examples.
    """
    from runner.reference import module_reference, module_table
    from runner.schema import module_names

    if module is None:
        click.echo(module_table(), nl=False)
        return
    if module not in module_names():
        near = difflib.get_close_matches(module, module_names(), n=1)
        hint = f"did you mean {near[0]}?" if near else "sentraplay doc lists them all"
        raise UsageError(f"there is no module {module}", hint=hint)
    click.echo(module_reference(module), nl=False)
