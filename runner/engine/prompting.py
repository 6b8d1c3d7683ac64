"""`vars_prompt`: variables somebody is asked for, all of them before anything is done."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from runner.engine.context import Ask
from runner.errors import UsageError
from runner.events import Event, Warned
from runner.plan import Plan
from runner.playbook import Play, Prompt
from runner.secret import Redactor

Answers = Mapping[str, Mapping[str, object]]


def prompted(plan: Plan, ask: Ask | None, redactor: Redactor, tell: Callable[[Event], None]) -> Answers:
    """The answers by path of the play. What -e gives is not asked for; private answers become secrets.

    If nobody can be asked (`ask` is None) defaults are taken, and told; UsageError for what has none.
    """
    return {play.play.path: _of_play(play.play, plan, ask, redactor, tell) for play in plan.plays if play.hosts}


def _of_play(
    play: Play, plan: Plan, ask: Ask | None, redactor: Redactor, tell: Callable[[Event], None]
) -> dict[str, object]:
    answers: dict[str, object] = {}
    for prompt in play.vars_prompt:
        if prompt.name in plan.options.extra_vars:
            continue
        answer = _unasked(prompt, play, tell) if ask is None else _answer(prompt, ask)
        if prompt.private and isinstance(answer, str):
            redactor.register(answer)
        answers[prompt.name] = answer
    return answers


def _answer(prompt: Prompt, ask: Ask) -> object:
    shown = "" if prompt.default is None else f" [{prompt.default}]"
    while True:
        answer = ask(f"{prompt.prompt.rstrip(' :')}{shown}:", not prompt.private)
        if not prompt.confirm or ask(f"confirm {prompt.prompt.rstrip(' :')}:", not prompt.private) == answer:
            break
    return prompt.default if answer == "" and prompt.default is not None else answer


def _unasked(prompt: Prompt, play: Play, tell: Callable[[Event], None]) -> object:
    if prompt.default is None:
        raise UsageError(
            f"'{prompt.name}' is to be asked for, and nobody is there to answer",
            where=str(play.location),
            hint=f"give it with -e {prompt.name}=…, or run it at a terminal",
        )
    message = f"nobody is there to be asked for '{prompt.name}': its default is taken"
    tell(Warned(message, str(play.location), f"give it with -e {prompt.name}=…", at=time.time()))
    return prompt.default
