"""Making, changing and removing accounts, with whichever programs the host has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from runner.hosts.contract import Host
from runner.modules.accounts import tools
from runner.modules.accounts.database import Account, Accounts
from runner.modules.accounts.wanted import Changes, UserArgs
from runner.modules.system.paths import act

USERMOD: Final[Mapping[str, str]] = {"uid": "-u", "group": "-g", "comment": "-c", "home": "-d", "shell": "-s"}
# What useradd does for a new account, for one that is there without its directory. It takes its name when it is whole.
HOME: Final = """
home=$1 uid=$2 gid=$3 skeleton=$4 mask=$5
new=$home.new
umask "$mask"
mkdir -p "${home%/*}" && rm -rf "$new" || exit 1
if [ -d "$skeleton" ]; then cp -R "$skeleton" "$new" || exit 1; else mkdir "$new" || exit 1; fi
chown -R -h "$uid:$gid" "$new" && chmod "$(printf '%o' $((0777 & ~0$mask)))" "$new" && mv "$new" "$home"
"""
DEFAULT_MASK: Final = "022"


def create(host: Host, args: UserArgs, known: Accounts) -> None:
    """Make the account with all but its password."""
    argv = _adduser(args) if tools.kind(host) == "busybox" else _useradd(args, known)
    tools.run(host, argv, f"add the user {args.name}")


def change(host: Host, args: UserArgs, known: Accounts, changes: Changes) -> None:
    """Put right what differs of an account that exists."""
    account = known.account
    if account is None:
        return
    kind = tools.kind(host)
    _usermod(host, args, kind, changes)
    if "groups" in changes and kind == "busybox":
        _memberships(host, args, changes["groups"])
    if "home directory" in changes:
        _make_home(host, args, account)
    if "password" in changes and args.password is not None:
        # By standard input: the hash is nobody's business who can list processes.
        entry = f"{args.name}:{args.password.reveal()}\n".encode()
        tools.run(host, ("chpasswd", "-e"), f"set the password of {args.name}", entry)
    if lock := _lock(args, kind, changes):
        tools.run(host, lock, f"lock or unlock the password of {args.name}")
    ageing = [
        word for name, (_, option, wanted) in args.ageing.items() if name in changes for word in (option, str(wanted))
    ]
    if ageing:
        tools.run(host, ("chage", *ageing, args.name), f"set how the password of {args.name} ages")


def remove(host: Host, args: UserArgs, known: Accounts) -> None:
    """Remove the account, and its directories if that is wanted."""
    if tools.kind(host) == "busybox":
        argv: tuple[str, ...] = ("deluser", *(["--remove-home"] * args.remove), args.name)
    else:
        argv = ("userdel", *(["-f"] * args.force), *(["-r"] * args.remove), args.name)
    tools.run(host, argv, f"remove the user {args.name}")


def _useradd(args: UserArgs, known: Accounts) -> tuple[str, ...]:
    words: list[str] = []
    if args.uid is not None:
        words += ["-u", str(args.uid), *(["-o"] * args.non_unique)]
    if args.group is not None:
        words += ["-g", args.group]
    elif known.group(args.name) is not None:
        words.append("-N")
    if args.group_names:
        words += ["-G", ",".join(args.group_names)]
    for option, value in (("-c", args.comment), ("-d", args.home), ("-s", args.shell)):
        if value is not None:
            words += [option, value]
    if args.expiry_day:
        words += ["-e", args.expiry_day]
    settings = {"UID_MIN": args.uid_min, "UID_MAX": args.uid_max, "UMASK": args.umask}
    words += [word for key, value in settings.items() if value is not None for word in ("-K", f"{key}={value}")]
    home = ["-m", *(["-k", args.skeleton] if args.skeleton else [])] if args.create_home else ["-M"]
    return ("useradd", *words, *home, *(["-r"] * args.system), args.name)


def _adduser(args: UserArgs) -> tuple[str, ...]:
    if args.non_unique or args.uid_min is not None or args.uid_max is not None or args.umask is not None:
        raise tools.too_small(f"add {args.name} with `non_unique`, `uid_min`, `uid_max` or `umask`")
    if args.expires is not None or any(wanted is not None for _, _, wanted in args.ageing.values()):
        raise tools.too_small(f"let the account {args.name} or its password expire")
    values = {
        "-u": None if args.uid is None else str(args.uid),
        "-G": args.group,
        "-g": args.comment,
        "-h": args.home,
        "-s": args.shell,
        "-k": args.skeleton,
    }
    words = [word for option, value in values.items() if value is not None for word in (option, value)]
    flags = [*(["-S"] * args.system), *(["-H"] * (not args.create_home))]
    return ("adduser", "-D", *flags, *words, args.name)


def _usermod(host: Host, args: UserArgs, kind: tools.Kind, changes: Changes) -> None:
    words: list[str] = []
    for name, option in USERMOD.items():
        if name in changes:
            words += [option, changes[name][1]]
    if "uid" in changes and args.non_unique:
        words.append("-o")
    if "home" in changes and args.move_home:
        words.append("-m")
    if "expires" in changes:
        words += ["-e", args.expiry_day or ""]
    if "groups" in changes and kind == "shadow":
        words += ["-G", changes["groups"][1]]
    if not words:
        return
    if kind == "busybox":
        raise tools.too_small(f"change {', '.join(changes)} of {args.name}")
    tools.run(host, ("usermod", *words, args.name), f"change the user {args.name}")


def _memberships(host: Host, args: UserArgs, groups: tuple[str, str]) -> None:
    before, after = ({name for name in text.split(",") if name} for text in groups)
    for name in sorted(after - before):
        tools.run(host, ("addgroup", args.name, name), f"put {args.name} into the group {name}")
    for name in sorted(before - after):
        tools.run(host, ("delgroup", args.name, name), f"take {args.name} out of the group {name}")


def _make_home(host: Host, args: UserArgs, account: Account) -> None:
    home = args.home or account.home
    mask = (args.umask or DEFAULT_MASK).lstrip("0") or "0"
    words = (home, str(args.uid or account.uid), str(account.gid), args.skeleton or "/etc/skel", mask)
    act(host, HOME, *words, doing=f"make the home directory {home}")


def _lock(args: UserArgs, kind: tools.Kind, changes: Changes) -> tuple[str, ...]:
    if args.password_lock is None or not ("password_lock" in changes or (args.password_lock and "password" in changes)):
        return ()
    option = ("-L", "-U")[not args.password_lock] if kind == "shadow" else ("-l", "-u")[not args.password_lock]
    return ("usermod" if kind == "shadow" else "passwd", option, args.name)
