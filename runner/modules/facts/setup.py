"""setup: the facts of a host, as variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from runner.frozen import frozen
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.modules.facts.gathering import FACT_PATH, GATHER_TIMEOUT, gather, prefixed


@frozen
class SetupArgs:
    gather_subset: tuple[str, ...] = ("all",)
    filter: tuple[str, ...] = ()
    fact_path: str = FACT_PATH
    gather_timeout: int = GATHER_TIMEOUT


class Setup:
    name: ClassVar = "setup"
    Args = SetupArgs

    def preview(self, at: Reading, args: SetupArgs) -> Change:
        facts = _facts(at, args)
        return Change(False, "gathers facts", data=_told(facts, args), facts=as_variables(facts, at.variables))

    def apply(self, at: Acting, args: SetupArgs) -> Outcome:
        facts = _facts(at, args)
        return Outcome(False, _told(facts, args), facts=as_variables(facts, at.variables))


def as_variables(facts: Mapping[str, object], known: Mapping[str, object]) -> dict[str, object]:
    """Facts as variables of a host: each by its name with the prefix, and all in `ansible_facts` beside older ones."""
    before = known.get("ansible_facts")
    older = before if isinstance(before, Mapping) else {}
    return {**prefixed(facts), "ansible_facts": {**older, **facts}}


def _facts(at: Reading, args: SetupArgs) -> dict[str, object]:
    return gather(
        at.host,
        args.gather_subset,
        wanted=args.filter,
        fact_path=args.fact_path,
        gather_timeout=args.gather_timeout,
    )


def _told(facts: Mapping[str, object], args: SetupArgs) -> dict[str, object]:
    told = prefixed(facts)
    if not args.filter:
        told |= {"gather_subset": list(args.gather_subset), "module_setup": True}
    return {"ansible_facts": told}
