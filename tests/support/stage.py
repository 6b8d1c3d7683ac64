"""A stage for the engine: real playbooks, plans, templates and events; machines that only note what they are asked.

The module `command` is played by `Scripted`, whose command line says how it ends:

| cmd                | end                                                     |
|--------------------|---------------------------------------------------------|
| `ok TEXT`          | nothing changed, TEXT on stdout                         |
| `changed TEXT`     | changed, TEXT on stdout                                 |
| `fail TEXT`        | failed with status 1, TEXT on stderr                    |
| `refute TEXT`      | a verification failed                                   |
| `gone`             | the host cannot be reached                              |
| `flaky N`          | fails the first N times it is asked on that host        |
| `sleep SECONDS`    | waits, as long as nobody interrupts                     |
| `bug`              | an error that is none of ours                           |
| `restored TIME`    | changed, and reports a restored point                   |
"""

from __future__ import annotations

import textwrap
from collections import ChainMap, Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, cast

from runner.engine import Done, Engine
from runner.engine.context import Ask, nobody_to_ask
from runner.errors import ExitCode, HostUnreachable, TaskFailed, VerificationFailed
from runner.events import Event, HostRecap, OutputLine, RunFinished, Status, TaskFinished
from runner.hosts.contract import Become, Host, Hosts
from runner.inventory import Inventory, load_inventory
from runner.journal import decode, encode
from runner.modules.contract import Acting, Change, Diff, Module, Outcome, Reading, RunInfo
from runner.modules.system.command import CommandArgs
from runner.modules.table import MODULES
from runner.plan import Options, Plan, make_plan
from runner.repositories.contract import Repositories
from runner.secret import Redactor
from runner.template import Templar


@dataclass(frozen=True, slots=True)
class Call:
    """One `apply` of the scripted command: what, for which host, on which machine, seen how."""

    cmd: str
    machine: str
    become: str = ""
    env: tuple[tuple[str, str], ...] = ()
    checked: bool = False


@dataclass(frozen=True)
class Machine:
    """A machine nobody connects to; a view of it knows as whom and with which environment."""

    name: str
    become: Become | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    on_output: Callable[[str, str], None] | None = None

    def view(self, **seen: Any) -> Machine:
        return replace(self, **{key: value for key, value in seen.items() if value is not None and key != "deadline"})

    def interrupt(self) -> None:
        """Nothing runs here."""


class Machines:
    def __init__(self) -> None:
        self._open: dict[str, Machine] = {}
        self.resets: list[str] = []

    def get(self, name: str) -> Host:
        return cast(Host, self._open.setdefault(name, Machine(name)))

    def reset(self, name: str) -> None:
        self.resets.append(name)
        self._open.pop(name, None)

    def all_open(self) -> Sequence[Host]:
        return cast(Sequence[Host], tuple(self._open.values()))

    def close(self) -> None:
        self._open.clear()


class NoRepositories:
    closed = 0

    def get(self, name: str) -> Any:
        raise TaskFailed(f"no repository {name}")

    def close(self) -> None:
        self.closed += 1


@dataclass
class Scripted:
    """The module `command`, as the table above says."""

    calls: list[Call] = field(default_factory=list)
    asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    before: Callable[[str, str], None] = lambda cmd, machine: None
    name: ClassVar = "command"
    Args = CommandArgs

    def preview(self, at: Reading, args: CommandArgs) -> Change:
        word, _, rest = (args.cmd or "").partition(" ")
        if word == "ok":
            return Change(False, "nothing", data={"rc": 0, "stdout": rest})
        if word == "changed":
            return Change(True, f"would say {rest}", Diff("said", "", rest), data={"cmd": args.cmd})
        return Change(None, "cannot be known")

    def apply(self, at: Acting, args: CommandArgs) -> Outcome:
        cmd, machine = args.cmd or "", cast(Machine, at.host)
        become = machine.become.user if machine.become else ""
        self.before(cmd, machine.name)
        self.calls.append(Call(cmd, machine.name, become, tuple(machine.env.items()), at.run.check))
        self.asked[cmd, machine.name] += 1
        word, _, rest = cmd.partition(" ")
        if machine.on_output:
            machine.on_output("stdout", rest)
        return self._end(word, rest, at, self.asked[cmd, machine.name])

    def _end(self, word: str, rest: str, at: Acting, times: int) -> Outcome:
        if word == "fail" or (word == "flaky" and times <= int(rest)):
            raise TaskFailed(f"failed: {rest}", hint="try harder", data={"rc": 1, "stderr": rest, "stdout": ""})
        if word == "refute":
            raise VerificationFailed(f"not true: {rest}")
        if word == "gone":
            raise HostUnreachable(f"{at.host.name} does not answer")
        if word == "bug":
            raise ZeroDivisionError("a bug")
        if word == "sleep":
            at.sleep(float(rest))
        data: dict[str, object] = {"rc": 0, "stdout": rest}
        if word == "restored":
            data["restored_point"] = rest
        return Outcome(word in ("changed", "restored"), data, diff=Diff("said", "", rest))


@dataclass
class Run:
    """A run that has ended: its code and what a journal would hold of it."""

    code: ExitCode | None
    events: list[Event]
    calls: list[Call]
    plan: Plan

    def ends(self, name: str = "") -> list[TaskFinished]:
        return [event for event in self.events if isinstance(event, TaskFinished) and name in ("", event.name)]

    def end(self, name: str, host: str = "a") -> TaskFinished:
        (found,) = [event for event in self.ends(name) if event.host == host]
        return found

    def status(self, name: str, host: str = "a") -> Status:
        return self.end(name, host).status

    def result(self, name: str, host: str = "a") -> Mapping[str, Any]:
        return self.end(name, host).result

    def cmds(self, host: str = "") -> list[str]:
        return [call.cmd for call in self.calls if host in ("", call.machine)]

    def recap(self, host: str = "a") -> HostRecap:
        (finished,) = [event for event in self.events if isinstance(event, RunFinished)][-1:]
        return finished.recap[host]


class Killed(BaseException):
    """The process dies here."""


class Stage:
    """Runs playbooks on machines called a, b, c, … (groups: all, and whatever the inventory text says)."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.inventory = directory / "inventory.yml"
        self.redactor = Redactor()
        self.scripted = Scripted()
        self.hosts("a")
        self.clock: Callable[[], float] = Ticks()
        self.engine: Engine | None = None
        self._plans: dict[tuple[str, str], tuple[Plan, Templar]] = {}

    def hosts(self, *names: str, **variables: Mapping[str, object]) -> Stage:
        """The inventory: these hosts, with these variables by host."""
        lines = ["all:", "  hosts:"]
        for name in names:
            lines.append(f"    {name}:")
            lines += [f"      {key}: {value}" for key, value in variables.get(name, {}).items()]
        self.inventory.write_text("\n".join(lines) + "\n")
        self._plans = {}
        return self

    def plan(self, playbook: str, options: Options) -> tuple[Plan, Templar]:
        """The plan and its templar, made once for the same text and options."""
        known = (playbook, repr(options))
        if known not in self._plans:
            self._plans[known] = self._planned(playbook, options)
        return self._plans[known]

    def _planned(self, playbook: str, options: Options) -> tuple[Plan, Templar]:
        path = self.directory / "play.yml"
        path.write_text(textwrap.dedent(playbook))
        templar = Templar([self.directory], self.redactor)
        return make_plan(path, load_inventory([self.inventory]), options, templar), templar

    def run(
        self,
        playbook: str,
        *,
        done: Done | None = None,
        publish: Callable[[Event], None] | None = None,
        modules: Mapping[str, Module[Any]] | None = None,
        hosts: Hosts | None = None,
        ask: Ask = nobody_to_ask,
        follow: Callable[[Inventory], None] = lambda _: None,
        **options: Any,
    ) -> Run:
        """Run it to its end. `publish` sees every event before it is kept; if it raises, the run dies there."""
        plan, templar = self.plan(playbook, Options(**options))
        kept: list[Event] = []

        def keep(*events: Event) -> None:
            for event in events:
                if publish:
                    publish(event)
                kept.append(event if isinstance(event, OutputLine) else decode(*encode(event)))

        first = len(self.scripted.calls)
        self.engine = Engine(
            plan,
            hosts=hosts or cast(Hosts, Machines()),
            repositories=lambda planned: cast(Repositories, NoRepositories()),
            modules=ChainMap(dict(modules or {}), {self.scripted.name: self.scripted}, cast(Any, MODULES)),
            templar=templar,
            redactor=self.redactor,
            publish=keep,
            run=RunInfo("r1", str(plan.playbook.file), "", plan.options.check, plan.options.diff, done is not None),
            done=done,
            clock=self.clock,
            ask=ask,
            follow=follow,
        )
        run = Run(None, kept, [], plan)
        with suppress(Killed):
            run.code = self.engine.execute()
        run.calls = self.scripted.calls[first:]
        return run


class Ticks:
    """A clock that goes on by one second whenever it is read."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


def one(task: str, play: str = "") -> str:
    """A playbook of one play with these tasks (their text starts in column 0)."""
    body = "\n".join(f"    {line}" for line in task.strip("\n").splitlines())
    more = "\n".join(f"  {line}" for line in play.strip("\n").splitlines())
    return f"- hosts: all\n{more}\n  tasks:\n{body}\n"
