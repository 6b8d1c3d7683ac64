"""Which tasks `--tags` and `--skip-tags` choose, with Ansible's meaning of always, never, all, tagged, untagged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from runner.plan.model import Options
from runner.plan.tree import Step
from runner.playbook import Entry, Playbook, inside

_SPECIAL: Final = frozenset({"all", "always", "never", "tagged", "untagged"})


def selected(tags: Iterable[str], options: Options) -> bool:
    """Whether a task with these tags, inherited ones included, is to be done."""
    own = frozenset(tags) or frozenset({"untagged"})
    return _wanted(own, frozenset(options.tags or ("all",))) and not _skipped(own, frozenset(options.skip_tags))


def _wanted(own: frozenset[str], wanted: frozenset[str]) -> bool:
    if "always" in own or own & wanted:
        return True
    if "never" in own:
        return False
    return "all" in wanted or ("tagged" in wanted and "untagged" not in own)


def _skipped(own: frozenset[str], skipped: frozenset[str]) -> bool:
    if "all" in skipped and ("always" not in own or "always" in skipped):
        return True
    return bool(own & skipped) or ("tagged" in skipped and "untagged" not in own)


def known_tags(playbook: Playbook, steps: Iterable[Step]) -> frozenset[str]:
    """Every tag of a playbook and of the tasks it leads to, and those with a meaning of their own."""
    found = {*_SPECIAL, *(tag for step in steps for level in step.levels for tag in written_tags(level.raw))}
    for play in playbook.plays:
        found.update(play.keywords.tags)
        for entry in play.entries:
            found.update(_tags_of(entry))
    return frozenset(found)


def _tags_of(entry: Entry) -> Iterator[str]:
    yield from entry.keywords.tags
    for inner in inside(entry):
        yield from _tags_of(inner)


def written_tags(raw: Mapping[str, object]) -> Iterator[str]:
    """The tags that are written at an entry."""
    written = raw.get("tags")
    for text in [written] if isinstance(written, str) else written if isinstance(written, list) else ():
        yield from (tag.strip() for tag in str(text).split(","))
