"""copy: files, directories or text to their places on a host."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Reader
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.modules.system.attributes import Attributes
from runner.modules.system.describing import described
from runner.modules.system.paths import absolute, digests
from runner.modules.system.placing import Placing, PlacingPlan, plan_placing
from runner.modules.system.planning import NotThereYet, unknown
from runner.modules.system.sources import GivenContent, OnController, OnTheHost, Source


@frozen
class CopyArgs:
    dest: str
    src: str | None = None
    content: object = None
    remote_src: bool = False
    mode: str | None = None
    directory_mode: str | None = None
    owner: str | None = None
    group: str | None = None
    backup: bool = False
    force: bool = True
    validate: str | None = None
    decrypt: bool = True

    @property
    def placing(self) -> Placing:
        return Placing(
            dest=self.dest,
            attributes=Attributes(self.mode, self.owner, self.group),
            directory_mode=self.directory_mode,
            backup=self.backup,
            force=self.force,
            validate=self.validate,
        )


class Copy:
    name: ClassVar = "copy"
    Args = CopyArgs

    def preview(self, at: Reading, args: CopyArgs) -> Change:
        try:
            plan = _plan(at, args)
        except NotThereYet as missing:
            return unknown(missing)
        return Change(plan.needed, plan.summary, plan.diff(at.host), placed_result(plan, at.host))

    def apply(self, at: Acting, args: CopyArgs) -> Outcome:
        return carried_out(at, _plan(at, args))


def carried_out(at: Acting, plan: PlacingPlan) -> Outcome:
    """Carry a plan out, if there is anything to do."""
    diff = plan.diff(at.host)
    backup = plan.carry_out(at.host) if plan.needed else None
    data = placed_result(plan, at.host)
    return Outcome(plan.needed, data if backup is None else {**data, "backup_file": backup}, diff=diff)


def placed_result(plan: PlacingPlan, reader: Reader) -> Mapping[str, object]:
    """What a registered variable tells about the place as it is now."""
    data: dict[str, object] = {"dest": plan.root, **described(reader.stat(plan.root))}
    if plan.source.shown:
        data["src"] = plan.source.shown
    if not plan.source.is_directory:
        data["checksum"] = digests(reader, [plan.root], "sha1")[0]
    return data


def _plan(at: Reading, args: CopyArgs) -> PlacingPlan:
    into_root = args.src is not None and args.src.endswith("/")
    return plan_placing(at.host, _source(at, args), args.placing, into_root=into_root)


def _source(at: Reading, args: CopyArgs) -> Source:
    if args.src is None:
        return GivenContent(_text(args.content).encode("utf-8", "surrogateescape"))
    if args.content is not None:
        raise TaskFailed("src and content are mutually exclusive", hint="give one of them")
    if args.remote_src:
        return OnTheHost(at.host, absolute(at.host, args.src), args.src)
    return _on_controller(at, at.find("files", args.src), args)


def _on_controller(at: Reading, path: Path, args: CopyArgs) -> Source:
    if not args.decrypt:
        return OnController(path, str(args.src))
    if at.is_encrypted(path):
        return GivenContent(at.content(path), shown=str(args.src), is_secret=True)
    for file in sorted(path.rglob("*")) if path.is_dir() else ():
        if at.is_encrypted(file):
            hint = "copy it in a task of its own, or say `decrypt: false` to copy it as it is"
            raise TaskFailed(f"{file} is encrypted, and only single files are decrypted", hint=hint)
    return OnController(path, str(args.src))


def _text(content: object) -> str:
    """Text as it is; lists and mappings as JSON, like Ansible."""
    if content is None:
        raise TaskFailed("there is nothing to copy", hint="give `src` or `content`")
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
