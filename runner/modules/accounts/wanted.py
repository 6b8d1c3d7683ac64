"""A user as a task wants it, and what of that is not so yet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.modules.accounts.database import Account, Accounts, Shadow
from runner.modules.system.planning import NotThereYet
from runner.secret import Secret

DAY: Final = 86_400

Changes = dict[str, tuple[str, str]]
"""What differs: name -> (before, after)."""


@frozen
class UserArgs:
    name: str
    state: Literal["present", "absent"] = "present"
    uid: int | None = None
    non_unique: bool = False
    uid_min: int | None = None
    uid_max: int | None = None
    system: bool = False
    group: str | None = None
    groups: tuple[str, ...] | None = None
    append: bool = False
    comment: str | None = None
    home: str | None = None
    create_home: bool = True
    move_home: bool = False
    skeleton: str | None = None
    umask: str | None = None
    shell: str | None = None
    password: Secret | None = None
    update_password: Literal["always", "on_create"] = "always"
    password_lock: bool | None = None
    password_expire_max: int | None = None
    password_expire_min: int | None = None
    password_expire_warn: int | None = None
    password_expire_account_disable: int | None = None
    expires: float | None = None
    generate_ssh_key: bool = False
    ssh_key_bits: int | None = None
    ssh_key_comment: str = "ansible-generated on $HOSTNAME"
    ssh_key_file: str | None = None
    ssh_key_type: str = "rsa"
    force: bool = False
    remove: bool = False

    @property
    def group_names(self) -> tuple[str, ...] | None:
        """The further groups; a text may hold several, and an empty one none."""
        if self.groups is None:
            return None
        return tuple(name.strip() for one in self.groups for name in one.split(",") if name.strip())

    @property
    def expiry_day(self) -> str | None:
        """The day of the account's end as /etc/shadow counts, empty for never."""
        if self.expires is None:
            return None
        return "" if self.expires < 0 else str(int(self.expires // DAY))

    @property
    def ageing(self) -> dict[str, tuple[int, str, int | None]]:
        """What chage sets: name -> (place in the days of the shadow entry, chage's option, wanted)."""
        return {
            "password_expire_min": (1, "-m", self.password_expire_min),
            "password_expire_max": (2, "-M", self.password_expire_max),
            "password_expire_warn": (3, "-W", self.password_expire_warn),
            "password_expire_account_disable": (4, "-I", self.password_expire_account_disable),
        }


def differences(args: UserArgs, known: Accounts) -> Changes:
    """What is not as wanted of an account that exists; its key and the home directory's content apart."""
    account = known.account
    if account is None:
        return {"state": ("absent", "present")}
    found = dict(_plain(args, known, account))
    groups = _groups(args, known, account)
    if groups is not None:
        found["groups"] = groups
    return {**found, **_from_shadow(args, account.shadow)}


def check_groups(args: UserArgs, known: Accounts) -> None:
    """NotThereYet for a group there is not: an earlier task may make it."""
    for name in (*((args.group,) if args.group else ()), *(args.group_names or ())):
        if known.group(name) is None:
            raise NotThereYet(
                f"Group {name} does not exist", hint="make it first, with `group`", data={"name": args.name}
            )


def _plain(args: UserArgs, known: Accounts, account: Account) -> Iterator[tuple[str, tuple[str, str]]]:
    if args.uid is not None and args.uid != account.uid:
        yield "uid", (str(account.uid), str(args.uid))
    group = known.group(args.group) if args.group else None
    if group is not None and group.gid != account.gid:
        before = known.group(str(account.gid))
        yield "group", (before.name if before else str(account.gid), group.name)
    for name in ("comment", "home", "shell"):
        wanted, found = getattr(args, name), getattr(account, name)
        if wanted is not None and wanted != found:
            yield name, (found, wanted)
    moves = args.move_home and account.has_home and args.home not in (None, account.home)
    if args.create_home and not account.has_wanted_home and not moves:
        yield "home directory", ("absent", "present")


def _groups(args: UserArgs, known: Accounts, account: Account) -> tuple[str, str] | None:
    if args.group_names is None:
        return None
    found = {known.group(name) for name in args.group_names}
    wanted = {group.name for group in found if group is not None}
    before = set(known.memberships(account.name))
    after = before | wanted if args.append else wanted
    return None if after == before else (",".join(sorted(before)), ",".join(sorted(after)))


def _from_shadow(args: UserArgs, shadow: Shadow | None) -> Changes:
    asked = [args.password, args.password_lock, args.expires, *(wanted for _, _, wanted in args.ageing.values())]
    if all(one is None for one in asked):
        return {}
    if shadow is None:
        raise TaskFailed(
            f"whether the password of {args.name} is as wanted cannot be told",
            hint="/etc/shadow is read by root: add `become: true`",
        )
    found: Changes = {}
    # An account without a password may be one whose making was cut off, so `on_create` counts for it too.
    may_set = args.update_password == "always" or not shadow.has_password
    if args.password is not None and not shadow.as_wanted and may_set:
        found["password"] = ("another" if shadow.has_password else "none", "as given")
    if args.password_lock is not None and args.password_lock != shadow.locked:
        found["password_lock"] = (str(shadow.locked).lower(), str(args.password_lock).lower())
    if args.expiry_day is not None and args.expiry_day != shadow.day(5):
        found["expires"] = (shadow.day(5) or "never", args.expiry_day or "never")
    for name, (place, _, wanted) in args.ageing.items():
        if wanted is not None and str(wanted) != (shadow.day(place) or "-1"):
            found[name] = (shadow.day(place) or "never", str(wanted))
    return found
