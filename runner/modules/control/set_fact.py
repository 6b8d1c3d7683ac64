"""set_fact: give the host variables that later tasks see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar

from runner.frozen import frozen
from runner.modules.arguments import REST
from runner.modules.contract import Acting, Change, Outcome, Reading


@frozen
class SetFactArgs:
    cacheable: bool = False
    facts: Mapping[str, object] = field(default_factory=dict, metadata=REST)


class SetFact:
    name: ClassVar = "set_fact"
    Args = SetFactArgs

    def preview(self, at: Reading, args: SetFactArgs) -> Change:
        return Change(False, f"sets {', '.join(args.facts)}", data={"ansible_facts": args.facts}, facts=args.facts)

    def apply(self, at: Acting, args: SetFactArgs) -> Outcome:
        return Outcome(False, {"ansible_facts": args.facts}, facts=args.facts)
