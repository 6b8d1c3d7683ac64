"""A click group that imports a command only when it is used, so that `--help` costs nothing."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping

import click

from runner.frozen import frozen


@frozen
class Entry:
    """A command not loaded yet: the line shown in the list of commands, and how to load it."""

    summary: str
    load: Callable[[], click.Command]


class LazyGroup(click.Group):
    """Lists `entries` in their order; a misspelt command is answered with the nearest name."""

    def __init__(self, *, entries: Mapping[str, Entry], name: str | None = None, help: str | None = None) -> None:
        super().__init__(name=name, help=help, no_args_is_help=False)
        self.entries = entries

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = self.entries.get(cmd_name)
        return entry.load() if entry else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.entries and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], self.entries, n=1)
            ending = f" Did you mean '{near[0]}'?" if near else f" There are: {', '.join(self.entries)}."
            ctx.fail(f"There is no command '{args[0]}'.{ending}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in self.entries.items()])
