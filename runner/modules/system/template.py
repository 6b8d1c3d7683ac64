"""template: a rendered file to its place on a host."""

from __future__ import annotations

from typing import ClassVar

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.modules.system.attributes import Attributes
from runner.modules.system.copy import carried_out, placed_result
from runner.modules.system.placing import Placing, PlacingPlan, plan_placing
from runner.modules.system.planning import NotThereYet, unknown
from runner.modules.system.sources import GivenContent


@frozen
class TemplateArgs:
    src: str
    dest: str
    mode: str | None = None
    owner: str | None = None
    group: str | None = None
    backup: bool = False
    force: bool = True
    validate: str | None = None


class Template:
    name: ClassVar = "template"
    Args = TemplateArgs

    def preview(self, at: Reading, args: TemplateArgs) -> Change:
        try:
            plan = _plan(at, args)
        except NotThereYet as missing:
            return unknown(missing)
        return Change(plan.needed, plan.summary, plan.diff(at.host), placed_result(plan, at.host))

    def apply(self, at: Acting, args: TemplateArgs) -> Outcome:
        return carried_out(at, _plan(at, args))


def _plan(at: Reading, args: TemplateArgs) -> PlacingPlan:
    path = at.find("templates", args.src)
    try:
        text = at.content(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise TaskFailed(f"the template {path} is not UTF-8", hint="use `copy` for files that are not text") from error
    placing = Placing(
        dest=args.dest,
        attributes=Attributes(args.mode, args.owner, args.group),
        backup=args.backup,
        force=args.force,
        validate=args.validate,
    )
    content = at.render(text).encode("utf-8", "surrogateescape")
    return plan_placing(at.host, GivenContent(content, shown=args.src, is_secret=at.is_encrypted(path)), placing)
