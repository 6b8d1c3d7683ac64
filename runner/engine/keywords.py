"""What plays, blocks and tasks hand down to what is inside them."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Final

from runner.playbook import Keywords, Play, Search

ADD_UP: Final = frozenset({"when", "tags", "vars", "params", "environment", "module_defaults"})
INNERMOST: Final = tuple(field.name for field in fields(Keywords) if field.name not in ADD_UP)


def of_play(play: Play) -> Keywords:
    """A play's keywords for its tasks. Its `vars` are left out: they rank below facts, a block's above."""
    return replace(play.keywords, vars={})


def inside(outer: Keywords, inner: Keywords) -> Keywords:
    """The keywords that hold inside `inner`: some add up, outermost first; of the rest the innermost counts."""
    said = {name: getattr(inner, name) for name in INNERMOST if getattr(inner, name) is not None}
    return replace(
        outer,
        when=outer.when + inner.when,
        tags=outer.tags + tuple(tag for tag in inner.tags if tag not in outer.tags),
        vars={**outer.vars, **inner.vars} if inner.vars else outer.vars,
        params={**outer.params, **inner.params} if inner.params else outer.params,
        environment=outer.environment + inner.environment,
        module_defaults={**outer.module_defaults, **inner.module_defaults}
        if inner.module_defaults
        else outer.module_defaults,
        **said,
    )


def search(keywords: Keywords, playbook: Path) -> Search:
    """Where the files of a task with these keywords are looked for."""
    return Search(playbook, keywords.directory, keywords.role.directories if keywords.role else ())
