"""git: the content of a repository at a place of the host."""

from __future__ import annotations

from typing import ClassVar

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Reader
from runner.modules.contract import Acting, Change, Diff, Outcome, Reading
from runner.modules.git import bringing
from runner.modules.git.arguments import GitArgs, check
from runner.modules.git.refs import Version
from runner.modules.git.repository import Repository, is_there, look, wanted
from runner.modules.system.paths import absolute
from runner.modules.system.planning import NotThereYet, unknown


class GitModule:
    name: ClassVar = "git"
    Args = GitArgs

    def preview(self, at: Reading, args: GitArgs) -> Change:
        check(args)
        try:
            plan = _plan(at.host, args)
        except NotThereYet as missing:
            return unknown(missing)
        return Change(plan.needed, plan.said, _diff(args, plan.before, plan.commit), _told(plan, plan.commit))

    def apply(self, at: Acting, args: GitArgs) -> Outcome:
        check(args)
        plan = _plan(at.host, args)
        if plan.needed is False or plan.version is None:
            return Outcome(False, _told(plan, plan.before))
        if plan.repository is None:
            bringing.clone(at.host, args, absolute(at.host, args.dest), plan.version)
        else:
            bringing.update(at.host, args, plan.repository, plan.version)
        made = look(at.host, args)
        if made is None:
            raise TaskFailed(f"{args.dest} is gone after it was made", hint="something else removes it: run again")
        changed = bool(plan.needed) or _differ(plan, made)
        moved = {"submodules_changed": True} if _submodules(plan) != made.submodules else {}
        lost = {"msg": f"Local modifications exist in the destination: {args.dest}"} if plan.discards else {}
        data = {**_told(plan, made.before), **moved, **lost}
        return Outcome(changed, data, diff=_diff(args, plan.before, made.before))


@frozen
class _Plan:
    """`needed` is None when only the other side could tell; `version` is None when nobody was asked."""

    repository: Repository | None
    version: Version | None
    needed: bool | None
    said: str
    address_changed: bool = False

    @property
    def discards(self) -> bool:
        return self.repository is not None and self.repository.modified

    @property
    def before(self) -> str:
        return self.repository.before if self.repository else ""

    @property
    def commit(self) -> str:
        return self.version.commit if self.version and self.version.commit else self.before


def _plan(reader: Reader, args: GitArgs) -> _Plan:
    repository = look(reader, args)
    if repository is None:
        version = wanted(reader, args)
        return _Plan(None, version, args.clone, f"clones {args.repo}" if args.clone else "is not to be cloned")
    if not args.update:
        return _Plan(repository, None, False, f"{args.dest} is there")
    if repository.modified and not args.force and not repository.cut_off:
        raise TaskFailed(
            f"Local modifications exist in the destination: {args.dest} (force=no).",
            why="they would be lost",
            hint="keep them elsewhere, or say `force: true`",
            data={"before": repository.before},
        )
    version = wanted(reader, args)
    address_changed = repository.address != args.address and not args.bare
    reasons = [
        *(["finishes what was cut off"] * repository.cut_off),
        *(["discards local modifications"] * repository.modified),
        *([f"takes {args.repo} instead of {repository.address}"] * address_changed),
    ]
    there = is_there(reader, args, repository, version)
    if there is False:
        reasons.append(f"{repository.before[:12]} -> {(version.commit or version.name)[:12]}")
    if any(line[:1] in "-+U" for line in repository.submodules.splitlines() if not args.track_submodules):
        reasons.append("updates submodules")
    may = there is None or (args.track_submodules and bool(repository.submodules))
    needed = True if reasons else None if may else False
    return _Plan(
        repository, version, needed, "; ".join(reasons) or f"{args.dest} is at {version.name}", address_changed
    )


def _differ(plan: _Plan, made: Repository) -> bool:
    return (plan.before, _submodules(plan)) != (made.before, made.submodules)


def _submodules(plan: _Plan) -> str:
    return plan.repository.submodules if plan.repository else ""


def _told(plan: _Plan, after: str) -> dict[str, object]:
    told: dict[str, object] = {"before": plan.before or None, "after": after}
    return {**told, "remote_url_changed": plan.address_changed} if plan.repository and plan.version else told


def _diff(args: GitArgs, before: str, after: str) -> Diff | None:
    if before == after:
        return None
    return Diff(args.dest, f"{before}\n" if before else "", f"{after}\n")
