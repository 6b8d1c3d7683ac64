"""Host patterns: `web`, `a:b`, `a,b`, `a:&b`, `a:!b`, `web*`, `web[ab]`, `~regex`, `group[0]`, `group[1:3]`, `all`."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from typing import Final

from runner.errors import InvalidInput, Problem
from runner.frozen import frozen
from runner.inventory.model import Inventory
from runner.inventory.written import ALL, LOCALHOST
from runner.rules import Rule
from runner.suggestions import did_you_mean

_SUBSCRIPT: Final = re.compile(r"(?P<name>.+)\[(?:(?P<index>-?\d+)|(?P<first>-?\d*):(?P<last>-?\d*))\]")
_LOCAL_NAMES: Final = (LOCALHOST, "127.0.0.1", "::1")


@frozen
class Selection:
    """The hosts a pattern means, in order and each once, and what is wrong with the pattern."""

    hosts: tuple[str, ...]
    problems: tuple[Problem, ...] = ()


def matching(inventory: Inventory, pattern: str) -> Selection:
    """What `pattern` selects. As in Ansible, `&` and `!` apply after everything else, wherever they stand."""
    plain: list[str] = []
    narrowing: list[str] = []
    excluding: list[str] = []
    for term in _terms(inventory, pattern):
        {"&": narrowing, "!": excluding}.get(term[0], plain).append(term.lstrip("&!") if term[0] in "&!" else term)
    problems: list[Problem] = []
    if not (plain or narrowing or excluding):
        return Selection(
            (), (Problem("the host pattern is empty", hint="write all, or the name of a group", rule=Rule.NO_HOSTS),)
        )
    hosts = list(_any_of(inventory, plain or [ALL], problems, hosts_first=True))
    for term in narrowing:
        allowed = frozenset(_any_of(inventory, [term], problems))
        hosts = [host for host in hosts if host in allowed]
    excluded = frozenset(_any_of(inventory, excluding, problems))
    return Selection(tuple(host for host in hosts if host not in excluded), tuple(problems))


def select(inventory: Inventory, pattern: str) -> tuple[str, ...]:
    """The hosts a pattern means. May be empty (an empty group). Raises InvalidInput for names nobody has."""
    found = matching(inventory, pattern)
    if found.problems:
        raise InvalidInput(found.problems)
    return found.hosts


def _terms(inventory: Inventory, pattern: str) -> list[str]:
    """The parts of a pattern; a ':' inside brackets or inside a host's own name does not part it."""
    if pattern.strip() in inventory.hosts:
        return [pattern.strip()]
    terms: list[str] = []
    for part in pattern.split(","):
        meant = part.strip().lstrip("&!")
        if meant.startswith("~") or meant in inventory.hosts:
            terms.append(part)
        else:
            terms.extend(re.split(r":(?![^\[]*\])", part))
    return [term.strip() for term in terms if term.strip().lstrip("&!")]


def _any_of(
    inventory: Inventory, terms: Iterable[str], problems: list[Problem], hosts_first: bool = False
) -> Iterable[str]:
    """The hosts of all terms. `hosts_first`: a name that a host and a group have means the host, as in Ansible."""
    found: dict[str, None] = {}
    for term in terms:
        hosts = (term,) if hosts_first and term in inventory.hosts else _one(inventory, term, problems)
        found.update(dict.fromkeys(hosts))
    return found


def _one(inventory: Inventory, term: str, problems: list[Problem]) -> tuple[str, ...]:
    if term.startswith("~"):
        return _by_expression(inventory, term, problems)
    if (subscript := _SUBSCRIPT.fullmatch(term)) and term not in inventory.groups:
        hosts = _one(inventory, subscript["name"], problems)
        return _part_of(hosts, subscript, problems) if hosts else ()
    if term in (ALL, "*"):
        return inventory.groups.get(ALL, ())
    if term in inventory.groups:
        return inventory.groups[term]
    if term in inventory.hosts:
        return (term,)
    if term in _LOCAL_NAMES:
        return (LOCALHOST,)
    if any(character in term for character in "*?["):
        return _by_name(inventory, re.compile(fnmatch.translate(term)), term, problems)
    problems.append(_unknown(inventory, term))
    return ()


def _by_expression(inventory: Inventory, term: str, problems: list[Problem]) -> tuple[str, ...]:
    try:
        expression = re.compile(term[1:])
    except re.error as error:
        problems.append(Problem(f"'{term}' is not a valid regular expression: {error}", rule=Rule.WRONG_VALUE))
        return ()
    return _by_name(inventory, expression, term, problems)


def _by_name(inventory: Inventory, expression: re.Pattern[str], term: str, problems: list[Problem]) -> tuple[str, ...]:
    """The hosts that fit, and those of groups that fit. Unlike in Ansible `a*` does not mean the group `all`."""
    groups = [group for group in inventory.groups if group != ALL and expression.match(group)]
    named = frozenset(inventory.groups.get(ALL, ()))
    hosts = [host for host in inventory.hosts if host in named and expression.match(host)]
    if not groups and not hosts:
        message = f"the pattern '{term}' fits no host and no group of {inventory.file}"
        problems.append(Problem(message, rule=Rule.UNKNOWN_HOST))
    return tuple(dict.fromkeys((*(host for group in groups for host in inventory.groups[group]), *hosts)))


def _part_of(hosts: tuple[str, ...], subscript: re.Match[str], problems: list[Problem]) -> tuple[str, ...]:
    """One host, or a slice of which both ends are included, as in Ansible."""
    if subscript["index"] is not None:
        index = int(subscript["index"])
        if -len(hosts) <= index < len(hosts):
            return (hosts[index],)
        message = f"'{subscript[0]}': '{subscript['name']}' has only {len(hosts)} hosts"
        problems.append(Problem(message, hint="counting starts at 0", rule=Rule.NO_HOSTS))
        return ()
    first = int(subscript["first"] or 0)
    last = int(subscript["last"] or -1)
    return hosts[first:] if last == -1 else hosts[first : last + 1]


def _unknown(inventory: Inventory, name: str) -> Problem:
    known = {*inventory.hosts, *inventory.groups}
    few = f"known are {', '.join(sorted(known))}" if len(known) <= 12 else "`all` means every host"
    message = f"there is no host or group '{name}' in {inventory.file}"
    return Problem(message, hint=did_you_mean(name, known, few), rule=Rule.UNKNOWN_HOST)
