"""user: an account of the host, there as it is wanted, or gone."""

from __future__ import annotations

import re
from typing import ClassVar, Final

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts.contract import Host, Reader
from runner.modules.accounts import changing, ssh_key
from runner.modules.accounts.database import NAME, Account, Accounts, look
from runner.modules.accounts.ssh_key import Key, KeyWish
from runner.modules.accounts.wanted import Changes, UserArgs, check_groups, differences
from runner.modules.contract import Acting, Change, Diff, Outcome, Reading
from runner.modules.system.planning import NotThereYet, unknown

HASH: Final = re.compile(r"[!*x]*|!?(?:\$[0-9a-z]+\$\S+|_[./0-9A-Za-z]{19}|[./0-9A-Za-z]{13})")


class User:
    name: ClassVar = "user"
    Args = UserArgs

    def preview(self, at: Reading, args: UserArgs) -> Change:
        try:
            plan = _plan(at.host, args)
        except NotThereYet as missing:
            return unknown(missing)
        changes = (f"{name} {before} -> {after}" for name, (before, after) in plan.changes.items())
        said = f"{args.name}: {', '.join(changes)}" if plan.changes else f"{args.name} is as wanted"
        return Change(bool(plan.changes), said, _diff(args, plan.changes), _told(args, plan))

    def apply(self, at: Acting, args: UserArgs) -> Outcome:
        plan = _plan(at.host, args)
        if plan.changes:
            _carry_out(at.host, args, plan)
        return Outcome(
            bool(plan.changes),
            _told(args, _plan(at.host, args) if plan.changes else plan),
            diff=_diff(args, plan.changes),
        )


@frozen
class _Plan:
    known: Accounts
    changes: Changes
    key: Key | None = None


def _plan(reader: Reader, args: UserArgs) -> _Plan:
    _check(args)
    known = look(reader, args.name, args.home, args.password)
    account = known.account
    if args.state == "absent":
        return _Plan(known, {"state": ("present", "absent")} if account else {})
    check_groups(args, known)
    changes = differences(args, known)
    key = None
    if args.generate_ssh_key and account is not None:
        key = ssh_key.look(reader, _key_wish(args).path(args.home or account.home))
    if args.generate_ssh_key and (key is None or args.force):
        changes["ssh_key"] = ("another" if key else "absent", "new")
    return _Plan(known, changes, key)


def _carry_out(host: Host, args: UserArgs, plan: _Plan) -> None:
    if args.state == "absent":
        changing.remove(host, args, plan.known)
        return
    if plan.known.account is None:
        changing.create(host, args, plan.known)
        # What useradd could not set is what differs now: the password, ageing.
        plan = _plan(host, args)
    changing.change(host, args, plan.known, plan.changes)
    if "ssh_key" in plan.changes:
        ssh_key.make(host, _key_wish(args), _account(host, args))


def _account(reader: Reader, args: UserArgs) -> Account:
    account = look(reader, args.name).account
    if account is None:
        raise TaskFailed(
            f"{args.name} is gone while it was worked on", hint="something else changes accounts: run again"
        )
    return account


def _check(args: UserArgs) -> None:
    if not re.fullmatch(NAME, args.name):
        raise TaskFailed(f"{args.name!r} cannot be the name of a user", hint="letters, digits, _, - and . may be in it")
    if args.password is not None and not HASH.fullmatch(args.password.reveal()):
        raise TaskFailed(
            f"the password of {args.name} is not a hash",
            why="it would be written into /etc/shadow as it is: readable there, and of no use for a login",
            hint="make a hash of it once with `openssl passwd -6 -stdin` and keep it as a variable",
        )
    for name in ("comment", "home", "shell"):
        if any(sign in (getattr(args, name) or "") for sign in ":\n"):
            raise TaskFailed(f"`{name}` may not hold a colon or a newline", why="lines of /etc/passwd are made of them")


def _key_wish(args: UserArgs) -> KeyWish:
    return KeyWish(args.ssh_key_type, args.ssh_key_bits, args.ssh_key_comment, args.ssh_key_file, args.force)


def _diff(args: UserArgs, changes: Changes) -> Diff | None:
    if not changes:
        return None
    before = "".join(f"{name}: {pair[0]}\n" for name, pair in changes.items())
    return Diff(f"user {args.name}", before, "".join(f"{name}: {pair[1]}\n" for name, pair in changes.items()))


def _told(args: UserArgs, plan: _Plan) -> dict[str, object]:
    told: dict[str, object] = {"name": args.name, "state": args.state}
    account = plan.known.account
    if args.state == "absent":
        return {**told, "force": args.force, "remove": args.remove}
    told |= {"append": args.append, "move_home": args.move_home, "create_home": args.create_home, "system": args.system}
    if account is not None:
        told |= {"uid": account.uid, "group": account.gid, "comment": account.comment}
        told |= {"home": account.home, "shell": account.shell}
    if args.groups is not None:
        told["groups"] = ",".join(args.group_names or ())
    if args.password is not None:
        told["password"] = "NOT_LOGGING_PASSWORD"
    if plan.key is not None and account is not None:
        told["ssh_key_file"] = _key_wish(args).path(account.home)
        told |= {"ssh_public_key": plan.key.public, "ssh_fingerprint": plan.key.fingerprint}
    return told
